//! Who may connect and ask: the rate of the whole node, and the limits of each address. In:
//! addresses of peers and of clients behind proxies, the time. Out: whether to serve them, and
//! counts of refusals by their cause. Must not know: sockets.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hyper::header::HeaderMap;
use parking_lot::Mutex;
use steadfast_machine::{Millis, Rate, Span};

use super::address_table::{AddressLimits, AddressTable, OverLimit, burst, holder, take};
use super::client_address::{self, Networks};
use crate::config::{ClientAddressSource, PublicSettings};
use crate::problem::{Code, Problem};
use crate::session::user_budgets::OverBudget;

/// When to come back at the earliest where there are too many connections, in seconds.
const FULL_RETRY_S: u32 = 5;

/// The limits of the public port, and who they hold for.
#[derive(Debug)]
pub(crate) struct AccessLimits {
    addresses: AddressTable,
    connects: Mutex<Rate>,
    connects_per_second: u32,
    requests_per_connection: u32,
    unlimited: Networks,
    trusted: Networks,
    source: ClientAddressSource,
    refused: [AtomicU64; Refusal::ALL.len()],
    /// Whether the log has a proxy that cannot be understood.
    has_warned: AtomicBool,
}

/// Why somebody is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The node has as many connections as it may.
    Full,
    /// All connect too often.
    Connects(Span),
    /// A connection asks too often.
    ConnectionRequests(Span),
    /// The address is over a limit of its own.
    Address(OverLimit),
    /// The user is over a limit of its own.
    User(OverBudget),
}

impl AccessLimits {
    pub(crate) fn new(settings: &PublicSettings, now: Millis) -> Self {
        // Lists that cannot be read have not passed the checks of settings.
        let networks = |list: &[String]| Networks::parse(list).unwrap_or_default();
        let limits = AddressLimits {
            connections_max: settings.connections_per_ip_max,
            connects_per_second: settings.connects_per_second_per_ip_max,
            requests_per_second: settings.requests_per_second_per_ip_max,
            failed_tokens_per_second: settings.failed_tokens_per_second_per_ip_max,
        };
        Self {
            addresses: AddressTable::new(limits),
            connects: Mutex::new(Rate::new(now, burst(settings.connects_per_second_max))),
            connects_per_second: settings.connects_per_second_max,
            requests_per_connection: settings.requests_per_second_per_connection_max,
            unlimited: networks(&settings.unlimited_addresses),
            trusted: networks(&settings.trusted_proxies),
            source: settings.client_address,
            refused: Default::default(),
            has_warned: AtomicBool::default(),
        }
    }

    /// Whether a peer is a proxy that says who its clients are.
    pub(crate) fn is_proxy(&self, peer: IpAddr) -> bool {
        self.source != ClientAddressSource::Peer && self.trusted.contain(peer)
    }

    /// Whether a connection of this peer begins with a header of the PROXY protocol.
    pub(crate) fn has_proxy_header(&self, peer: IpAddr) -> bool {
        self.source == ClientAddressSource::ProxyProtocol && self.trusted.contain(peer)
    }

    /// The client of a request. It is the proxy itself if that does not say, as in its checks of
    /// health, or says it in a form that cannot be read, which is logged once.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let client = client_address::of_request(self.source, &self.trusted, peer, headers);
        client.unwrap_or_else(|| {
            let is_odd =
                client_address::header(self.source).is_some_and(|name| headers.contains_key(name));
            if is_odd && !self.has_warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    proxy = %peer,
                    "a trusted proxy does not say who its client is in a form that can be read: \
                     the limits of an address do not hold for its requests"
                );
            }
            peer
        })
    }

    /// Counts a new connection, whoever it is from.
    pub(crate) fn connect_any(&self, now: Millis) -> Result<(), Refusal> {
        let taken = take(&mut self.connects.lock(), now, self.connects_per_second);
        taken.map_err(Refusal::Connects)
    }

    /// Counts one more connection of a client. True if [`Self::disconnect`] is to be called.
    pub(crate) fn connect(&self, now: Millis, address: IpAddr) -> Result<bool, Refusal> {
        if !self.is_limited(address) {
            return Ok(false);
        }
        self.addresses.connect(now, address).map_err(Refusal::Address)?;
        Ok(true)
    }

    /// Counts a connection of a client less.
    pub(crate) fn disconnect(&self, address: IpAddr) {
        self.addresses.disconnect(address);
    }

    /// A new count of a connection's requests.
    pub(crate) fn requests(&self, now: Millis) -> Rate {
        Rate::new(now, burst(self.requests_per_connection))
    }

    /// Counts a request of a client, on a connection with this count if that is the client's own.
    pub(crate) fn request(
        &self,
        now: Millis,
        address: IpAddr,
        of_connection: Option<&mut Rate>,
    ) -> Result<(), Refusal> {
        if !self.is_limited(address) {
            return Ok(());
        }
        if let Some(rate) = of_connection {
            let per_second = self.requests_per_connection;
            take(rate, now, per_second).map_err(Refusal::ConnectionRequests)?;
        }
        self.addresses.request(now, address).map_err(Refusal::Address)
    }

    /// Counts a token that was refused.
    pub(crate) fn failed_token(&self, now: Millis, address: IpAddr) -> Result<(), Refusal> {
        if !self.is_limited(address) {
            return Ok(());
        }
        self.addresses.failed_token(now, address).map_err(Refusal::Address)
    }

    /// The problem of a refused token; or, if it is one of too many of `address`, that.
    pub(crate) fn checked(&self, now: Millis, address: IpAddr, problem: Problem) -> Problem {
        let Err(refusal) = self.failed_token(now, address) else { return problem };
        self.count(refusal);
        refusal.problem()
    }

    /// Counts a refusal, and logs the first of its cause.
    pub(crate) fn count(&self, refusal: Refusal) {
        if self.refused[refusal.place()].fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(setting = refusal.setting(), "refused: {}", refusal.problem().detail);
        }
    }

    /// How often each cause was met.
    pub(crate) fn refusals(&self) -> Vec<(&'static str, u64)> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Refusal::ALL.into_iter().zip(self.refused.iter().map(count)).collect()
    }

    /// How many addresses are remembered.
    pub(crate) fn addresses(&self) -> usize {
        self.addresses.len()
    }

    /// The address that the limits of a client count for; `None` if they do not hold for it.
    pub(crate) fn limited(&self, address: IpAddr) -> Option<IpAddr> {
        self.is_limited(address).then(|| holder(address))
    }

    fn is_limited(&self, address: IpAddr) -> bool {
        !self.unlimited.contain(address) && !self.is_proxy(address)
    }
}

impl Refusal {
    /// The causes as metrics name them.
    pub(crate) const ALL: [&'static str; 11] = [
        "connections",
        "connects",
        "connection_requests",
        "address_connections",
        "address_connects",
        "address_requests",
        "address_failed_tokens",
        "user_links",
        "user_publish_bytes",
        "user_idempotency_keys",
        "user_new_channels",
    ];

    const fn place(self) -> usize {
        match self {
            Self::Full => 0,
            Self::Connects(_) => 1,
            Self::ConnectionRequests(_) => 2,
            Self::Address(OverLimit::Connections) => 3,
            Self::Address(OverLimit::Connects(_)) => 4,
            Self::Address(OverLimit::Requests(_)) => 5,
            Self::Address(OverLimit::FailedTokens(_)) => 6,
            Self::User(OverBudget::Links) => 7,
            Self::User(OverBudget::Bytes(_)) => 8,
            Self::User(OverBudget::Keys(_)) => 9,
            Self::User(OverBudget::Channels(_)) => 10,
        }
    }

    /// The setting that the refusal follows from.
    pub(crate) const fn setting(self) -> &'static str {
        match self {
            Self::Full => "public.connections_max",
            Self::Connects(_) => "public.connects_per_second_max",
            Self::ConnectionRequests(_) => "public.requests_per_second_per_connection_max",
            Self::Address(OverLimit::Connections) => "public.connections_per_ip_max",
            Self::Address(OverLimit::Connects(_)) => "public.connects_per_second_per_ip_max",
            Self::Address(OverLimit::Requests(_)) => "public.requests_per_second_per_ip_max",
            Self::Address(OverLimit::FailedTokens(_)) => {
                "public.failed_tokens_per_second_per_ip_max"
            }
            Self::User(over) => over.setting(),
        }
    }

    /// What the refused one is told.
    pub(crate) fn problem(self) -> Problem {
        let (detail, wait) = match self {
            Self::Full => ("this node has as many connections as it may", None),
            Self::Address(OverLimit::Connections) => {
                ("this address has as many connections as it may", None)
            }
            Self::User(OverBudget::Links) => {
                ("this user has as many links on this node as it may", None)
            }
            Self::User(OverBudget::Bytes(wait)) => {
                ("this user publishes more bytes than it may", Some(wait))
            }
            Self::User(OverBudget::Keys(wait)) => {
                ("this user has as many idempotency keys as it may", Some(wait))
            }
            Self::User(OverBudget::Channels(wait)) => {
                ("this user makes more channels than it may", Some(wait))
            }
            Self::Connects(wait) => ("more connect to this node at once than may", Some(wait)),
            Self::ConnectionRequests(wait) => ("this connection asks too often", Some(wait)),
            Self::Address(OverLimit::Connects(wait)) => {
                ("this address connects too often", Some(wait))
            }
            Self::Address(OverLimit::Requests(wait)) => ("this address asks too often", Some(wait)),
            Self::Address(OverLimit::FailedTokens(wait)) => {
                ("too many tokens of this address were refused", Some(wait))
            }
        };
        let Some(Span(ms)) = wait else {
            let detail = format!("{detail}; try again in a moment");
            return Problem::new(Code::TooManyConnections, detail).retry_after_s(FULL_RETRY_S);
        };
        let seconds = u32::try_from(ms.div_ceil(1000)).unwrap_or(u32::MAX).max(1);
        let detail = format!("{detail}; try again in {seconds} s");
        Problem::new(Code::RateLimited, detail).retry_after_s(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessLimits, Refusal};
    use crate::config::{ClientAddressSource, PublicSettings};
    use std::net::IpAddr;
    use steadfast_machine::Millis;

    const NOW: Millis = Millis(0);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn private_networks_and_trusted_proxies_have_no_limits_of_their_own() {
        let settings = PublicSettings {
            connections_per_ip_max: 1,
            trusted_proxies: vec!["198.51.100.0/24".into()],
            client_address: ClientAddressSource::XForwardedFor,
            ..PublicSettings::default()
        };
        let access = AccessLimits::new(&settings, NOW);
        for unlimited in ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "100.64.0.1", "198.51.100.9"] {
            for _ in 0..3 {
                assert_eq!(access.connect(NOW, address(unlimited)), Ok(false), "{unlimited}");
            }
        }
        for limited in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.2"] {
            assert_eq!(access.connect(NOW, address(limited)), Ok(true), "{limited}");
            assert!(access.connect(NOW, address(limited)).is_err(), "{limited}");
        }
    }

    #[test]
    fn each_refusal_names_its_setting_and_says_when_to_come_back() {
        let settings = PublicSettings {
            connects_per_second_max: 1,
            requests_per_second_per_connection_max: 1,
            ..PublicSettings::default()
        };
        let access = AccessLimits::new(&settings, NOW);
        assert!((0..10).all(|_| access.connect_any(NOW).is_ok()));
        let refusal = access.connect_any(NOW).unwrap_err();
        let problem = refusal.problem();
        assert_eq!((problem.status().as_u16(), problem.retry_after_s), (429, Some(1)));
        assert_eq!(refusal.setting(), "public.connects_per_second_max");
        let mut rate = access.requests(NOW);
        let one = address("192.0.2.1");
        assert!((0..10).all(|_| access.request(NOW, one, Some(&mut rate)).is_ok()));
        let refusal = access.request(NOW, one, Some(&mut rate)).unwrap_err();
        assert!(matches!(refusal, Refusal::ConnectionRequests(_)));
        assert_eq!(access.request(NOW, one, None), Ok(()));
        assert_eq!(Refusal::Full.problem().status().as_u16(), 503);
        access.count(refusal);
        assert_eq!(access.refusals()[2], ("connection_requests", 1));
    }
}
