//! A port that a test's server may have, leave and have again. In: nothing. Out: a number, for as
//! long as its owner holds it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Below those that the system gives to outgoing connections, which could take one between two
/// starts of a server.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// How many ports this process has tried. None is tried twice before all the others were: a broker
/// that outlives its server would reach the next server on the same port.
static TRIED: AtomicUsize = AtomicUsize::new(0);

/// A TCP port on loopback that no other test is given. The UDP port of the same number is bound as
/// the sign for that, because the TCP port itself has to be free for the server.
#[derive(Debug)]
pub struct ReservedPort {
    sign: UdpSocket,
}

impl ReservedPort {
    /// A port that nobody listens on and no other test holds.
    pub fn take() -> Self {
        // Test runs beside each other begin at different places.
        let begin = usize::try_from(std::process::id()).unwrap() * 200 % PORTS.len();
        let mut tries = 0..PORTS.len();
        let free = tries.find_map(|_| {
            let at = (begin + TRIED.fetch_add(1, Ordering::Relaxed)) % PORTS.len();
            let port = PORTS.start + u16::try_from(at).unwrap();
            let address = (Ipv4Addr::LOCALHOST, port);
            let sign = UdpSocket::bind(address).ok()?;
            TcpListener::bind(address).is_ok().then_some(Self { sign })
        });
        free.unwrap_or_else(|| panic!("no port is free in {PORTS:?}"))
    }

    /// Where a server may listen.
    pub fn address(&self) -> SocketAddr {
        self.sign.local_addr().unwrap()
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.address().port()
    }
}

#[cfg(test)]
mod tests {
    use super::ReservedPort;
    use std::collections::BTreeSet;
    use std::net::TcpListener;

    #[test]
    fn a_port_that_was_given_back_is_not_the_next_to_be_given() {
        let numbers: BTreeSet<u16> = (0..50).map(|_| ReservedPort::take().number()).collect();
        assert_eq!(numbers.len(), 50);
    }

    #[test]
    fn a_port_is_given_once_and_is_free_for_a_server_again_and_again() {
        let held: Vec<ReservedPort> = (0..50).map(|_| ReservedPort::take()).collect();
        let numbers: BTreeSet<u16> = held.iter().map(ReservedPort::number).collect();
        assert_eq!(numbers.len(), held.len());
        for port in &held {
            for _ in 0..2 {
                assert!(TcpListener::bind(port.address()).is_ok(), "{port:?}");
            }
        }
    }
}
