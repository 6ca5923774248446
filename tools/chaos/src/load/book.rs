//! What was published: when, and under which position it was answered. In: numbers, as events are
//! sent and answered. Out: what every link of a channel must have been handed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Everything that was published, by its number.
#[derive(Debug, Default)]
pub struct Book {
    sent: Mutex<Vec<Sent>>,
}

#[derive(Debug)]
struct Sent {
    channel: usize,
    at: Instant,
    place: Option<(String, u64)>,
}

/// An event that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acked {
    /// Its number, which is in its payload.
    pub number: usize,
    /// Its numbering.
    pub epoch: String,
    /// Its place in it.
    pub offset: u64,
}

/// The name of a channel by its number.
pub fn channel(number: usize) -> String {
    format!("trial:{number}")
}

impl Book {
    /// An event is about to be sent to a channel; its number.
    pub fn sends(&self, channel: usize) -> usize {
        let mut sent = self.sent();
        sent.push(Sent { channel, at: Instant::now(), place: None });
        sent.len() - 1
    }

    /// An event was answered.
    pub fn answered(&self, number: usize, epoch: &str, offset: u64) {
        if let Some(one) = self.sent().get_mut(number) {
            one.place = Some((epoch.to_owned(), offset));
        }
    }

    /// How long ago an event was first sent; nothing for one that never was.
    pub fn age(&self, number: usize) -> Option<Duration> {
        self.sent().get(number).map(|sent| sent.at.elapsed())
    }

    /// How many were sent, and how many of them answered.
    pub fn counts(&self) -> (usize, usize) {
        let sent = self.sent();
        (sent.len(), sent.iter().filter(|one| one.place.is_some()).count())
    }

    /// What was answered, by channel, in the order in which it was sent.
    pub fn acked(&self, channels: usize) -> Vec<Vec<Acked>> {
        let mut acked = vec![Vec::new(); channels];
        for (number, one) in (0..).zip(self.sent().iter()) {
            let Some((epoch, offset)) = one.place.clone() else { continue };
            if let Some(channel) = acked.get_mut(one.channel) {
                channel.push(Acked { number, epoch, offset });
            }
        }
        acked
    }

    fn sent(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Acked, Book};

    #[test]
    fn only_what_was_answered_must_be_there() {
        let book = Book::default();
        assert_eq!((book.sends(0), book.sends(1), book.sends(0)), (0, 1, 2));
        book.answered(2, "e", 1);
        book.answered(9, "e", 2);
        assert_eq!(book.counts(), (3, 1));
        let acked = Acked { number: 2, epoch: "e".to_owned(), offset: 1 };
        assert_eq!(book.acked(2), [vec![acked], vec![]]);
        assert!(book.age(2).is_some() && book.age(3).is_none());
    }
}
