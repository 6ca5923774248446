//! The log, read message by message from where this node stands: a consumer that the server keeps
//! for it alone. In: what the server delivers. Out: messages without a hole; a hole, or silence,
//! ends the session, and the next one reads on from there.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, push};
use async_nats::jetstream::{Context, Message as Delivered};
use async_nats::{Client, Message, Subject, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;

use super::NatsSessionError;
use super::session::NatsSession;

/// How often the server says that there is nothing.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// After so many beats of silence the log is given up.
const SILENT_BEATS_MAX: u32 = 2;
/// After so long without its reader the server forgets the consumer.
const FORGOTTEN: Duration = Duration::from_secs(30);

/// A reader of the log.
#[derive(Debug)]
pub(super) struct LogReader {
    messages: Subscriber,
    client: Client,
    context: Context,
    /// How many messages it was given.
    count: u64,
    /// Beats since something was heard.
    silent_beats: u32,
}

/// A message of the log.
#[derive(Debug)]
pub(super) struct LogMessage {
    pub(super) subject: Subject,
    pub(super) text: Bytes,
    pub(super) seq: u64,
    /// When the log got it, a date in ms.
    pub(super) at: u64,
}

impl LogReader {
    /// Reads from the message numbered `from` on.
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
            inactive_threshold: FORGOTTEN,
            ..push::Config::default()
        };
        let created = session.stream.create_consumer(config).await;
        created.map_err(|error| refused(error.to_string()))?;
        Ok(Self { messages, client, context, count: 0, silent_beats: 0 })
    }

    /// What the server delivers next.
    pub(super) async fn next(&mut self) -> Result<Message, NatsSessionError> {
        self.messages.next().await.ok_or(NatsSessionError::Deaf)
    }

    /// A message of the log; nothing where the server only says that it is there.
    pub(super) async fn take(
        &mut self,
        message: Message,
    ) -> Result<Option<LogMessage>, NatsSessionError> {
        self.silent_beats = 0;
        if message.status.is_some() {
            self.sign(&message).await?;
            return Ok(None);
        }
        let delivered = Delivered { message, context: self.context.clone() };
        let (count, seq, at) = match delivered.info() {
            Ok(info) => {
                let at = info.published.unix_timestamp_nanos() / 1_000_000;
                (info.consumer_sequence, info.stream_sequence, u64::try_from(at).unwrap_or(0))
            }
            Err(_) => {
                return Err(NatsSessionError::Server("a delivery without its numbers".into()));
            }
        };
        if count != self.count + 1 {
            return Err(NatsSessionError::Hole);
        }
        self.count = count;
        let Delivered { message, .. } = delivered;
        Ok(Some(LogMessage { subject: message.subject, text: message.payload, seq, at }))
    }

    /// The server asks for a sign that all before was taken, or says how much it has delivered.
    async fn sign(&self, message: &Message) -> Result<(), NatsSessionError> {
        let header = |name: &str| message.headers.as_ref().and_then(|all| all.get(name));
        let stalled = header("Nats-Consumer-Stalled").map(|to| Subject::from(to.as_str()));
        if let Some(to) = message.reply.clone().or(stalled) {
            let sent = self.client.publish(to, Bytes::new()).await;
            sent.map_err(|error| NatsSessionError::Server(error.to_string()))?;
        }
        let last = header("Nats-Last-Consumer").and_then(|last| last.as_str().parse::<u64>().ok());
        if last.is_some_and(|last| last != self.count) {
            Err(NatsSessionError::Hole)
        } else {
            Ok(())
        }
    }

    /// One more beat; whether nothing was heard for too long.
    pub(super) const fn is_silent(&mut self) -> bool {
        self.silent_beats += 1;
        self.silent_beats > SILENT_BEATS_MAX
    }
}
