//! The settings of the broker: which one, and where it keeps what.
//!
//! In: nothing. Out: a plain struct with its defaults, and which broker that means.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// What keeps the channels.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerSettings {
    /// Which. Default: `disk` where `data_dir` is given and `dev` is not, else `memory`.
    pub kind: Option<BrokerKind>,
    /// The directory of the disk broker, for this node alone; made where there is none. Default:
    /// none.
    pub data_dir: Option<PathBuf>,
    /// The most bytes of the newest events that the brokers disk and nats keep in memory besides,
    /// up to 64 GiB. Default: 64 MiB.
    pub hot_bytes_max: usize,
    /// The servers of the redis broker.
    pub redis: RedisSettings,
    /// The servers of the nats broker.
    pub nats: NatsSettings,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            kind: None,
            data_dir: None,
            hot_bytes_max: 64 * 1024 * 1024,
            redis: RedisSettings::default(),
            nats: NatsSettings::default(),
        }
    }
}

impl BrokerSettings {
    /// The broker that these settings mean, in `dev` or not.
    pub fn kind(&self, dev: bool) -> BrokerKind {
        let has_place = self.data_dir.is_some() && !dev;
        self.kind.unwrap_or(if has_place { BrokerKind::Disk } else { BrokerKind::Memory })
    }
}

/// The brokers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BrokerKind {
    /// Channels live as long as the process.
    Memory,
    /// Channels live in a directory.
    Disk,
    /// Channels live on Redis or Valkey servers, which many nodes share.
    Redis,
    /// Channels live in a log of NATS JetStream, which many nodes share.
    Nats,
}

impl BrokerKind {
    /// The word for it in settings, and the Cargo feature that it is built in by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Redis => "redis",
            Self::Nats => "nats",
        }
    }

    /// Whether this build has it.
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::Memory => true,
            Self::Disk => cfg!(feature = "disk"),
            Self::Redis => cfg!(feature = "redis"),
            Self::Nats => cfg!(feature = "nats"),
        }
    }

    /// Whether this is an address that the broker can read. One without servers reads none, nor
    /// does one that is not built in.
    #[cfg_attr(
        not(any(feature = "redis", feature = "nats")),
        allow(unused_variables, reason = "no broker of this build has servers")
    )]
    pub fn reads_address(self, address: &Secret) -> bool {
        match self {
            #[cfg(feature = "redis")]
            Self::Redis => crate::redis::is_server_address(address),
            #[cfg(not(feature = "redis"))]
            Self::Redis => false,
            #[cfg(feature = "nats")]
            Self::Nats => crate::nats::is_nats_address(address),
            #[cfg(not(feature = "nats"))]
            Self::Nats => false,
            Self::Memory | Self::Disk => false,
        }
    }
}

impl fmt::Display for BrokerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Redis or Valkey servers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSettings {
    /// Their addresses, which are never shown: `redis://[user:password@]host[:port][/database]`,
    /// or `rediss://` for TLS, 1 to 64. Each channel lives on one of them; the same order on every
    /// node. Default: `redis://127.0.0.1:6379`.
    pub servers: Vec<Secret>,
    /// What the names of all keys begin with, 1 to 64 of `[A-Za-z0-9_.-]`. Default: `steadfast`.
    pub prefix: String,
    /// Addresses of sentinels, which are asked where the primary is. Default: none.
    pub sentinels: Vec<Secret>,
    /// The name that sentinels know the primary by. Default: none.
    pub master_name: Option<String>,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            servers: vec![Secret::new("redis://127.0.0.1:6379")],
            prefix: "steadfast".into(),
            sentinels: Vec::new(),
            master_name: None,
        }
    }
}

/// A NATS system with JetStream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NatsSettings {
    /// Addresses of its servers, which are never shown: `nats://[user:password@]host[:port]`, or
    /// `token@` and `tls://`, 1 to 64. All lead to the same log. Default: `nats://127.0.0.1:4222`.
    pub servers: Vec<Secret>,
    /// The name of the stream, and what all subjects begin with, 1 to 64 of `[A-Za-z0-9_-]`.
    /// Default: `steadfast`.
    pub prefix: String,
    /// How many servers of a cluster keep the log, where it is made: 1 to 5. Default: 1.
    pub replicas: usize,
}

impl Default for NatsSettings {
    fn default() -> Self {
        Self {
            servers: vec![Secret::new("nats://127.0.0.1:4222")],
            prefix: "steadfast".into(),
            replicas: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BrokerKind;
    use crate::StartError;
    use crate::secret::Secret;

    #[test]
    fn a_kind_is_named_in_settings_as_its_feature_is() {
        for kind in [BrokerKind::Memory, BrokerKind::Disk, BrokerKind::Redis, BrokerKind::Nats] {
            let read: BrokerKind = serde_json::from_str(&format!("\"{kind}\"")).unwrap();
            assert!(read == kind && kind.is_built_in(), "{kind}");
        }
        let error = StartError::NotBuiltIn { kind: BrokerKind::Nats }.to_string();
        assert!(error.contains("build it with the Cargo feature `nats`"), "{error}");
    }

    #[test]
    fn each_broker_reads_addresses_of_its_own_servers() {
        let [redis, nats] = ["redis://127.0.0.1:6379", "nats://127.0.0.1:4222"].map(Secret::new);
        let reads = |kind: BrokerKind| [kind.reads_address(&redis), kind.reads_address(&nats)];
        assert_eq!(reads(BrokerKind::Redis), [true, false]);
        assert_eq!(reads(BrokerKind::Nats), [false, true]);
        assert_eq!([reads(BrokerKind::Memory), reads(BrokerKind::Disk)], [[false; 2]; 2]);
    }
}
