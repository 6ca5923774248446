//! Tickets: what a page shows in a URL instead of its token, once and soon. In: the claims of a
//! token, a random text, the time. Out: the claims, to the first who shows the text in time. A URL
//! may be logged anywhere on the way, but by then the ticket is used.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

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
    max_per_address: usize,
    /// Held while another node is asked for a ticket: strangers may make tickets up, and the
    /// requests of operators need room too.
    pub(crate) asking: Semaphore,
}

#[derive(Debug, Default)]
struct TicketTable {
    claims: BTreeMap<Box<str>, (Millis, Claims)>,
    /// In the order in which they end, with who has them; those that were used are among them.
    ends: VecDeque<(Millis, Box<str>, Option<IpAddr>)>,
    /// How many of them each address has.
    held: BTreeMap<IpAddr, usize>,
}

impl Tickets {
    /// A table of `max` tickets, of which one address has `max_per_address`.
    pub(crate) fn new(max: usize, max_per_address: usize) -> Self {
        let asking = Semaphore::new(ASKING_MAX);
        Self { table: Mutex::default(), max, max_per_address, asking }
    }

    /// Keeps a ticket; false if there are as many as there may be, of all or of `holder`, which is
    /// the address that asks, if that has limits.
    pub(crate) fn put(
        &self,
        now: Millis,
        ticket: &str,
        claims: Claims,
        holder: Option<IpAddr>,
    ) -> bool {
        let mut table = self.table.lock();
        table.expire(now);
        // Used ones count until their time is over, so that the queue is bounded as well.
        if table.ends.len() >= self.max {
            return false;
        }
        if let Some(holder) = holder {
            let held = table.held.entry(holder).or_default();
            if *held >= self.max_per_address {
                return false;
            }
            *held += 1;
        }
        let ends = now + TICKET_LIFE;
        table.ends.push_back((ends, ticket.into(), holder));
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
        while let Some((_, ticket, holder)) = self.ends.pop_front_if(|(ends, ..)| *ends <= now) {
            self.claims.remove(&ticket);
            let Some(holder) = holder else { continue };
            if let Some(held) = self.held.get_mut(&holder) {
                *held = held.saturating_sub(1);
                if *held == 0 {
                    self.held.remove(&holder);
                }
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
        let (tickets, claims) = (Tickets::new(9, 9), Claims { exp: 7, ..Claims::default() });
        let (begun, last) = (Millis(5), Millis(5 + TICKET_LIFE.0 - 1));
        for ticket in ["a", "b", "c"] {
            assert!(tickets.put(begun, ticket, claims.clone(), None));
        }
        assert_eq!(tickets.take(begun, "a"), Some(claims.clone()));
        assert_eq!(tickets.take(begun, "a"), None);
        assert_eq!(tickets.take(begun, "x"), None);
        assert_eq!(tickets.take(last, "b"), Some(claims));
        assert_eq!(tickets.take(begun + TICKET_LIFE, "c"), None);
    }

    #[test]
    fn there_are_as_many_as_there_may_be_and_one_more_once_one_is_over() {
        let tickets = Tickets::new(2, 2);
        assert!(tickets.put(Millis(0), "a", Claims::default(), None));
        assert!(tickets.put(Millis(1), "b", Claims::default(), None));
        assert!(!tickets.put(Millis(1), "c", Claims::default(), None));
        assert!(tickets.take(Millis(1), "b").is_some());
        assert!(!tickets.put(Millis(1), "c", Claims::default(), None), "used ones count for 30 s");
        assert!(tickets.put(Millis(TICKET_LIFE.0), "c", Claims::default(), None));
        tickets.expire(Millis(3 * TICKET_LIFE.0));
        assert_eq!(tickets.len(), 0);
    }

    #[test]
    fn an_address_has_its_share_and_leaves_the_rest_to_others() {
        let tickets = Tickets::new(9, 2);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().ok());
        let put = |now, ticket, who| tickets.put(Millis(now), ticket, Claims::default(), who);
        assert!(put(0, "a", one) && put(1, "b", one));
        assert!(!put(1, "c", one));
        assert!(put(1, "d", other) && put(1, "e", None) && put(1, "f", None) && put(1, "g", None));
        assert!(put(TICKET_LIFE.0, "c", one));
        assert!(!put(TICKET_LIFE.0, "h", one));
    }
}
