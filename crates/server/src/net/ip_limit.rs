//! How many sockets each address has, where that is limited.
//! In: ip_limit that come and go. Out: whether there is a place for one more.

use std::collections::BTreeMap;
use std::net::IpAddr;

use parking_lot::Mutex;

/// How many sockets each address has, where that is limited.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<BTreeMap<IpAddr, usize>>);

impl Addresses {
    /// Takes a place for `address`, of `most`; 0 is no limit. False where there is none.
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

    /// Gives a place back that was taken under the same limit.
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
        let ip_limit = Addresses::default();
        let one = "127.0.0.1".parse().unwrap();
        let other = "127.0.0.2".parse().unwrap();
        assert!(ip_limit.enter(one, 2) && ip_limit.enter(one, 2));
        assert!(!ip_limit.enter(one, 2));
        assert!(ip_limit.enter(other, 2));
        ip_limit.leave(one, 2);
        assert!(ip_limit.enter(one, 2));
        assert!((0..100).all(|_| ip_limit.enter(one, 0)));
    }
}
