//! A connection to a NATS server and the log there. In: messages to keep, questions. Out: their
//! numbers, or why not. A connection that breaks stays broken: what was sent by it reaches no other
//! process of the server, which somebody has to look at first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Context};
use async_nats::{Auth, AuthError, Client, ConnectOptions, ServerAddr};
use bytes::Bytes;
use tokio::sync::watch;

use super::NatsSessionError;
use super::address::Address;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer may take; after that the connection is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the server is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// How often a server of a cluster is asked again.
const LOOKS_MAX: usize = 20;
/// Messages that may wait to be looked at; with more the session ends, and begins where it was.
const WAITING_MAX: usize = 262_144;

/// A session with one process of the server, under one fence.
#[derive(Debug)]
pub(super) struct NatsSession {
    pub(super) client: Client,
    pub(super) context: Context,
    pub(super) stream: Stream<()>,
    pub(super) name: String,
    /// The process of the server, as well as it can be told.
    pub(super) run: String,
    pub(super) fence: String,
    /// The largest message that the server takes.
    pub(super) payload_max: usize,
    /// Something showed that it is over.
    pub(super) over: watch::Sender<bool>,
}

/// What became of a message.
#[derive(Debug)]
pub(super) enum Appended {
    /// It has this number.
    At(u64),
    /// Something else was said about the channel before.
    Late,
    /// It is not known, or it was refused.
    Failed { is_refused: bool },
}

/// The server does not answer.
#[derive(Debug)]
pub(super) struct NatsUnavailable;

/// Connects to one server.
pub(super) async fn connect_to(address: &Address) -> Result<Client, NatsSessionError> {
    let auth = address.auth.clone();
    let is_used = AtomicBool::new(false);
    // It tries once, and comes back never: see the head of this file.
    let options = ConnectOptions::with_auth_callback(move |_| {
        let answer = if is_used.swap(true, Ordering::Relaxed) {
            Err(AuthError::new("a session has one connection"))
        } else {
            let (username, password) = (auth.user.clone(), auth.password.clone());
            let token = auth.token.clone();
            let mut auth = Auth::new();
            (auth.username, auth.password, auth.token) = (username, password, token);
            Ok(auth)
        };
        async move { answer }
    });
    let options = options
        .max_reconnects(1)
        .reconnect_delay_callback(|_| Duration::ZERO)
        .ignore_discovered_servers()
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(ANSWER_TIMEOUT))
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(WAITING_MAX)
        .name("steadfast");
    let server: ServerAddr = address.server.clone();
    Ok(options.connect(server).await?)
}

/// JetStream by way of a connection.
pub(super) fn jetstream(client: &Client) -> Context {
    let mut context = jetstream::new(client.clone());
    context.set_timeout(ANSWER_TIMEOUT);
    context
}

impl NatsSession {
    /// It is over: whoever waits for it need not wait any more.
    pub(super) fn end(&self) {
        self.over.send_replace(true);
    }

    /// Waits until it is over.
    pub(super) async fn is_over(&self) {
        // The sender is in `self`, so that this ends with true.
        drop(self.over.subscribe().wait_for(|over| *over).await);
    }

    /// Keeps a message behind the one numbered `expected`, of those of its subject.
    pub(super) async fn append(&self, subject: &str, text: String, expected: u64) -> Appended {
        let message = PublishMessage::build()
            .payload(Bytes::from(text))
            .expected_stream(&self.name)
            .expected_last_subject_sequence(expected);
        let sent = match self.context.send_publish(subject.to_owned(), message).await {
            Ok(sent) => sent.await,
            Err(error) => Err(error),
        };
        let error = match sent {
            Ok(ack) => return Appended::At(ack.sequence),
            Err(error) => error,
        };
        match error.kind() {
            PublishErrorKind::WrongLastSequence => Appended::Late,
            PublishErrorKind::TimedOut
            | PublishErrorKind::BrokenPipe
            | PublishErrorKind::StreamNotFound => {
                tracing::debug!(%error, "a message was not answered");
                self.end();
                Appended::Failed { is_refused: false }
            }
            PublishErrorKind::MaxPayloadExceeded => {
                let max = self.payload_max;
                tracing::warn!(max, "an event is larger than the server's `max_payload`: raise it");
                Appended::Failed { is_refused: false }
            }
            PublishErrorKind::WrongLastMessageId
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::Other => {
                tracing::warn!(%error, "the server refused a message");
                Appended::Failed { is_refused: true }
            }
        }
    }

    /// How often it is asked again before it is believed that it knows less than before: who is new
    /// at leading a log of a cluster may not have caught up with it yet.
    pub(super) fn looks(&self) -> usize {
        if self.run == "cluster" { LOOKS_MAX } else { 1 }
    }

    /// The number of the newest message.
    pub(super) async fn last(&self) -> Result<u64, NatsUnavailable> {
        match self.stream.get_info().await {
            Ok(info) => Ok(info.state.last_sequence),
            Err(error) => {
                tracing::debug!(%error, "the log does not say where it stands");
                self.end();
                Err(NatsUnavailable)
            }
        }
    }

    /// The newest message of a subject: its number and what it says.
    pub(super) async fn last_of(
        &self,
        subject: &str,
    ) -> Result<Option<(u64, Bytes)>, NatsSessionError> {
        match self.stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some((message.sequence, message.payload))),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(NatsSessionError::Server(error.to_string())),
        }
    }

    /// A message by its number; nothing where it is there no more.
    pub(super) async fn message(&self, seq: u64) -> Result<Option<Bytes>, NatsUnavailable> {
        match self.stream.direct_get(seq).await {
            Ok(message) => Ok(Some(message.payload)),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => {
                tracing::debug!(%error, "a message could not be had");
                Err(NatsUnavailable)
            }
        }
    }

    /// Has the log drop one message, if there is such a number.
    pub(super) async fn drop_message(&self, seq: u64) {
        if seq > 0
            && let Err(error) = self.stream.delete_message(seq).await
        {
            tracing::debug!(%error, "the log did not drop a message");
        }
    }

    /// Has the log drop messages of a subject below this number.
    pub(super) async fn purge(&self, subject: &str, below: u64) -> bool {
        // The server takes a limit of 1 for none at all.
        if below <= 1 {
            return true;
        }
        let purged = self.stream.purge().filter(subject).sequence(below).await;
        if let Err(error) = &purged {
            tracing::debug!(%error, "the log did not drop what it could");
        }
        purged.is_ok()
    }
}
