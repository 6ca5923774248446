//! The rules for the servers of the redis broker.
//!
//! In: settings. Out: broken rules, which show no address: it may hold a password. Nothing is asked
//! over the network.

use super::{NAME_BYTES_MAX, Rules, SEGMENT, is_segment, path};
use crate::broker::is_server_address;
use crate::config::broker::BrokerKind;
use crate::config::secret::Secret;
use crate::config::settings::Config;

/// The most servers, and the most sentinels.
const SERVERS_MAX: usize = 64;

pub(super) fn check(rules: &mut Rules<'_>, config: &Config) {
    if config.broker.kind(config.dev) != BrokerKind::Redis {
        return;
    }
    let redis = &config.broker.redis;
    addresses(rules, "broker.redis.servers", &redis.servers);
    addresses(rules, "broker.redis.sentinels", &redis.sentinels);
    if !is_segment(&redis.prefix) || redis.prefix.len() > NAME_BYTES_MAX {
        let wrong = format!("{:?} is not a name of 1 to {NAME_BYTES_MAX} {SEGMENT}", redis.prefix);
        rules.broken(&[path("broker.redis.prefix")], wrong, "leave out everything else");
    }
    let at = [path("broker.redis.sentinels"), path("broker.redis.master_name")];
    match (&redis.master_name, redis.sentinels.is_empty(), redis.servers.len()) {
        (None, true, 0) => {
            let mend = "name one at least, like redis://127.0.0.1:6379";
            rules.broken(&[path("broker.redis.servers")], "the redis broker needs a server", mend);
        }
        (Some(_), true, _) => {
            let mend = "set `broker.redis.sentinels`, or take the name away";
            rules.broken(&at, "there is a name to ask for, and no sentinel", mend);
        }
        (None, false, _) => {
            let mend = "set `broker.redis.master_name` to the name they know the primary by";
            rules.broken(&at, "sentinels are asked for a name", mend);
        }
        (Some(_), false, 2..) => {
            let mend = "keep one at most: it says user, password and database";
            let servers = path("broker.redis.servers");
            rules.broken(&[servers], "sentinels know one primary", mend);
        }
        (None, true, _) | (Some(_), false, _) => {}
    }
}

fn addresses(rules: &mut Rules<'_>, at: &str, addresses: &[Secret]) {
    if addresses.len() > SERVERS_MAX {
        let wrong = format!("there are {} addresses", addresses.len());
        rules.broken(&[path(at)], wrong, format!("name {SERVERS_MAX} at most"));
    }
    for (index, address) in addresses.iter().enumerate() {
        if !is_server_address(address) {
            let mut at = path(at);
            at.push(index.to_string());
            let mend = "write redis://[user:password@]host[:port][/database], or rediss:// for TLS";
            rules.broken(&[at], "this is not the address of a server", mend);
        }
    }
}
