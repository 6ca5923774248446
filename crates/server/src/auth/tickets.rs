//! Tickets: what a page shows in a URL instead of its token, once and soon. In: the claims of a
//! token, a random text, the time. Out: the claims, to the first who shows the text in time. A URL
//! may be logged anywhere on the way, but by then the ticket is used.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;
use steadfast_machine::{Millis, Span};
use tokio::sync::Semaphore;

use super::token::Claims;

/// How long a ticket is good for.
pub(crate) const TICKET_LIFE: Span = Span::seconds(30);
/// Tickets that other nodes are asked for at once; one more is refused for a moment.
const ASKING_MAX: usize = 8;

/// The tickets of a node that are not used yet.
#[derive(Debug)]
pub(crate) struct Tickets {
    table: Mutex<TicketTable>,
    max: usize,
    /// Held while another node is asked for a ticket: strangers may make tickets up, and the
    /// requests of operators need room too.
    pub(crate) asking: Semaphore,
}

#[derive(Debug, Default)]
struct TicketTable {
    claims: BTreeMap<Box<str>, (Millis, Claims)>,
    /// In the order in which they end; those that were used are among them.
    ends: VecDeque<(Millis, Box<str>)>,
}

impl Tickets {
    /// A table of `max` tickets.
    pub(crate) fn new(max: usize) -> Self {
        Self { table: Mutex::default(), max, asking: Semaphore::new(ASKING_MAX) }
    }

    /// Keeps a ticket; false if there are as many as there may be.
    pub(crate) fn put(&self, now: Millis, ticket: &str, claims: Claims) -> bool {
        let mut table = self.table.lock();
        table.expire(now);
        // Used ones count until their time is over, so that the queue is bounded as well.
        if table.ends.len() >= self.max {
            return false;
        }
        let ends = now + TICKET_LIFE;
        table.ends.push_back((ends, ticket.into()));
        table.claims.insert(ticket.into(), (ends, claims));
        true
    }

    /// Takes a ticket: whoever shows it next gets nothing.
    pub(crate) fn take(&self, now: Millis, ticket: &str) -> Option<Claims> {
        let (ends, claims) = self.table.lock().claims.remove(ticket)?;
        (now < ends).then_some(claims)
    }

    /// How many there are, with those that were used in the last 30 s.
    pub(crate) fn len(&self) -> usize {
        self.table.lock().ends.len()
    }

    /// Drops those whose time is over.
    pub(crate) fn expire(&self, now: Millis) {
        self.table.lock().expire(now);
    }
}

impl TicketTable {
    fn expire(&mut self, now: Millis) {
        while self.ends.front().is_some_and(|(ends, _)| *ends <= now) {
            if let Some((_, ticket)) = self.ends.pop_front() {
                self.claims.remove(&ticket);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use steadfast_machine::Millis;

    use super::{TICKET_LIFE, Tickets};
    use crate::auth::token::Claims;

    #[test]
    fn a_ticket_is_good_once_and_for_a_while() {
        let (tickets, claims) = (Tickets::new(9), Claims { exp: 7, ..Claims::default() });
        let (begun, last) = (Millis(5), Millis(5 + TICKET_LIFE.0 - 1));
        for ticket in ["a", "b", "c"] {
            assert!(tickets.put(begun, ticket, claims.clone()));
        }
        assert_eq!(tickets.take(begun, "a"), Some(claims.clone()));
        assert_eq!(tickets.take(begun, "a"), None);
        assert_eq!(tickets.take(begun, "x"), None);
        assert_eq!(tickets.take(last, "b"), Some(claims));
        assert_eq!(tickets.take(begun + TICKET_LIFE, "c"), None);
    }

    #[test]
    fn there_are_as_many_as_there_may_be_and_one_more_once_one_is_over() {
        let tickets = Tickets::new(2);
        assert!(tickets.put(Millis(0), "a", Claims::default()));
        assert!(tickets.put(Millis(1), "b", Claims::default()));
        assert!(!tickets.put(Millis(1), "c", Claims::default()));
        assert!(tickets.take(Millis(1), "b").is_some());
        assert!(!tickets.put(Millis(1), "c", Claims::default()), "used ones count for 30 s");
        assert!(tickets.put(Millis(TICKET_LIFE.0), "c", Claims::default()));
        tickets.expire(Millis(3 * TICKET_LIFE.0));
        assert_eq!(tickets.len(), 0);
    }
}
