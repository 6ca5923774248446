//! Reads the log message by message with an ordered push consumer. In: deliveries of the server.
//! Out: messages without a gap; a gap or silence ends the session, and the next one reads on from
//! the last applied message.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, push};
use async_nats::jetstream::{Context, Message as Delivered};
use async_nats::{Client, Message, Subject, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;

use super::NatsSessionError;
use super::session::NatsSession;

/// The interval of the consumer's idle heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// After so many silent beats the session ends.
const SILENT_BEATS_MAX: u32 = 2;
/// The server deletes the consumer after so long without its reader.
const INACTIVE_THRESHOLD: Duration = Duration::from_secs(30);

/// A reader of the log.
#[derive(Debug)]
pub(super) struct LogReader {
    messages: Subscriber,
    client: Client,
    context: Context,
    /// How many messages were delivered.
    count: u64,
    /// Beats since the last delivery.
    silent_beats: u32,
}

/// A message of the log.
#[derive(Debug)]
pub(super) struct LogMessage {
    pub(super) subject: Subject,
    pub(super) text: Bytes,
    pub(super) seq: u64,
    /// When the server stored it, in ms since 1970.
    pub(super) at: u64,
}

impl LogReader {
    /// Reads from sequence number `from` on.
    pub(super) async fn open(session: &NatsSession, from: u64) -> Result<Self, NatsSessionError> {
        let (client, context) = (session.client.clone(), session.context.clone());
        let inbox = client.new_inbox();
        let refused = |error: String| NatsSessionError::Server(error);
        let subscribed = client.subscribe(inbox.clone()).await;
        let messages = subscribed.map_err(|error| refused(error.to_string()))?;
        let config = push::Config {
            deliver_subject: inbox,
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from.max(1) },
            ack_policy: AckPolicy::None,
            flow_control: true,
            idle_heartbeat: HEARTBEAT,
            memory_storage: true,
            inactive_threshold: INACTIVE_THRESHOLD,
            ..push::Config::default()
        };
        let created = session.stream.create_consumer(config).await;
        created.map_err(|error| refused(error.to_string()))?;
        Ok(Self { messages, client, context, count: 0, silent_beats: 0 })
    }

    /// The next delivery.
    pub(super) async fn next(&mut self) -> Result<Message, NatsSessionError> {
        self.messages.next().await.ok_or(NatsSessionError::Silent)
    }

    /// The message of a delivery; `None` for a heartbeat or a flow control request.
    pub(super) async fn take(
        &mut self,
        message: Message,
    ) -> Result<Option<LogMessage>, NatsSessionError> {
        self.silent_beats = 0;
        if message.status.is_some() {
            self.handle_status(&message).await?;
            return Ok(None);
        }
        let delivered = Delivered { message, context: self.context.clone() };
        let (count, seq, at) = match delivered.info() {
            Ok(info) => {
                let at = info.published.unix_timestamp_nanos() / 1_000_000;
                (info.consumer_sequence, info.stream_sequence, u64::try_from(at).unwrap_or(0))
            }
            Err(_) => {
                return Err(NatsSessionError::Server("a delivery without sequence numbers".into()));
            }
        };
        if count != self.count + 1 {
            return Err(NatsSessionError::MissedMessages);
        }
        self.count = count;
        let Delivered { message, .. } = delivered;
        Ok(Some(LogMessage { subject: message.subject, text: message.payload, seq, at }))
    }

    /// The server pending for a sign that all before was taken, or says how much it has delivered.
    async fn handle_status(&self, message: &Message) -> Result<(), NatsSessionError> {
        let header = |name: &str| message.headers.as_ref().and_then(|all| all.get(name));
        let stalled = header("Nats-Consumer-Stalled").map(|to| Subject::from(to.as_str()));
        if let Some(to) = message.reply.clone().or(stalled) {
            let sent = self.client.publish(to, Bytes::new()).await;
            sent.map_err(|error| NatsSessionError::Server(error.to_string()))?;
        }
        let last = header("Nats-Last-Consumer").and_then(|last| last.as_str().parse::<u64>().ok());
        if last.is_some_and(|last| last != self.count) {
            Err(NatsSessionError::MissedMessages)
        } else {
            Ok(())
        }
    }

    /// Counts one more beat; returns whether nothing was delivered for too long.
    pub(super) const fn count_silent_beat(&mut self) -> bool {
        self.silent_beats += 1;
        self.silent_beats > SILENT_BEATS_MAX
    }
}
