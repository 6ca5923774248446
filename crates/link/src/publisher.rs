//! What the app has published and the server has not answered: bounded, in order, each with a key
//! of its own, so that sending it again makes no second event. In: publishes, answers, sessions
//! that end, the time. Out: what to send next, and what has failed. Must not know sockets.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;

use steadfast_machine::{Millis, Rng, Span, Wake};
use steadfast_protocol::{PublishFrame, ReplaceKey, Scalar};

use crate::backoff::{doubled, jittered};
use crate::{Config, PublishFailure, Why};

/// Publishes under way at once, at most.
const IN_FLIGHT_MAX: usize = 16;
/// Their bytes, so that signs of life get through beside them; a larger one goes alone.
const IN_FLIGHT_BYTES_MAX: usize = 32 * 1024;
/// How long after it was first sent a publish may be sent again. The server knows its key for
/// five minutes.
const UNCERTAIN_AFTER: Span = Span::seconds(240);
/// How often the server may say "later" to one publish before the app is told.
const TRIES_MAX: u32 = 5;
/// The pause after the first such answer; doubled for each further one.
const RETRY_MIN: Span = Span::seconds(1);
/// The longest such pause.
const RETRY_MAX: Span = Span::seconds(8);
/// The pace in the long run, below what servers take from one session.
const PACE: Span = Span(25);
/// How far a burst may run ahead of it: 40 publishes.
const PACE_AHEAD: Span = Span::seconds(1);
/// What a frame takes beyond its names and its data, at most.
const FRAME_BYTES: usize = 192;

/// The publishes of a link that wait or are under way.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    all: VecDeque<PendingPublish>,
    bytes: usize,
    last_sequence: u64,
    /// Before this the pace permits nothing, but for [`PACE_AHEAD`].
    paced_to: Millis,
    /// The largest message that the server takes.
    message_bytes_max: u64,
}

/// One publish.
#[derive(Clone, Debug)]
pub(crate) struct PendingPublish {
    pub(crate) ticket: u64,
    frame: PublishFrame,
    state: PublishState,
    /// When it was first sent, while the server may have it and has not said so.
    doubted_since: Option<Millis>,
    /// How often it was sent since then.
    sent: u32,
    /// Whether nobody knows how long ago that was, so that it is never sent again.
    is_timeless: bool,
    tries: u32,
}

/// Where a publish stands on the session of the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PublishState {
    /// It was not sent.
    Waiting,
    /// The server could not take it for now.
    Again { at: Millis },
    /// It was sent with this id.
    Sent { request: u32 },
}

/// What is to be done with the next publish.
#[derive(Debug)]
pub(crate) enum PublisherStep {
    /// Send it.
    Send(Box<PublishFrame>),
    /// Tell the app that it has failed; it is forgotten.
    Fail(u64, PublishFailure),
}

/// What an error of the server leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ErrorOutcome {
    /// It is about no publish.
    Other,
    /// The publish is sent again later.
    Again,
    /// The app is to be told; the publish is forgotten. The server may yet have it, from a time
    /// that it was not answered.
    Failed { ticket: u64, is_uncertain: bool },
}

impl Publisher {
    /// Nothing published yet.
    pub(crate) const fn new() -> Self {
        Self {
            all: VecDeque::new(),
            bytes: 0,
            last_sequence: 0,
            paced_to: Millis::ZERO,
            message_bytes_max: u64::MAX,
        }
    }

    /// Takes a publish, if there is room.
    pub(crate) fn add(
        &mut self,
        ticket: u64,
        mut frame: PublishFrame,
        config: &Config,
    ) -> Result<(), PublishFailure> {
        let bytes = bytes(&frame);
        if bytes > config.publish_bytes_max {
            return Err(PublishFailure::TooLarge);
        }
        let is_full = self.all.len() >= config.publish_messages_max;
        if is_full || self.bytes + bytes > config.publish_bytes_max {
            return Err(PublishFailure::OutboxFull);
        }
        self.last_sequence += 1;
        frame.idempotency_key = ReplaceKey::new(&format!("{}", self.last_sequence)).ok();
        self.bytes += bytes;
        self.all.push_back(PendingPublish {
            ticket,
            frame,
            state: PublishState::Waiting,
            doubted_since: None,
            sent: 0,
            is_timeless: false,
            tries: 0,
        });
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A session has begun, whose server takes messages of so many bytes.
    pub(crate) const fn on_welcome(&mut self, message_bytes_max: u64) {
        self.message_bytes_max = message_bytes_max;
    }

    /// The session is gone, and with it the answers that were on their way.
    pub(crate) fn on_session_lost(&mut self) {
        for entry in &mut self.all {
            if let PublishState::Sent { .. } = entry.state {
                entry.state = PublishState::Waiting;
            }
        }
    }

    /// The device slept for a time that nobody may have counted.
    pub(crate) fn on_resumed(&mut self) {
        for entry in &mut self.all {
            entry.is_timeless |= entry.doubted_since.is_some();
        }
    }

    /// The next thing to do on a session; to be asked until there is none.
    pub(crate) fn next(
        &mut self,
        now: Millis,
        new_request: impl FnOnce() -> u32,
    ) -> Option<PublisherStep> {
        let (index, at) = self.first()?;
        let entry = self.all.get_mut(index)?;
        let failure = if at > now {
            return None;
        } else if entry.is_timeless {
            PublishFailure::Uncertain
        } else if frame_bytes(&entry.frame) as u64 > self.message_bytes_max {
            PublishFailure::TooLarge
        } else {
            let request = new_request();
            entry.state = PublishState::Sent { request };
            entry.doubted_since.get_or_insert(now);
            entry.sent += 1;
            self.paced_to = self.paced_to.max(now) + PACE;
            let mut frame = Box::new(entry.frame.clone());
            frame.id = Some(Scalar::number(request.into()));
            return Some(PublisherStep::Send(frame));
        };
        let ticket = self.take(index)?.ticket;
        Some(PublisherStep::Fail(ticket, failure))
    }

    /// Takes out a publish that was sent too long ago to be sent again.
    pub(crate) fn take_overdue(&mut self, now: Millis) -> Option<u64> {
        let is_overdue = |one: &PendingPublish| one.overdue_at().is_some_and(|at| at <= now);
        let index = self.all.iter().position(is_overdue)?;
        self.take(index).map(|entry| entry.ticket)
    }

    /// Takes out the publish that the server has answered.
    pub(crate) fn take_answered(&mut self, request: u32) -> Option<u64> {
        let index = self.sent(request)?;
        self.take(index).map(|entry| entry.ticket)
    }

    /// The server did not take the publish that was sent with this id.
    pub(crate) fn refuse(
        &mut self,
        now: Millis,
        request: u32,
        is_retryable: bool,
        jitter: (u32, &mut Rng),
    ) -> ErrorOutcome {
        let Some(index) = self.sent(request) else { return ErrorOutcome::Other };
        let Some(entry) = self.all.get_mut(index) else { return ErrorOutcome::Other };
        entry.tries += 1;
        let is_uncertain = entry.sent > 1;
        if !is_retryable || entry.tries >= TRIES_MAX {
            return match self.take(index) {
                Some(PendingPublish { ticket, .. }) => {
                    ErrorOutcome::Failed { ticket, is_uncertain }
                }
                None => ErrorOutcome::Other,
            };
        }
        if !is_uncertain {
            entry.doubted_since = None;
            entry.is_timeless = false;
            entry.sent = 0;
        }
        let pause = doubled(RETRY_MIN, entry.tries - 1, RETRY_MAX);
        let (percent, rng) = jitter;
        entry.state = PublishState::Again { at: now + jittered(pause, percent, rng) };
        ErrorOutcome::Again
    }

    /// Takes out the first of all, in whatever state it is, and says how it has failed.
    pub(crate) fn give_up(&mut self) -> Option<(u64, PublishFailure)> {
        let entry = self.take(0)?;
        let failure = match entry.doubted_since {
            Some(_) => PublishFailure::Uncertain,
            None => PublishFailure::Closed,
        };
        Some((entry.ticket, failure))
    }

    /// When something will be due; `open_at` is from when on a session, if there is one, may speak.
    pub(crate) fn next_deadline(&self, open_at: Option<Millis>) -> Option<Wake<Why>> {
        let overdue_at = self.all.iter().filter_map(PendingPublish::overdue_at).min();
        let next_at = open_at.and_then(|open_at| self.first().map(|(_, at)| at.max(open_at)));
        let at = overdue_at.into_iter().chain(next_at).min()?;
        Some(Wake::new(at, Why::Publish))
    }

    /// The publish to be sent next, and when. Of a channel only the oldest is ever under way, so
    /// that one which has to be sent again still comes before the later ones.
    fn first(&self) -> Option<(usize, Millis)> {
        let in_flight = || self.all.iter().filter(|one| one.is_sent());
        if in_flight().count() >= IN_FLIGHT_MAX {
            return None;
        }
        let paced_at = Millis::ZERO + (self.paced_to.since(Millis::ZERO) - PACE_AHEAD);
        let due_at = |index: usize, one: &PendingPublish| match one.state {
            PublishState::Sent { .. } => None,
            _ if !self.is_oldest(index, one) => None,
            PublishState::Waiting => Some((index, paced_at)),
            PublishState::Again { at } => Some((index, at.max(paced_at))),
        };
        let due = self.all.iter().enumerate().filter_map(|(index, one)| due_at(index, one));
        let (index, at) = due.min_by_key(|&(_, at)| at)?;
        let bytes_in_flight: usize = in_flight().map(|one| bytes(&one.frame)).sum();
        let bytes = self.all.get(index).map_or(0, |one| bytes(&one.frame));
        let has_room = bytes_in_flight == 0 || bytes_in_flight + bytes <= IN_FLIGHT_BYTES_MAX;
        has_room.then_some((index, at))
    }

    fn is_oldest(&self, index: usize, entry: &PendingPublish) -> bool {
        let mut before = self.all.iter().take(index);
        !before.any(|one| one.frame.channel == entry.frame.channel)
    }

    fn sent(&self, request: u32) -> Option<usize> {
        self.all.iter().position(|one| one.state == PublishState::Sent { request })
    }

    fn take(&mut self, index: usize) -> Option<PendingPublish> {
        let entry = self.all.remove(index)?;
        self.bytes -= bytes(&entry.frame);
        Some(entry)
    }
}

impl PendingPublish {
    const fn is_sent(&self) -> bool {
        matches!(self.state, PublishState::Sent { .. })
    }

    fn overdue_at(&self) -> Option<Millis> {
        self.doubted_since.map(|since| since + UNCERTAIN_AFTER)
    }
}

impl PublishFailure {
    /// In words, for a developer.
    pub(crate) fn message(self, config: &Config) -> String {
        match self {
            Self::OutboxFull => format!(
                "{} publishes or {} bytes wait to be answered already; wait for some of them",
                config.publish_messages_max, config.publish_bytes_max
            ),
            Self::TooLarge => format!(
                "a publish has at most {} bytes, and no more than the server takes in one message",
                config.publish_bytes_max
            ),
            Self::Closed => "the link is at rest; it was not sent".into(),
            Self::Uncertain => {
                "it was sent and not answered in time; the server may or may not have it".into()
            }
        }
    }
}

/// What a publish counts: its names and its data.
fn bytes(frame: &PublishFrame) -> usize {
    let replace = frame.replace.as_ref().map_or(0, |key| key.as_str().len());
    let names = frame.channel.as_str().len() + frame.event.as_str().len() + replace;
    names + frame.data.as_str().len()
}

/// What it takes on the wire, at most: a name may be all quotes.
fn frame_bytes(frame: &PublishFrame) -> usize {
    let replace = frame.replace.as_ref().map_or(0, |key| key.as_str().len());
    FRAME_BYTES + bytes(frame) + frame.event.as_str().len() + replace
}

#[cfg(test)]
mod tests;
