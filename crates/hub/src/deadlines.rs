//! Which session wants to be looked at when.
//! In: a deadline for a session. Out: sessions that are due.
//! Entries are never moved: a session that is due is looked at, and asks again if its time has not
//! come. So a frame costs nothing here, and a session has few entries.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

use steadfast_machine::Millis;

use crate::SessionKey;

#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    entries: BinaryHeap<Reverse<(Millis, SessionKey)>>,
}

impl Deadlines {
    /// Notes that `session` is to be looked at by `at`, where no earlier entry does that already.
    pub(crate) fn arm(&mut self, session: SessionKey, armed: &mut Option<Millis>, at: Millis) {
        if armed.is_none_or(|earlier| at < earlier) {
            *armed = Some(at);
            self.entries.push(Reverse((at, session)));
        }
    }

    /// The next session that is due by `now`.
    pub(crate) fn pop(&mut self, now: Millis) -> Option<(Millis, SessionKey)> {
        if self.earliest()? > now {
            return None;
        }
        self.entries.pop().map(|Reverse(entry)| entry)
    }

    pub(crate) fn earliest(&self) -> Option<Millis> {
        self.entries.peek().map(|Reverse((at, _))| *at)
    }
}
