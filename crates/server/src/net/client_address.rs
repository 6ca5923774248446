//! The address of a client, which behind a proxy is what the proxy says. In: the address of the
//! peer, the headers of a request, which proxies are trusted. Out: an address. Nothing is believed
//! of a peer that is no trusted proxy, and of a list no entry that a client could have written.

use std::net::IpAddr;

use hyper::header::{FORWARDED, HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::config::ClientAddressSource;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Sets of addresses and networks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks(Vec<IpNet>);

impl Networks {
    /// Reads addresses and networks, such as `10.0.0.0/8`. The error is the entry's place.
    pub(crate) fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, usize> {
        let parsed =
            entries.iter().enumerate().map(|(at, entry)| network(entry.as_ref()).ok_or(at));
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of them has the address.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Option<IpNet> {
    let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network: IpNet = text.parse().ok().or_else(one)?;
    // Addresses are compared in the form that they have without the mapping to IPv6.
    match (network.addr().to_canonical(), network.prefix_len()) {
        (IpAddr::V4(address), length @ 96..) => IpNet::new(address.into(), length - 96).ok(),
        (_, _) => Some(network),
    }
}

/// The header in which proxies say who their clients are, if it is one.
pub(crate) const fn header(source: ClientAddressSource) -> Option<HeaderName> {
    match source {
        ClientAddressSource::Peer | ClientAddressSource::ProxyProtocol => None,
        ClientAddressSource::XForwardedFor => Some(X_FORWARDED_FOR),
        ClientAddressSource::Forwarded => Some(FORWARDED),
    }
}

/// The address of the client of a request. `peer` is the other end of the connection, or what the
/// PROXY protocol said that it is. `None` if a trusted proxy did not say it in a form that can be
/// read.
pub(crate) fn of_request(
    source: ClientAddressSource,
    trusted: &Networks,
    peer: IpAddr,
    headers: &HeaderMap,
) -> Option<IpAddr> {
    let Some(name) = header(source) else { return Some(peer) };
    if !trusted.contain(peer) {
        return Some(peer);
    }
    let read = if name == FORWARDED { forwarded_for } else { address_of };
    let lines = headers.get_all(name).iter().rev().map(|line| line.to_str().unwrap_or_default());
    let mut client = None;
    for entry in lines.flat_map(|line| line.rsplit(',')) {
        // What is to the left of an entry that cannot be read was written by nobody who is trusted.
        let address = read(entry.trim())?;
        client = Some(address);
        if !trusted.contain(address) {
            break;
        }
    }
    client
}

/// The address of one element of `Forwarded` (RFC 7239).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| address_of(value.trim().trim_matches('"')))?
    })
}

/// An address with or without a port; one of IPv6 may be in brackets.
fn address_of(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    text.parse().ok().or_else(|| text.rsplit_once(':')?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{Networks, of_request};
    use crate::config::ClientAddressSource as Source;
    use hyper::header::{HeaderMap, HeaderName, HeaderValue};
    use std::net::IpAddr;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn of(source: Source, peer: &str, lines: &[(&'static str, &'static str)]) -> Option<IpAddr> {
        let trusted = Networks::parse(&["10.0.0.0/8", "2001:db8::/32"]).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        of_request(source, &trusted, address(peer), &headers)
    }

    #[test]
    fn only_what_trusted_proxies_have_added_is_believed() {
        let xff = |peer, lines: &[&'static str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            of(Source::XForwardedFor, peer, &lines)
        };
        let client = Some(address("192.0.2.7"));
        // What the client sent itself is left of what the proxy added, on one line or on several.
        assert_eq!(xff("10.1.2.3", &["192.0.2.7"]), client);
        assert_eq!(xff("10.1.2.3", &["9.9.9.9, 8.8.8.8, 192.0.2.7"]), client);
        assert_eq!(xff("10.1.2.3", &["9.9.9.9", "8.8.8.8", "192.0.2.7"]), client);
        assert_eq!(xff("10.1.2.3", &["9.9.9.9, 192.0.2.7", "10.0.0.1"]), client);
        assert_eq!(xff("::ffff:10.1.2.3", &["10.9.9.9,192.0.2.7 , 10.0.0.1"]), client);
        assert_eq!(xff("10.1.2.3", &["nonsense, 192.0.2.7:4711"]), client);
        assert_eq!(xff("10.1.2.3", &["[2001:db9::1]:80"]), Some(address("2001:db9::1")));
        // All are proxies: the first of them has asked for itself.
        assert_eq!(xff("10.1.2.3", &["10.0.0.9, 10.0.0.1"]), Some(address("10.0.0.9")));
        // A peer that is no proxy says nothing that counts.
        assert_eq!(xff("192.0.2.7", &["9.9.9.9"]), client);
        // A proxy that does not say it is set up wrongly.
        assert_eq!(xff("10.1.2.3", &[]), None);
        assert_eq!(xff("10.1.2.3", &["9.9.9.9, unknown"]), None);
    }

    #[test]
    fn the_standard_header_is_read_where_it_is_asked_for() {
        let forwarded = |line| of(Source::Forwarded, "10.1.2.3", &[("forwarded", line)]);
        assert_eq!(forwarded("for=9.9.9.9, for=192.0.2.7"), Some(address("192.0.2.7")));
        let long = r#"for=9.9.9.9;proto=https, by=10.0.0.1;FOR="[2001:db9::1]:4711";host=x"#;
        assert_eq!(forwarded(long), Some(address("2001:db9::1")));
        assert_eq!(forwarded("for=9.9.9.9, for=_hidden"), None);
        assert_eq!(forwarded("for=9.9.9.9, by=10.0.0.1"), None);
        let both = [("x-forwarded-for", "9.9.9.9"), ("forwarded", "for=192.0.2.7")];
        assert_eq!(of(Source::Forwarded, "10.1.2.3", &both), Some(address("192.0.2.7")));
        assert_eq!(of(Source::Peer, "10.1.2.3", &both), Some(address("10.1.2.3")));
        assert_eq!(of(Source::ProxyProtocol, "10.1.2.3", &both), Some(address("10.1.2.3")));
    }

    #[test]
    fn networks_are_addresses_and_prefixes() {
        let all = Networks::parse(&["192.0.2.1", "::1", "2001:db8::/32", "::ffff:192.0.2.9"]);
        let mapped = Networks::parse(&["::ffff:198.51.100.0/120"]).unwrap();
        assert!(mapped.contain(address("198.51.100.7")) && !mapped.contain(address("192.0.2.1")));
        let all = all.unwrap();
        for inside in ["192.0.2.1", "::ffff:192.0.2.1", "::1", "2001:db8:1::1", "192.0.2.9"] {
            assert!(all.contain(address(inside)), "{inside}");
        }
        for outside in ["192.0.2.2", "::2", "2001:db9::1"] {
            assert!(!all.contain(address(outside)), "{outside}");
        }
        for bad in ["", "10.0.0.0/33", "example.com", "10.0.0"] {
            assert_eq!(Networks::parse(&["::1", bad]).unwrap_err(), 1, "{bad}");
        }
    }
}
