//! What each address of clients has and does: connections, and how often it connects, asks and
//! shows a token that is refused. In: addresses, the time. Out: whether one more is within the
//! limits, or when it will be. Must not know: sockets, HTTP.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use parking_lot::Mutex;
use steadfast_machine::{Millis, Rate, Span};

/// A burst is as much as is permitted in so many seconds.
const BURST_S: u32 = 10;
/// Addresses without a connection that are remembered. With all of them, and nothing to forget, the
/// rates of some begin anew.
const IDLE_ADDRESSES_MAX: usize = 65_536;
/// The part of an IPv6 address that one holder has: a /64 and not an address.
const IPV6_HOLDER_MASK: u128 = !0 << 64;

/// The limits of each address, 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AddressLimits {
    /// The most connections.
    pub(crate) connections_max: usize,
    /// New connections in a second.
    pub(crate) connects_per_second: u32,
    /// Requests in a second.
    pub(crate) requests_per_second: u32,
    /// Refused tokens in a second.
    pub(crate) failed_tokens_per_second: u32,
}

/// Which limit of its address something is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverLimit {
    /// The address has as many connections as it may.
    Connections,
    /// It connects too often: how long it is to wait.
    Connects(Span),
    /// It asks too often: how long it is to wait.
    Requests(Span),
    /// Too many of its tokens were refused: how long it is to wait.
    FailedTokens(Span),
}

/// All addresses that have a connection, or had something to do with the node a while ago.
#[derive(Debug)]
pub(crate) struct AddressTable {
    limits: AddressLimits,
    entries: Mutex<BTreeMap<IpAddr, AddressUse>>,
}

#[derive(Clone, Copy, Debug)]
struct AddressUse {
    connections: usize,
    connects: Rate,
    requests: Rate,
    failed_tokens: Rate,
}

impl AddressTable {
    /// A table with nobody in it.
    pub(crate) fn new(limits: AddressLimits) -> Self {
        Self { limits, entries: Mutex::default() }
    }

    /// How many addresses are remembered.
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().len()
    }

    /// Counts one more connection.
    pub(crate) fn connect(&self, now: Millis, address: IpAddr) -> Result<(), OverLimit> {
        let AddressLimits { connections_max, connects_per_second, .. } = self.limits;
        self.with(now, address, |entry| {
            if connections_max > 0 && entry.connections >= connections_max {
                return Err(OverLimit::Connections);
            }
            take(&mut entry.connects, now, connects_per_second).map_err(OverLimit::Connects)?;
            entry.connections += 1;
            Ok(())
        })
    }

    /// Counts a connection less.
    pub(crate) fn disconnect(&self, address: IpAddr) {
        if let Some(entry) = self.entries.lock().get_mut(&holder(address)) {
            entry.connections = entry.connections.saturating_sub(1);
        }
    }

    /// Counts a request.
    pub(crate) fn request(&self, now: Millis, address: IpAddr) -> Result<(), OverLimit> {
        let per_second = self.limits.requests_per_second;
        let taken = self.with(now, address, |entry| take(&mut entry.requests, now, per_second));
        taken.map_err(OverLimit::Requests)
    }

    /// Counts a token that was refused.
    pub(crate) fn failed_token(&self, now: Millis, address: IpAddr) -> Result<(), OverLimit> {
        let per_second = self.limits.failed_tokens_per_second;
        let taken =
            self.with(now, address, |entry| take(&mut entry.failed_tokens, now, per_second));
        taken.map_err(OverLimit::FailedTokens)
    }

    fn with<T>(&self, now: Millis, address: IpAddr, act: impl FnOnce(&mut AddressUse) -> T) -> T {
        let address = holder(address);
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get_mut(&address) {
            return act(entry);
        }
        self.make_room(now, &mut entries);
        act(entries.entry(address).or_insert_with(|| AddressUse::new(now, self.limits)))
    }

    /// Forgets addresses without a connection once there are many: first those whose rates are as
    /// new, and if that is none, all.
    fn make_room(&self, now: Millis, entries: &mut BTreeMap<IpAddr, AddressUse>) {
        // Those with connections are as many as the node has connections.
        if entries.len() < IDLE_ADDRESSES_MAX {
            return;
        }
        let limits = self.limits;
        entries.retain(|_, entry| entry.connections > 0 || !entry.is_as_new(now, limits));
        if entries.len() >= IDLE_ADDRESSES_MAX {
            entries.retain(|_, entry| entry.connections > 0);
        }
    }
}

impl AddressUse {
    fn new(now: Millis, limits: AddressLimits) -> Self {
        let full = |per_second| Rate::new(now, burst(per_second));
        Self {
            connections: 0,
            connects: full(limits.connects_per_second),
            requests: full(limits.requests_per_second),
            failed_tokens: full(limits.failed_tokens_per_second),
        }
    }

    fn is_as_new(&mut self, now: Millis, limits: AddressLimits) -> bool {
        let is_full =
            |rate: &mut Rate, per_second| rate.is_full(now, (per_second, burst(per_second)));
        is_full(&mut self.connects, limits.connects_per_second)
            && is_full(&mut self.requests, limits.requests_per_second)
            && is_full(&mut self.failed_tokens, limits.failed_tokens_per_second)
    }
}

/// Takes a permit, or says how long to wait for one; 0 a second is no limit.
pub(crate) fn take(rate: &mut Rate, now: Millis, per_second: u32) -> Result<(), Span> {
    if per_second == 0 { Ok(()) } else { rate.take(now, 1, (per_second, burst(per_second))) }
}

/// What may happen at once.
pub(crate) const fn burst(per_second: u32) -> u32 {
    per_second.saturating_mul(BURST_S)
}

/// The address that stands for all that its holder can take.
pub(crate) fn holder(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_HOLDER_MASK).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressLimits, AddressTable, IDLE_ADDRESSES_MAX, OverLimit};
    use std::net::{IpAddr, Ipv4Addr};
    use steadfast_machine::{Millis, Span};

    const NOW: Millis = Millis(1_000);
    const LIMITS: AddressLimits = AddressLimits {
        connections_max: 2,
        connects_per_second: 1,
        requests_per_second: 2,
        failed_tokens_per_second: 1,
    };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_connections_up_to_its_limit_and_gets_them_back() {
        let table = AddressTable::new(LIMITS);
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!([table.connect(NOW, one), table.connect(NOW, one)], [Ok(()), Ok(())]);
        assert_eq!(table.connect(NOW, one), Err(OverLimit::Connections));
        assert_eq!(table.connect(NOW, other), Ok(()));
        table.disconnect(one);
        assert_eq!(table.connect(NOW, one), Ok(()));
        let table = AddressTable::new(AddressLimits::default());
        assert!((0..100).all(|_| table.connect(NOW, one).is_ok()));
    }

    #[test]
    fn each_rate_has_its_burst_and_says_when_to_come_back() {
        let table = AddressTable::new(AddressLimits { connections_max: 0, ..LIMITS });
        let one = address("192.0.2.1");
        assert!((0..10).all(|_| table.connect(NOW, one).is_ok()));
        assert_eq!(table.connect(NOW, one), Err(OverLimit::Connects(Span(1000))));
        assert!((0..20).all(|_| table.request(NOW, one).is_ok()));
        assert_eq!(table.request(NOW, one), Err(OverLimit::Requests(Span(500))));
        assert!((0..10).all(|_| table.failed_token(NOW, one).is_ok()));
        assert_eq!(table.failed_token(NOW, one), Err(OverLimit::FailedTokens(Span(1000))));
        assert!(table.request(NOW, address("192.0.2.2")).is_ok());
        assert!(table.request(NOW + Span(500), one).is_ok());
    }

    #[test]
    fn a_holder_of_many_ipv6_addresses_is_one_address() {
        let table = AddressTable::new(LIMITS);
        for host in ["2001:db8::1", "2001:db8::ffff:0:0:1"] {
            assert_eq!(table.connect(NOW, address(host)), Ok(()));
        }
        assert_eq!(table.connect(NOW, address("2001:db8::2")), Err(OverLimit::Connections));
        assert_eq!(table.connect(NOW, address("2001:db8:0:1::1")), Ok(()));
        // An IPv4 address that a socket of both kinds shows as one of IPv6 stays what it is.
        assert_eq!(table.connect(NOW, address("::ffff:192.0.2.1")), Ok(()));
        assert_eq!(table.connect(NOW, address("::ffff:192.0.2.2")), Ok(()));
        table.disconnect(address("192.0.2.1"));
        assert_eq!(table.connect(NOW, address("192.0.2.1")), Ok(()));
    }

    #[test]
    fn the_table_forgets_who_has_nothing_and_never_who_is_connected() {
        let table = AddressTable::new(LIMITS);
        let connected = address("192.0.2.1");
        table.connect(NOW, connected).unwrap();
        table.connect(NOW, connected).unwrap();
        let stranger = |at: u32| IpAddr::from(Ipv4Addr::from_bits(0x0A00_0000 + at));
        let many = u32::try_from(IDLE_ADDRESSES_MAX).unwrap();
        for at in 0..3 * many {
            assert_eq!(table.request(NOW, stranger(at)), Ok(()));
            assert!(table.len() <= IDLE_ADDRESSES_MAX);
        }
        assert_eq!(table.connect(NOW, connected), Err(OverLimit::Connections));
        // Who has only just asked too often is kept longer than those who are as new.
        for _ in 0..20 {
            let _ = table.failed_token(NOW + Span(60_000), connected);
        }
        for at in 0..many {
            assert!(table.request(NOW + Span(60_000), stranger(3 * many + at)).is_ok());
        }
        assert!(table.failed_token(NOW + Span(60_000), connected).is_err());
    }
}
