//! The clients of the older protocol that have had the end of a finished channel, for as long as
//! they keep coming back for it. Their protocol has no position, so a route that starts with
//! history would give them all of it again each time. In: clients that had the end, clients that
//! connect. Out: whether to start with history. P-94

use std::collections::BTreeMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use steadfast_machine::{Millis, Span};
use steadfast_protocol::ChannelName;

/// How long a client is remembered after its last connection for the channel. It is longer than the
/// longest pause before such a client reconnects, 39 s; a page that is opened later gets all of
/// history.
const KEPT: Span = Span::seconds(60);
/// The most clients that are remembered. Any other one is given history once more.
const HAD_MAX: usize = 10_000;
/// How much of a `User-Agent` is compared, in bytes.
const AGENT_BYTES_MAX: usize = 256;

/// A client, as far as it can be told from others, and the channel that it follows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Follower {
    channel: ChannelName,
    address: IpAddr,
    agent: Box<str>,
}

impl Follower {
    /// The client at this address with this `User-Agent`.
    pub fn new(channel: ChannelName, address: IpAddr, agent: &str) -> Self {
        let agent = agent.chars().take(AGENT_BYTES_MAX).collect::<String>().into();
        Self { channel, address, agent }
    }
}

/// One connection of a client of the older protocol.
#[derive(Clone, Debug)]
pub(crate) struct Following {
    /// Which client.
    pub(crate) who: Follower,
    /// Whether it has had the end already.
    pub(crate) comes_back: bool,
}

/// The clients that have had the end of their channel.
#[derive(Debug, Default)]
pub(crate) struct DeliveredFinals(Mutex<BTreeMap<Follower, Millis>>);

impl DeliveredFinals {
    /// Notes a client that has had the end and whose connection is over.
    pub(crate) fn note(&self, now: Millis, follower: Follower) {
        let mut had = self.0.lock();
        if had.len() >= HAD_MAX {
            had.retain(|_, since| now < *since + KEPT);
        }
        if had.len() < HAD_MAX || had.contains_key(&follower) {
            had.insert(follower, now);
        }
    }

    /// Whether this client has had the end and comes back.
    pub(crate) fn has(&self, now: Millis, follower: &Follower) -> bool {
        self.0.lock().get(follower).is_some_and(|since| now < *since + KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::{DeliveredFinals, Follower, HAD_MAX, KEPT};
    use steadfast_machine::{Millis, Span};
    use steadfast_protocol::ChannelName;

    fn follower(agent: &str) -> Follower {
        let channel = ChannelName::new("diagnosis:1").unwrap();
        Follower::new(channel, "127.0.0.1".parse().unwrap(), agent)
    }

    #[test]
    fn a_client_is_remembered_while_it_comes_back() {
        let (had, one) = (DeliveredFinals::default(), follower("a"));
        assert!(!had.has(Millis(0), &one));
        had.note(Millis(0), one.clone());
        assert!(had.has(Millis(KEPT.0 - 1), &one));
        assert!(!had.has(Millis(KEPT.0), &one));
        assert!(!had.has(Millis(0), &follower("b")));
        had.note(Millis(KEPT.0), one.clone());
        assert!(had.has(Millis(KEPT.0) + Span(1), &one));
    }

    #[test]
    fn as_many_are_remembered_as_the_limit_and_not_one_more() {
        let had = DeliveredFinals::default();
        for at in 0..=HAD_MAX {
            had.note(Millis(0), follower(&at.to_string()));
        }
        assert!(had.has(Millis(0), &follower(&(HAD_MAX - 1).to_string())));
        assert!(!had.has(Millis(0), &follower(&HAD_MAX.to_string())));
        // Forgets those whose time is over.
        had.note(Millis(KEPT.0), follower(&HAD_MAX.to_string()));
        assert!(had.has(Millis(KEPT.0), &follower(&HAD_MAX.to_string())));
    }
}
