//! A connection to a NATS server and the stream there. In: messages to append, requests. Out: their
//! sequence numbers, or errors. A broken connection is never reopened: another process of the
//! server may have lost events, which the supervisor checks before anything is sent to it.

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
/// How long a response may take; after that the session ends.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// The interval of pings to the server.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// How often a server of a cluster is asked again before a lower sequence number is believed.
const CONFIRMATIONS_MAX: usize = 20;
/// Messages that may wait to be processed; beyond that the session ends and reads on later.
const UNREAD_MAX: usize = 262_144;

/// A session with one process of the server, under one fence.
#[derive(Debug)]
pub(super) struct NatsSession {
    pub(super) client: Client,
    pub(super) context: Context,
    pub(super) stream: Stream<()>,
    pub(super) name: String,
    /// Identifies the process of the server, or `cluster`.
    pub(super) run: String,
    pub(super) fence: String,
    /// The largest message that the server accepts, in bytes.
    pub(super) payload_max: usize,
    /// Whether the session has ended.
    pub(super) over: watch::Sender<bool>,
}

/// The outcome of an append.
#[derive(Debug)]
pub(super) enum AppendOutcome {
    /// It was stored under this sequence number.
    Stored(u64),
    /// Another message of the subject was appended first.
    Conflict,
    /// The outcome is unknown, or the server refused the message.
    Failed { is_refused: bool },
}

/// The server did not respond.
#[derive(Debug)]
pub(super) struct NatsUnavailable;

/// Connects to one server.
pub(super) async fn connect_to(address: &Address) -> Result<Client, NatsSessionError> {
    let auth = address.auth.clone();
    let is_used = AtomicBool::new(false);
    // It connects once and never reconnects: see the header of this file.
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
        .request_timeout(Some(RESPONSE_TIMEOUT))
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(UNREAD_MAX)
        .name("steadfast");
    let server: ServerAddr = address.server.clone();
    Ok(options.connect(server).await?)
}

/// A JetStream context of a connection.
pub(super) fn jetstream(client: &Client) -> Context {
    let mut context = jetstream::new(client.clone());
    context.set_timeout(RESPONSE_TIMEOUT);
    context
}

impl NatsSession {
    /// Ends the session.
    pub(super) fn end(&self) {
        self.over.send_replace(true);
    }

    /// Waits until the session has ended.
    pub(super) async fn ended(&self) {
        // The sender is in `self`, so that this ends with true.
        drop(self.over.subscribe().wait_for(|over| *over).await);
    }

    /// Appends a message if `expected` is the last sequence number of its subject.
    pub(super) async fn append(&self, subject: &str, text: String, expected: u64) -> AppendOutcome {
        let message = PublishMessage::build()
            .payload(Bytes::from(text))
            .expected_stream(&self.name)
            .expected_last_subject_sequence(expected);
        let sent = match self.context.send_publish(subject.to_owned(), message).await {
            Ok(sent) => sent.await,
            Err(error) => Err(error),
        };
        let error = match sent {
            Ok(ack) => return AppendOutcome::Stored(ack.sequence),
            Err(error) => error,
        };
        match error.kind() {
            PublishErrorKind::WrongLastSequence => AppendOutcome::Conflict,
            PublishErrorKind::TimedOut
            | PublishErrorKind::BrokenPipe
            | PublishErrorKind::StreamNotFound => {
                tracing::debug!(%error, "an append was not acknowledged");
                self.end();
                AppendOutcome::Failed { is_refused: false }
            }
            PublishErrorKind::MaxPayloadExceeded => {
                let max = self.payload_max;
                tracing::warn!(max, "an event is larger than the server's `max_payload`: raise it");
                AppendOutcome::Failed { is_refused: false }
            }
            PublishErrorKind::WrongLastMessageId
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::Other => {
                tracing::warn!(%error, "the server refused a message");
                AppendOutcome::Failed { is_refused: true }
            }
        }
    }

    /// How often a lower sequence number than before must be confirmed: the new leader of a
    /// cluster's stream may not have caught up yet.
    pub(super) fn confirmations(&self) -> usize {
        if self.run == "cluster" { CONFIRMATIONS_MAX } else { 1 }
    }

    /// The last sequence number of the stream.
    pub(super) async fn last_sequence(&self) -> Result<u64, NatsUnavailable> {
        match self.stream.get_info().await {
            Ok(info) => Ok(info.state.last_sequence),
            Err(error) => {
                tracing::debug!(%error, "the last sequence number of the stream cannot be read");
                self.end();
                Err(NatsUnavailable)
            }
        }
    }

    /// The last message of a subject: its sequence number and its payload.
    pub(super) async fn last_message(
        &self,
        subject: &str,
    ) -> Result<Option<(u64, Bytes)>, NatsSessionError> {
        match self.stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some((message.sequence, message.payload))),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(NatsSessionError::Server(error.to_string())),
        }
    }

    /// The message of a sequence number; `None` if it was deleted.
    pub(super) async fn message(&self, seq: u64) -> Result<Option<Bytes>, NatsUnavailable> {
        match self.stream.direct_get(seq).await {
            Ok(message) => Ok(Some(message.payload)),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => {
                tracing::debug!(%error, "a message could not be fetched");
                Err(NatsUnavailable)
            }
        }
    }

    /// Deletes one message, unless `seq` is 0.
    pub(super) async fn delete_message(&self, seq: u64) {
        if seq > 0
            && let Err(error) = self.stream.delete_message(seq).await
        {
            tracing::debug!(%error, "a message was not deleted");
        }
    }

    /// Purges the messages of a subject below this sequence number.
    pub(super) async fn purge(&self, subject: &str, below: u64) -> bool {
        // The server takes a limit of 1 as no limit.
        if below <= 1 {
            return true;
        }
        let purged = self.stream.purge().filter(subject).sequence(below).await;
        if let Err(error) = &purged {
            tracing::debug!(%error, "messages were not purged");
        }
        purged.is_ok()
    }
}
