//! Hands events to the server. In: events, one by one, and readiness of sockets. Out: requests over
//! a few kept connections, and which events the server took. An event keeps the time at which it
//! was handed in here, so that waiting for the server counts.

mod answer;
mod line;
mod request;

use std::collections::{BTreeMap, VecDeque};

use mio::Registry;

use crate::error::BenchError;
use crate::payload::Mark;
use crate::target::{Publishing, Target};
use line::Line;

/// Connections of a publisher that waits for answers.
const LINES: usize = 4;
/// Events in one request at most: what servers take by default is more.
const BATCH_MAX: usize = 500;
/// Bytes of their data in one request at most.
const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Requests on one connection that wait for their answers, where the server takes that.
const PIPELINE_MAX: usize = 64;
/// Bytes that wait to be written on a connection before no more are added.
const UNWRITTEN_MAX: usize = 256 * 1024;
/// The first token of publishers' sockets.
pub(crate) const TOKENS: usize = 1 << 32;

/// An event to be published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) channel: usize,
    pub(crate) mark: Mark,
}

/// What became of events.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    /// Those that the server took.
    pub(crate) taken: Vec<Due>,
    /// Those that it did not, and why.
    pub(crate) refused: Vec<(Due, String)>,
}

/// A publisher.
#[derive(Debug)]
pub(crate) struct Publisher {
    target: Target,
    channel_prefix: String,
    bytes: usize,
    lines: Vec<Line>,
    waiting: VecDeque<Due>,
    pub(crate) fates: Fates,
}

impl Publisher {
    /// Connects.
    pub(crate) fn new(
        registry: &Registry,
        target: &Target,
        channel_prefix: &str,
        bytes: usize,
    ) -> Result<Self, BenchError> {
        let lines = match target.publishing {
            Publishing::Steadfast => LINES,
            // One connection keeps the order of events.
            Publishing::Post | Publishing::Lines => 1,
        };
        let opened = (0..lines).map(|at| Line::open(registry, target, TOKENS + at));
        Ok(Self {
            target: target.clone(),
            channel_prefix: channel_prefix.to_owned(),
            bytes,
            lines: opened.collect::<Result<_, _>>()?,
            waiting: VecDeque::new(),
            fates: Fates::default(),
        })
    }

    /// Takes an event; it is sent by the next [`Publisher::flush`], or later.
    pub(crate) fn push(&mut self, due: Due) {
        self.waiting.push_back(due);
    }

    /// Sends as much as connections take.
    pub(crate) fn flush(&mut self) -> Result<(), BenchError> {
        for at in 0..self.lines.len() {
            while !self.waiting.is_empty() && self.has_room(at) {
                let events = self.take();
                self.send(at, events);
            }
            self.lines[at].write()?;
        }
        Ok(())
    }

    /// Reads answers on the connection of `token`, then sends on.
    pub(crate) fn on_ready(&mut self, token: usize) -> Result<(), BenchError> {
        let Some(line) = self.lines.get_mut(token - TOKENS) else { return Ok(()) };
        for (events, answer) in line.read()? {
            answer::settle(self.target.publishing, events, &answer, &mut self.fates);
        }
        self.flush()
    }

    /// Whether every event is sent, and answered where the server answers.
    pub(crate) fn is_settled(&self) -> bool {
        let is_idle = |line: &Line| line.unanswered() == 0 && line.unwritten() == 0;
        self.waiting.is_empty() && self.lines.iter().all(is_idle)
    }

    /// What became of events since the last time.
    pub(crate) fn take_fates(&mut self) -> Fates {
        std::mem::take(&mut self.fates)
    }

    fn has_room(&self, at: usize) -> bool {
        let line = &self.lines[at];
        match self.target.publishing {
            Publishing::Steadfast => line.unanswered() == 0,
            Publishing::Post => line.unanswered() < PIPELINE_MAX,
            Publishing::Lines => line.unwritten() < UNWRITTEN_MAX,
        }
    }

    fn take(&mut self) -> Vec<Due> {
        let count = match self.target.publishing {
            Publishing::Steadfast => BATCH_MAX.min(BATCH_BYTES_MAX / self.bytes).max(1),
            Publishing::Post => 1,
            Publishing::Lines => self.waiting.len(),
        };
        self.waiting.drain(..count.min(self.waiting.len())).collect()
    }

    fn send(&mut self, at: usize, events: Vec<Due>) {
        let writer = request::Writer {
            target: &self.target,
            channel_prefix: &self.channel_prefix,
            bytes: self.bytes,
        };
        let line = &mut self.lines[at];
        writer.write(&events, line.out());
        match self.target.publishing {
            Publishing::Steadfast | Publishing::Post => line.expect(events),
            // Nobody says whether they were taken; what does not arrive is seen there.
            Publishing::Lines => self.fates.taken.extend(events),
        }
    }
}

/// Sums by reason.
pub(crate) fn reasons(refused: Vec<(Due, String)>, into: &mut BTreeMap<String, u64>) {
    for (_, why) in refused {
        *into.entry(why).or_default() += 1;
    }
}
