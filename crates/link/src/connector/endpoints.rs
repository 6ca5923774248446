//! Which of the service's endpoints is next: for sockets, and for plain HTTP. In: what opened, and
//! how attempts ended. Out: the number of an endpoint, and when to try another beside it. Must not
//! know addresses, but for one that a server named.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use steadfast_machine::{Millis, Span};

/// The most endpoints.
pub(crate) const ENDPOINTS_MAX: u8 = 8;
/// How many times of opening are kept.
const OPENS_MAX: usize = 8;
/// The bounds of the wait for another endpoint, and the wait where nothing was measured.
const RACE_MIN: Span = Span(300);
const RACE_MAX: Span = Span(2500);
const RACE_UNMEASURED: Span = Span(1000);

/// The endpoints, numbered from 0.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    count: u8,
    next: u8,
    http: u8,
    /// Until when each asked not to be polled.
    held: [Millis; ENDPOINTS_MAX as usize],
    /// How many in a row have said that they are busy.
    busy: u8,
    /// Where the server said to go, while that works.
    to: Option<Box<str>>,
    /// How long the newest sockets of this network took to open.
    opens: VecDeque<Span>,
}

impl Endpoints {
    /// So many, and the first is next.
    pub(crate) const fn new(count: u8) -> Self {
        let held = [Millis::ZERO; ENDPOINTS_MAX as usize];
        Self { count, next: 0, http: 0, held, busy: 0, to: None, opens: VecDeque::new() }
    }

    /// Where the next attempt goes.
    pub(crate) const fn next(&self) -> u8 {
        self.next
    }

    /// Where probes and polls go.
    pub(crate) const fn http(&self) -> u8 {
        self.http
    }

    /// The address that a server named instead of an endpoint.
    pub(crate) fn to(&self) -> Option<Box<str>> {
        self.to.clone()
    }

    /// A server said where to go, or takes that back.
    pub(crate) fn send_to(&mut self, to: Option<Box<str>>) {
        self.to = to;
    }

    /// The endpoint to try beside `endpoint`, if any.
    pub(crate) fn rival_of(&self, endpoint: u8) -> Option<u8> {
        (self.count > 1 && self.to.is_none()).then(|| self.after(endpoint))
    }

    /// How long to wait for one endpoint before another is tried beside it: half as long again as
    /// three in four sockets of this network took to open.
    pub(crate) fn race_after(&self) -> Span {
        let mut opens: Vec<_> = self.opens.iter().copied().collect();
        opens.sort_unstable();
        let rank = (opens.len() * 3).div_ceil(4);
        let usual = opens.get(rank.wrapping_sub(1));
        usual.map_or(RACE_UNMEASURED, |span| {
            Span(span.0.saturating_mul(3) / 2).clamp(RACE_MIN, RACE_MAX)
        })
    }

    /// A socket opened.
    pub(crate) fn open(&mut self, took: Span) {
        if self.opens.len() == OPENS_MAX {
            self.opens.pop_front();
        }
        self.opens.push_back(took);
    }

    /// A server took the session: it is the one to come back to.
    pub(crate) const fn welcome(&mut self, endpoint: u8) {
        self.next = endpoint;
        self.busy = 0;
    }

    /// An attempt failed that went to this endpoint last: the next goes elsewhere.
    pub(crate) fn fail(&mut self, endpoint: u8) {
        self.to = None;
        self.next = self.after(endpoint);
    }

    /// An endpoint said that it is busy. Whether all of them have, one after the other.
    pub(crate) const fn is_all_busy(&mut self) -> bool {
        self.busy += 1;
        let is_all = self.busy >= self.count;
        if is_all {
            self.busy = 0;
        }
        is_all
    }

    /// Plain HTTP did not get through.
    pub(crate) const fn fail_http(&mut self) {
        self.http = self.after(self.http);
    }

    /// An endpoint is busy or leaves: it is not to be polled until then.
    pub(crate) fn hold_http(&mut self, endpoint: u8, until: Millis) {
        if let Some(held) = self.held.get_mut(usize::from(endpoint)) {
            *held = until;
        }
    }

    /// Has polls go to the endpoint that may be polled the soonest, the one of the last poll if it
    /// is among several. When that is.
    pub(crate) fn seek_http(&mut self, now: Millis) -> Millis {
        let free_at = |endpoint: u8| {
            let held = self.held.get(usize::from(endpoint));
            held.map_or(now, |until| now.max(*until))
        };
        let (mut best, mut endpoint) = (self.http, self.http);
        for _ in 1..self.count {
            endpoint = self.after(endpoint);
            if free_at(endpoint) < free_at(best) {
                best = endpoint;
            }
        }
        let at = free_at(best);
        self.http = best;
        at
    }

    /// How many endpoints there are.
    pub(crate) const fn count(&self) -> u8 {
        self.count
    }

    /// The device is on another network.
    pub(crate) fn forget_path(&mut self) {
        self.opens.clear();
    }

    const fn after(&self, endpoint: u8) -> u8 {
        (endpoint + 1) % self.count
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoints, OPENS_MAX};
    use steadfast_machine::{Millis, Span};

    #[test]
    fn polls_go_where_nobody_asked_to_be_left_alone() {
        let mut endpoints = Endpoints::new(3);
        endpoints.hold_http(0, Millis(50));
        assert_eq!((endpoints.seek_http(Millis(10)), endpoints.http()), (Millis(10), 1));
        endpoints.hold_http(1, Millis(30));
        endpoints.hold_http(2, Millis(40));
        assert_eq!((endpoints.seek_http(Millis(10)), endpoints.http()), (Millis(30), 1));
        assert_eq!(
            (endpoints.seek_http(Millis(60)), endpoints.http()),
            (Millis(60), 1),
            "it stays"
        );
        let mut alone = Endpoints::new(1);
        alone.hold_http(0, Millis(50));
        assert_eq!((alone.seek_http(Millis(10)), alone.http()), (Millis(50), 0));
    }

    #[test]
    fn a_single_endpoint_has_no_rival() {
        let mut endpoints = Endpoints::new(1);
        assert_eq!(endpoints.rival_of(0), None);
        endpoints.fail(0);
        assert_eq!(endpoints.next(), 0);
        assert!(endpoints.is_all_busy());
    }

    #[test]
    fn endpoints_take_turns_until_one_takes_the_session() {
        let mut endpoints = Endpoints::new(3);
        endpoints.fail(0);
        assert_eq!((endpoints.next(), endpoints.rival_of(1)), (1, Some(2)));
        endpoints.fail(2);
        assert_eq!(endpoints.next(), 0);
        endpoints.welcome(2);
        assert_eq!(endpoints.next(), 2);
    }

    #[test]
    fn all_are_busy_only_once_each_has_said_so() {
        let mut endpoints = Endpoints::new(2);
        assert!(!endpoints.is_all_busy());
        assert!(endpoints.is_all_busy());
        assert!(!endpoints.is_all_busy());
        endpoints.welcome(0);
        assert!(!endpoints.is_all_busy());
    }

    #[test]
    fn an_address_that_a_server_named_is_tried_once_and_alone() {
        let mut endpoints = Endpoints::new(2);
        endpoints.send_to(Some("b.example".into()));
        assert_eq!(endpoints.rival_of(0), None);
        endpoints.fail(0);
        assert_eq!(endpoints.to(), None);
    }

    #[test]
    fn the_wait_follows_the_newest_openings_within_bounds() {
        let mut endpoints = Endpoints::new(2);
        assert_eq!(endpoints.race_after(), Span(1000));
        endpoints.open(Span(10));
        assert_eq!(endpoints.race_after(), Span(300));
        for took in [400, 600, 800] {
            endpoints.open(Span(took));
        }
        assert_eq!(endpoints.race_after(), Span(900), "three in four took 600 ms at most");
        for _ in 0..OPENS_MAX {
            endpoints.open(Span(9000));
        }
        assert_eq!(endpoints.opens.len(), OPENS_MAX);
        assert_eq!(endpoints.race_after(), Span(2500));
        endpoints.forget_path();
        assert_eq!(endpoints.race_after(), Span(1000));
    }
}
