//! The rules for the servers of the brokers redis and nats.
//!
//! In: settings. Out: broken rules, which show no address, since it may hold a password. No server
//! is contacted.

use super::{NAME_BYTES_MAX, Rules, SEGMENT, is_segment, path};
use crate::config::settings::Config;
use steadfast_broker::BrokerKind;
use steadfast_broker::Secret;

/// The most servers, and the most sentinels.
const SERVERS_MAX: usize = 64;
/// The most servers that keep a log of JetStream.
const REPLICAS_MAX: usize = 5;

pub(super) fn check(rules: &mut Rules<'_>, config: &Config) {
    match config.broker.kind(config.dev) {
        BrokerKind::Memory | BrokerKind::Disk => {}
        BrokerKind::Redis => redis(rules, config),
        BrokerKind::Nats => nats(rules, config),
    }
}

fn nats(rules: &mut Rules<'_>, config: &Config) {
    let nats = &config.broker.nats;
    let written = "nats://[user:password@]host[:port]";
    addresses(rules, "broker.nats.servers", (BrokerKind::Nats, &nats.servers), written);
    if nats.servers.is_empty() {
        let mend = "name one at least, like nats://127.0.0.1:4222";
        rules.broken(&[path("broker.nats.servers")], "the nats broker needs a server", mend);
    }
    let prefix = &nats.prefix;
    if !is_segment(prefix) || prefix.contains('.') || prefix.len() > NAME_BYTES_MAX {
        let wrong = format!("{prefix:?} is not a name of 1 to {NAME_BYTES_MAX} A-Z a-z 0-9 _ -");
        let mend = "leave out everything else, dots too: it names a stream";
        rules.broken(&[path("broker.nats.prefix")], wrong, mend);
    }
    if !(1..=REPLICAS_MAX).contains(&nats.replicas) {
        let wrong =
            format!("{} is not a number of servers from 1 to {REPLICAS_MAX}", nats.replicas);
        rules.broken(&[path("broker.nats.replicas")], wrong, "take 3 in a cluster, 1 without one");
    }
}

fn redis(rules: &mut Rules<'_>, config: &Config) {
    let redis = &config.broker.redis;
    let written = "redis://[user:password@]host[:port][/database], or rediss:// for TLS";
    addresses(rules, "broker.redis.servers", (BrokerKind::Redis, &redis.servers), written);
    addresses(rules, "broker.redis.sentinels", (BrokerKind::Redis, &redis.sentinels), written);
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

fn addresses(
    rules: &mut Rules<'_>,
    at: &str,
    (kind, addresses): (BrokerKind, &[Secret]),
    written: &str,
) {
    if addresses.len() > SERVERS_MAX {
        let wrong = format!("there are {} addresses", addresses.len());
        rules.broken(&[path(at)], wrong, format!("name {SERVERS_MAX} at most"));
    }
    for (index, address) in addresses.iter().enumerate() {
        if !kind.reads_address(address) {
            let mut at = path(at);
            at.push(index.to_string());
            let mend = format!("write {written}");
            rules.broken(&[at], "this is not the address of a server", mend);
        }
    }
}
