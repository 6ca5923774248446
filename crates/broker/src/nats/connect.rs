//! Opens a session with the log: connects, creates the stream if there is none, and has the fence
//! checked. In: addresses, and what the node knows. Out: a session, and the log's last sequence.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};
use tokio::sync::watch;

use super::record::{FenceDecision, KnownEnd, LogRecord, NodeArrival};
use super::session::{AppendOutcome, NatsSession, connect_to, jetstream};
use super::{NatsSessionError, NatsShared};

/// How long a node waits between two attempts.
const RETRY_DELAY: Duration = Duration::from_millis(50);
/// How many conflicts with other nodes a write of the record survives.
const ATTEMPTS_MAX: usize = 100;
/// The oldest server version that has every feature needed.
const VERSION_MIN: (i64, i64, i64) = (2, 9, 0);

/// Connects to the next server; returns the session and the log's last sequence number.
pub(super) async fn connect(
    shared: &NatsShared,
    attempt: usize,
) -> Result<(NatsSession, u64), NatsSessionError> {
    let at = attempt % shared.addresses.len().max(1);
    let Some(address) = shared.addresses.get(at) else { return Err(NatsSessionError::Ended) };
    let client = connect_to(address).await?;
    let server = client.server_info();
    if !client.is_server_compatible(VERSION_MIN.0, VERSION_MIN.1, VERSION_MIN.2) {
        return Err(NatsSessionError::Server(format!("NATS {} is older than 2.9", server.version)));
    }
    let context = jetstream(&client);
    let info = open_stream(shared, &context).await?;
    let name = shared.names.stream.clone();
    let stream = context.get_stream_no_info(&name).await.map_err(server_error)?;
    // In a cluster a majority of its servers keeps what was acknowledged, not one process.
    let run = match &info.cluster {
        Some(cluster) if cluster.name.is_some() => "cluster".to_owned(),
        Some(_) | None => server.server_id,
    };
    let (payload_max, fence, over) = (server.max_payload, String::new(), watch::Sender::new(false));
    let mut session = NatsSession { client, context, stream, name, run, fence, payload_max, over };
    while !enter(shared, &mut session).await? {
        tokio::time::sleep(RETRY_DELAY).await;
    }
    let last = session.last_sequence().await?;
    Ok((session, last))
}

/// Opens the stream, creating it if it does not exist.
async fn open_stream(shared: &NatsShared, context: &Context) -> Result<Info, NatsSessionError> {
    let name = &shared.names.stream;
    let error = match context.get_stream(name).await {
        Ok(stream) => {
            let info = stream.cached_info().clone();
            return check_config(&info.config, &shared.names.all).map(|()| info);
        }
        Err(error) => error,
    };
    let is_missing = matches!(
        error.kind(),
        GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND
    );
    if !is_missing {
        return Err(server_error(error));
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
    Ok(context.get_or_create_stream(config).await.map_err(server_error)?.cached_info().clone())
}

/// Refuses a stream that drops messages by itself: acknowledged events would be lost silently.
fn check_config(config: &Config, subjects: &str) -> Result<(), NatsSessionError> {
    let drops = config.retention != RetentionPolicy::Limits
        || config.max_messages > 0
        || config.max_messages_per_subject > 0
        || !config.max_age.is_zero()
        || (config.max_bytes > 0 && config.discard != DiscardPolicy::New);
    let wrong = if drops {
        "drops messages by itself: remove its limits, or set discard to `new`"
    } else if config.subjects != [subjects] {
        "has other subjects"
    } else if !config.allow_direct || config.deny_purge {
        "must allow direct get and purge"
    } else {
        return Ok(());
    };
    Err(NatsSessionError::Server(format!("the stream {} {wrong}", config.name)))
}

fn server_error(error: impl std::error::Error) -> NatsSessionError {
    NatsSessionError::Server(error.to_string())
}

/// Reports what this node knows and takes over the valid fence; false while the reports of other
/// nodes are awaited.
pub(super) async fn enter(
    shared: &NatsShared,
    session: &mut NatsSession,
) -> Result<bool, NatsSessionError> {
    let Some(fence) = announce_presence(shared, session).await? else { return Ok(false) };
    session.fence = fence;
    Ok(true)
}

/// Writes this node's presence into the record; returns the valid fence, or `None` while the
/// reports of other nodes are awaited.
pub(super) async fn announce_presence(
    shared: &NatsShared,
    session: &NatsSession,
) -> Result<Option<String>, NatsSessionError> {
    let fresh = format!("{:016x}", getrandom::u64().unwrap_or_default());
    let known = shared.known.lock().clone();
    for _ in 0..ATTEMPTS_MAX {
        let last = confirmed_last(session, &known).await?;
        let (at, mut record) = read_record(shared, session).await?;
        let now = shared.date();
        let (node, run) = (&*shared.node, &*session.run);
        let arrival = NodeArrival { node, known: &known, run, last, fresh: &fresh, now };
        let decision = record.enter(&arrival);
        if !write_record(shared, session, &record, at).await? {
            continue;
        }
        return Ok(match decision {
            FenceDecision::Holds(fence) => Some(fence),
            FenceDecision::Wait => None,
        });
    }
    Err(NatsSessionError::Ended)
}

/// Reads the log's last sequence number, again if it is below one that was seen.
async fn confirmed_last(session: &NatsSession, known: &KnownEnd) -> Result<u64, NatsSessionError> {
    let mut last = session.last_sequence().await?;
    if session.run == "cluster" {
        for _ in 0..session.confirmations() {
            if last >= known.seen {
                break;
            }
            tokio::time::sleep(RETRY_DELAY).await;
            last = session.last_sequence().await?;
        }
    }
    Ok(last)
}

/// Reads the record and the sequence number of its message.
async fn read_record(
    shared: &NatsShared,
    session: &NatsSession,
) -> Result<(u64, LogRecord), NatsSessionError> {
    let Some((at, text)) = session.last_message(&shared.names.record).await? else {
        return Ok((0, LogRecord::default()));
    };
    let record = serde_json::from_slice(&text);
    let what =
        "the record of the stream cannot be parsed; does another application use its prefix?";
    Ok((at, record.map_err(|_| NatsSessionError::Server(what.to_owned()))?))
}

/// Replaces the record at sequence number `at`; false if another node replaced it first.
async fn write_record(
    shared: &NatsShared,
    session: &NatsSession,
    record: &LogRecord,
    at: u64,
) -> Result<bool, NatsSessionError> {
    let text = serde_json::to_string(record)
        .map_err(|error| NatsSessionError::Server(error.to_string()))?;
    let appended = session.append(&shared.names.record, text, at).await;
    match appended {
        AppendOutcome::Stored(_) => {
            shared.is_failing(false);
            session.delete_message(at).await;
            Ok(true)
        }
        AppendOutcome::Conflict => Ok(false),
        AppendOutcome::Failed { .. } => {
            Err(NatsSessionError::Server("the record was not written".into()))
        }
    }
}

/// Removes this node from the record, so that no other node waits for its report.
pub(super) async fn leave(shared: &NatsShared) -> Result<(), NatsSessionError> {
    let session = shared.session()?;
    for _ in 0..ATTEMPTS_MAX {
        let (at, mut record) = read_record(shared, &session).await?;
        record.leave(&shared.node);
        if write_record(shared, &session, &record, at).await? {
            return Ok(());
        }
    }
    Err(NatsSessionError::Ended)
}

/// Subscribes to a subject.
pub(super) async fn subscribe(
    client: &Client,
    subject: String,
) -> Result<async_nats::Subscriber, NatsSessionError> {
    client.subscribe(subject).await.map_err(server_error)
}
