//! A node comes to the log: connects, makes the log where there is none, and has the fence
//! checked. In: addresses, and what the node knows. Out: a session, and where to read on from.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use tokio::sync::watch;

use super::record::{KnownEnd, LogRecord, NodeArrival, Told};
use super::session::{Appended, NatsSession, connect_to, jetstream};
use super::{NatsSessionError, NatsShared};

/// How often a waiting node asks again.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// How often another node may have been quicker with the record.
const ATTEMPTS_MAX: usize = 100;
/// The oldest server that does all that is needed.
const VERSION_MIN: (i64, i64, i64) = (2, 9, 0);

/// Comes to the server that is next; the session, and where the log stands.
pub(super) async fn connect(
    shared: &NatsShared,
    attempt: usize,
) -> Result<(NatsSession, u64), NatsSessionError> {
    let at = attempt % shared.addresses.len().max(1);
    let Some(address) = shared.addresses.get(at) else { return Err(NatsSessionError::Over) };
    let client = connect_to(address).await?;
    let server = client.server_info();
    if !client.is_server_compatible(VERSION_MIN.0, VERSION_MIN.1, VERSION_MIN.2) {
        return Err(NatsSessionError::Server(format!("NATS {} is older than 2.9", server.version)));
    }
    let context = jetstream(&client);
    let info = log(shared, &context).await?;
    let name = shared.names.stream.clone();
    let stream = context.get_stream_no_info(&name).await.map_err(refused)?;
    // In a cluster it is the majority of its servers that keeps what was acked, not one process.
    let run = match &info.cluster {
        Some(cluster) if cluster.name.is_some() => "cluster".to_owned(),
        Some(_) | None => server.server_id,
    };
    let (payload_max, fence, over) = (server.max_payload, String::new(), watch::Sender::new(false));
    let mut session = NatsSession { client, context, stream, name, run, fence, payload_max, over };
    while !enter(shared, &mut session).await? {
        tokio::time::sleep(ASK_AGAIN).await;
    }
    let last = session.last().await?;
    Ok((session, last))
}

/// The log, made where there is none.
async fn log(shared: &NatsShared, context: &Context) -> Result<Info, NatsSessionError> {
    let name = &shared.names.stream;
    let error = match context.get_stream(name).await {
        Ok(stream) => {
            let info = stream.cached_info().clone();
            return check(&info.config, &shared.names.all).map(|()| info);
        }
        Err(error) => error,
    };
    let is_missing = matches!(
        error.kind(),
        GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND
    );
    if !is_missing {
        return Err(refused(error));
    }
    let config = Config {
        name: name.clone(),
        subjects: vec![shared.names.all.clone()],
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        num_replicas: shared.replicas,
        allow_direct: true,
        ..Config::default()
    };
    Ok(context.get_or_create_stream(config).await.map_err(refused)?.cached_info().clone())
}

/// A log that drops messages by itself would lose what was acked without telling anybody.
fn check(config: &Config, subjects: &str) -> Result<(), NatsSessionError> {
    let drops = config.retention != RetentionPolicy::Limits
        || config.max_messages > 0
        || config.max_messages_per_subject > 0
        || !config.max_age.is_zero()
        || (config.max_bytes > 0 && config.discard != DiscardPolicy::New);
    let wrong = if drops {
        "drops messages by itself: take its limits away, or discard `new`"
    } else if config.subjects != [subjects] {
        "has other subjects"
    } else if !config.allow_direct || config.deny_purge {
        "must allow direct get and purge"
    } else {
        return Ok(());
    };
    Err(NatsSessionError::Server(format!("the stream {} {wrong}", config.name)))
}

fn refused(error: impl std::error::Error) -> NatsSessionError {
    NatsSessionError::Server(error.to_string())
}

/// Says what this node knows, and takes the fence that holds; false while others are waited for.
pub(super) async fn enter(
    shared: &NatsShared,
    session: &mut NatsSession,
) -> Result<bool, NatsSessionError> {
    let Some(fence) = present(shared, session).await? else { return Ok(false) };
    session.fence = fence;
    Ok(true)
}

/// Writes into the record that this node is there; nothing while others are waited for.
pub(super) async fn present(
    shared: &NatsShared,
    session: &NatsSession,
) -> Result<Option<String>, NatsSessionError> {
    let fresh = format!("{:016x}", getrandom::u64().unwrap_or_default());
    let known = shared.known.lock().clone();
    for _ in 0..ATTEMPTS_MAX {
        let last = settled_last(session, &known).await?;
        let (at, mut record) = record(shared, session).await?;
        let now = shared.date();
        let (node, run) = (&*shared.node, &*session.run);
        let arrival = NodeArrival { node, known: &known, run, last, fresh: &fresh, now };
        let told = record.enter(&arrival);
        if !write(shared, session, &record, at).await? {
            continue;
        }
        return Ok(match told {
            Told::Holds(fence) => Some(fence),
            Told::Wait => None,
        });
    }
    Err(NatsSessionError::Over)
}

/// Where the log stands, asked until it is believed.
async fn settled_last(session: &NatsSession, known: &KnownEnd) -> Result<u64, NatsSessionError> {
    let mut last = session.last().await?;
    if session.run == "cluster" {
        for _ in 0..session.looks() {
            if last >= known.seen {
                break;
            }
            tokio::time::sleep(ASK_AGAIN).await;
            last = session.last().await?;
        }
    }
    Ok(last)
}

/// The record, and the number of the message that it is.
async fn record(
    shared: &NatsShared,
    session: &NatsSession,
) -> Result<(u64, LogRecord), NatsSessionError> {
    let Some((at, text)) = session.last_of(&shared.names.record).await? else {
        return Ok((0, LogRecord::default()));
    };
    let record = serde_json::from_slice(&text);
    let what = "the record of the log cannot be read; is its prefix that of something else?";
    Ok((at, record.map_err(|_| NatsSessionError::Server(what.to_owned()))?))
}

/// Writes the record in the place of the message numbered `at`; false where it is another one now.
async fn write(
    shared: &NatsShared,
    session: &NatsSession,
    record: &LogRecord,
    at: u64,
) -> Result<bool, NatsSessionError> {
    let text = serde_json::to_string(record)
        .map_err(|error| NatsSessionError::Server(error.to_string()))?;
    let appended = session.append(&shared.names.record, text, at).await;
    match appended {
        Appended::At(_) => {
            shared.is_failing(false);
            session.drop_message(at).await;
            Ok(true)
        }
        Appended::Late => Ok(false),
        Appended::Failed { .. } => {
            Err(NatsSessionError::Server("the record was not written".into()))
        }
    }
}

/// This node leaves in peace: nobody has to wait for what it may have seen.
pub(super) async fn leave(shared: &NatsShared) -> Result<(), NatsSessionError> {
    let session = shared.session()?;
    for _ in 0..ATTEMPTS_MAX {
        let (at, mut record) = record(shared, &session).await?;
        record.leave(&shared.node);
        if write(shared, &session, &record, at).await? {
            return Ok(());
        }
    }
    Err(NatsSessionError::Over)
}

/// Whether a server takes what it is sent, for a connection that is new.
pub(super) async fn hear(
    client: &Client,
    subject: String,
) -> Result<async_nats::Subscriber, NatsSessionError> {
    client.subscribe(subject).await.map_err(refused)
}
