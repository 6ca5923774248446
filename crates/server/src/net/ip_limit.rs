//! Counts the sockets of each address, where that number is limited. In: addresses of sockets that
//! open and close. Out: whether one more may open.

use std::collections::BTreeMap;
use std::net::IpAddr;

use parking_lot::Mutex;

/// How many sockets each address has, if that is limited.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<BTreeMap<IpAddr, usize>>);

impl Addresses {
    /// Counts one more socket of `address`, of at most `most`; 0 is no limit. Returns false if the
    /// limit is reached.
    pub(crate) fn enter(&self, address: IpAddr, most: usize) -> bool {
        if most == 0 {
            return true;
        }
        let mut counts = self.0.lock();
        let count = counts.entry(address).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }

    /// Counts a socket less. `most` is what [`Self::enter`] was called with.
    pub(crate) fn leave(&self, address: IpAddr, most: usize) {
        if most == 0 {
            return;
        }
        let mut counts = self.0.lock();
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Addresses;

    #[test]
    fn an_address_has_places_up_to_its_limit_and_gets_them_back() {
        let addresses = Addresses::default();
        let one = "127.0.0.1".parse().unwrap();
        let other = "127.0.0.2".parse().unwrap();
        assert!(addresses.enter(one, 2) && addresses.enter(one, 2));
        assert!(!addresses.enter(one, 2));
        assert!(addresses.enter(other, 2));
        addresses.leave(one, 2);
        assert!(addresses.enter(one, 2));
        assert!((0..100).all(|_| addresses.enter(one, 0)));
    }
}
