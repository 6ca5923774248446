//! The settings of the broker: which one, and where it keeps what.
//!
//! In: nothing. Out: a plain struct with its defaults, and which broker that means.

use std::path::PathBuf;

use serde::Deserialize;

use crate::secret::Secret;

/// What keeps the channels.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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

/// Redis or Valkey servers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
