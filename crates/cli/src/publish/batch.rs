//! Lines to batches. In: a queue of lines. Out: batches of what is at hand, never waited for, up to
//! their limits. Where the last line is to be final, one is held back until it is known.

use tokio::sync::mpsc;

use super::input::Line;

/// The most lines of one batch.
const LINES_MAX: usize = 100;
/// The largest batch, in bytes; a single line may be longer.
const BYTES_MAX: usize = 512 * 1024;

/// A line to publish.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Good {
    /// Its number.
    pub number: u64,
    /// Its value.
    pub data: steadfast_protocol::Payload,
    /// Whether it ends the channel.
    pub is_final: bool,
}

/// Lines that are published together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// The numbers of the lines in it.
    pub numbers: Vec<u64>,
    /// Lines that came meanwhile and are no JSON: their numbers, and why.
    pub bad: Vec<(u64, String)>,
    entries: String,
}

/// Makes batches.
#[derive(Debug)]
pub(super) struct Batches {
    lines: mpsc::Receiver<Line>,
    /// Whether the last line is final.
    is_final: bool,
    /// The line that may be the last.
    held: Option<(u64, steadfast_protocol::Payload)>,
    /// The entry that did not fit.
    carried: Option<(u64, String)>,
}

enum Pulled {
    Good(Good),
    Bad(u64, String),
    /// Held back.
    Nothing,
}

impl Batch {
    /// The body of the request.
    pub(super) fn body(&self) -> String {
        format!("{{\"events\":[{}]}}", self.entries)
    }

    fn fits(&self, entry: &str) -> bool {
        let bytes = self.entries.len() + 1 + entry.len();
        self.numbers.is_empty() || (self.numbers.len() < LINES_MAX && bytes <= BYTES_MAX)
    }

    fn push(&mut self, number: u64, entry: &str) {
        if !self.numbers.is_empty() {
            self.entries.push(',');
        }
        self.entries.push_str(entry);
        self.numbers.push(number);
    }
}

impl Batches {
    /// Batches of these lines.
    pub(super) const fn new(lines: mpsc::Receiver<Line>, is_final: bool) -> Self {
        Self { lines, is_final, held: None, carried: None }
    }

    /// The next batch, each line written by `entry`; `None` when all is done.
    pub(super) async fn next(&mut self, entry: impl Fn(&Good) -> String) -> Option<Batch> {
        let mut batch = Batch::default();
        if let Some((number, entry)) = self.carried.take() {
            batch.push(number, &entry);
        }
        loop {
            let is_empty = batch.numbers.is_empty() && batch.bad.is_empty();
            let pulled = if is_empty { self.wait().await } else { self.at_hand() };
            match pulled {
                Some(Pulled::Good(good)) => {
                    let text = entry(&good);
                    if !batch.fits(&text) {
                        self.carried = Some((good.number, text));
                        return Some(batch);
                    }
                    batch.push(good.number, &text);
                }
                Some(Pulled::Bad(number, why)) => batch.bad.push((number, why)),
                Some(Pulled::Nothing) => {}
                None if is_empty => return None,
                None => return Some(batch),
            }
            if batch.bad.len() >= LINES_MAX {
                return Some(batch);
            }
        }
    }

    async fn wait(&mut self) -> Option<Pulled> {
        match self.lines.recv().await {
            Some(line) => Some(self.take(line)),
            None => self.last(),
        }
    }

    fn at_hand(&mut self) -> Option<Pulled> {
        match self.lines.try_recv() {
            Ok(line) => Some(self.take(line)),
            Err(mpsc::error::TryRecvError::Empty) => None,
            Err(mpsc::error::TryRecvError::Disconnected) => self.last(),
        }
    }

    fn take(&mut self, line: Line) -> Pulled {
        let Line { number, data } = line;
        let ready = match data {
            Err(why) => return Pulled::Bad(number, why),
            Ok(data) if self.is_final => self.held.replace((number, data)),
            Ok(data) => Some((number, data)),
        };
        match ready {
            Some((number, data)) => Pulled::Good(Good { number, data, is_final: false }),
            None => Pulled::Nothing,
        }
    }

    fn last(&mut self) -> Option<Pulled> {
        let (number, data) = self.held.take()?;
        Some(Pulled::Good(Good { number, data, is_final: true }))
    }
}

#[cfg(test)]
mod tests;
