//! Publishing from a link. In: events of the app. Out: each one's position, or why it has none.
//! Answers find their way by ticket; how and when an event is sent is the link's business.

use std::collections::HashMap;

use serde::Serialize;
use steadfast_link::{Input, Link, Notice, PublishFailure};
use steadfast_protocol::{ChannelName, EventName, Payload, Position, ReplaceKey};
use tokio::sync::{mpsc, oneshot};

use crate::driver::Command;
use crate::error::PublishError;

/// An event to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    channel: ChannelName,
    event: EventName,
    data: Payload,
    is_final: bool,
    replace: Option<ReplaceKey>,
}

impl Publish {
    /// An event with `data` as JSON; JSON that is already text goes as a [`Payload`], unchanged.
    /// Fails with [`PublishError::Data`] where it cannot be JSON, as a map whose keys are no text.
    pub fn new<T>(channel: ChannelName, event: EventName, data: &T) -> Result<Self, PublishError>
    where
        T: Serialize + ?Sized,
    {
        let data = serde_json::to_string(data).map_err(|error| error.to_string());
        let data = data.and_then(|text| Payload::new(&text).map_err(|error| error.to_string()));
        let data = data.map_err(|reason| PublishError::Data { reason })?;
        Ok(Self { channel, event, data, is_final: false, replace: None })
    }

    /// It ends its channel.
    #[must_use]
    pub const fn ending(mut self) -> Self {
        self.is_final = true;
        self
    }

    /// It may stand in for older events of the channel with the same key.
    #[must_use]
    pub fn replacing(mut self, key: ReplaceKey) -> Self {
        self.replace = Some(key);
        self
    }
}

/// Publishes for a client, from wherever it is moved or cloned to. It does not keep the client
/// alive.
#[derive(Clone)]
pub struct Publisher {
    commands: mpsc::WeakSender<Command<Link>>,
}

impl Publisher {
    pub(crate) const fn new(commands: mpsc::WeakSender<Command<Link>>) -> Self {
        Self { commands }
    }

    /// As [`crate::Client::publish`].
    pub async fn publish<T>(
        &self,
        channel: ChannelName,
        event: EventName,
        data: &T,
    ) -> Result<Position, PublishError>
    where
        T: Serialize + ?Sized + Sync,
    {
        self.send(Publish::new(channel, event, data)?).await
    }

    /// Publishes an event and waits for its position: until there is a session, if there is none.
    /// Where this is given up (dropped) the event may still be published.
    pub async fn send(&self, publish: Publish) -> Result<Position, PublishError> {
        let (tell, told) = oneshot::channel();
        // Not held while waiting for the answer: the app may close the client meanwhile.
        let commands = self.commands.upgrade().ok_or(PublishError::Closed)?;
        let asked = commands.send(Command::Publish(Box::new(publish), tell)).await;
        drop(commands);
        asked.map_err(|_| PublishError::Closed)?;
        // A client that ends tells all tickets before; this is one whose task was killed.
        told.await.unwrap_or(Err(PublishError::Uncertain))
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}

/// Where the answer to a publish goes.
pub(crate) type Answer = oneshot::Sender<Result<Position, PublishError>>;

/// The publishes whose fate is not known. The link bounds how many there are.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    last: u64,
    waiting: HashMap<u64, Answer>,
}

impl Tickets {
    /// Gives a publish its ticket.
    pub(crate) fn take(&mut self, publish: Publish, answer: Answer) -> Input {
        self.last += 1;
        let ticket = self.last;
        self.waiting.insert(ticket, answer);
        let Publish { channel, event, data, is_final, replace } = publish;
        Input::Publish { ticket, channel, event, data, is_final, replace }
    }

    /// Gives an answer to whoever waits for it; other notices come back.
    pub(crate) fn answer(&mut self, notice: Notice) -> Option<Notice> {
        let (ticket, outcome) = match notice {
            Notice::Published { ticket, epoch, offset } => {
                (ticket, Ok(Position::new(epoch, offset)))
            }
            Notice::PublishFailed { ticket, code, message, is_retryable } => {
                (ticket, Err(failed(code, message, is_retryable)))
            }
            other @ (Notice::State { .. }
            | Notice::Subscribed { .. }
            | Notice::Event(_)
            | Notice::Gap { .. }
            | Notice::Finished { .. }
            | Notice::Refused { .. }
            | Notice::Quality(_)
            | Notice::Message { .. }) => return Some(other),
        };
        if let Some(answer) = self.waiting.remove(&ticket) {
            // Nobody waits any more where this fails.
            let _ = answer.send(outcome);
        }
        None
    }
}

fn failed(code: Box<str>, message: String, is_retryable: bool) -> PublishError {
    match PublishFailure::from_code(&code) {
        Some(PublishFailure::OutboxFull) => PublishError::OutboxFull { message },
        Some(PublishFailure::TooLarge) => PublishError::TooLarge { message },
        Some(PublishFailure::Closed) => PublishError::AtRest,
        Some(PublishFailure::Uncertain) => PublishError::Uncertain,
        None => PublishError::Refused { code, message, is_retryable },
    }
}

#[cfg(test)]
mod tests {
    use super::{Publish, Tickets};
    use crate::error::PublishError;
    use steadfast_link::{Input, Notice, PublishFailure};
    use steadfast_protocol::{ChannelName, Epoch, EventName, Payload, Position};
    use tokio::sync::oneshot;

    fn publish(data: &Payload) -> Publish {
        let (channel, event) = (ChannelName::new("a:1"), EventName::new("progress"));
        Publish::new(channel.unwrap(), event.unwrap(), data).unwrap()
    }

    #[test]
    fn raw_json_goes_unchanged() {
        let data = Payload::new(r#"{"b" : 1.0,  "a":2}"#).unwrap();
        assert_eq!(publish(&data).data, data);
    }

    #[test]
    fn data_that_is_no_json_is_refused_at_once() {
        let data = std::collections::HashMap::from([((1, 2), 3)]);
        let (channel, event) = (ChannelName::new("a:1"), EventName::new("progress"));
        let error = Publish::new(channel.unwrap(), event.unwrap(), &data).unwrap_err();
        assert!(matches!(error, PublishError::Data { .. }) && !error.is_retryable(), "{error}");
    }

    #[tokio::test]
    async fn answers_go_to_whoever_has_the_ticket() {
        let mut tickets = Tickets::default();
        let mut ask = || {
            let (tell, told) = oneshot::channel();
            let Input::Publish { ticket, .. } = tickets.take(publish(&Payload::null()), tell)
            else {
                panic!("no publish")
            };
            (ticket, told)
        };
        let ((first, one), (second, two)) = (ask(), ask());
        let code = PublishFailure::Uncertain.as_str().into();
        let message = String::new();
        let is_retryable = false;
        let failed = Notice::PublishFailed { ticket: second, code, message, is_retryable };
        assert_eq!(tickets.answer(failed), None);
        let epoch = Epoch::new("e1").unwrap();
        let published = Notice::Published { ticket: first, epoch: epoch.clone(), offset: 3 };
        assert_eq!(tickets.answer(published), None);
        assert_eq!(one.await.unwrap(), Ok(Position::new(epoch, 3)));
        assert_eq!(two.await.unwrap(), Err(PublishError::Uncertain));
        let other = Notice::Finished { channel: ChannelName::new("a:1").unwrap() };
        assert_eq!(tickets.answer(other.clone()), Some(other));
    }
}
