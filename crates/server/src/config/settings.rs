//! The settings and their defaults: the whole, and the sections that name places and secrets.
//!
//! In: nothing. Out: plain structs that are also the schema of the file and of the variables.
//! They know no rules; `check` does.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use steadfast_hub::Pattern;

use super::auth_settings::AuthSettings;
use super::compression::CompressionSettings;
use super::limits::{Drain, Heartbeat, Limits, NamespaceOptions, NamespacePart};
use steadfast_broker::BrokerSettings;
use steadfast_broker::Secret;

/// All settings of one node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Open to everybody who can reach it: no keys, a demo page, memory only. Listens on loopback
    /// addresses alone. Default: false.
    pub dev: bool,
    /// Over how long clients spread their first attempt to reconnect when the node vanishes, in ms,
    /// 0 to 600000; told to them in advance. Default: 5000.
    pub crash_window_ms: u64,
    /// Who this node is.
    pub node: NodeSettings,
    /// The port for clients.
    pub public: PublicSettings,
    /// The port for backends and operators.
    pub internal: InternalSettings,
    /// How tokens are checked.
    pub auth: AuthSettings,
    /// What stores the channels.
    pub broker: BrokerSettings,
    /// The limits.
    pub limits: Limits,
    /// How messages over WebSocket are compressed.
    pub compression: CompressionSettings,
    /// How dead connections are noticed.
    pub heartbeat: Heartbeat,
    /// How the node drains.
    pub drain: Drain,
    /// The options of every namespace that does not have its own.
    pub namespace_default: NamespaceOptions,
    /// Options of single namespaces, by name. An option that is left out is that of
    /// `namespace_default`.
    pub namespaces: BTreeMap<String, NamespacePart>,
    /// Routes of the older protocol on the public port. Default: `/ws/diagnosis/{id}`.
    pub routes: Vec<Route>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dev: false,
            crash_window_ms: 5000,
            node: NodeSettings::default(),
            public: PublicSettings::default(),
            internal: InternalSettings::default(),
            auth: AuthSettings::default(),
            broker: BrokerSettings::default(),
            limits: Limits::default(),
            compression: CompressionSettings::default(),
            heartbeat: Heartbeat::default(),
            drain: Drain::default(),
            namespace_default: NamespaceOptions::default(),
            namespaces: BTreeMap::new(),
            routes: vec![Route::diagnosis()],
        }
    }
}

/// Who this node is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    /// Its name, unique among the nodes: 1 to 64 of `[A-Za-z0-9_.-]`. Default: `node-1`.
    pub name: String,
    /// The region it is in. Nodes of one region are near each other. 1 to 64 of `[A-Za-z0-9_.-]`.
    /// Default: `local`.
    pub region: String,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self { name: "node-1".into(), region: "local".into() }
    }
}

/// The port for clients.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PublicSettings {
    /// Address and port; port 0 takes a free one. Default: `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Origins whose pages may connect: `scheme://host[:port]`, or `*` for all. Pages of the same
    /// host always may. Default: none.
    pub allowed_origins: Vec<String>,
    /// The most connections, 1 to 1000000. Keep it below the limit of open files. Default: 16000.
    pub connections_max: usize,
    /// The most connections of one address, up to 1000000; 0: no limit. Default: 2000.
    pub connections_per_ip_max: usize,
    /// New connections of all addresses in a second, up to 1000000; ten times as many at once.
    /// 0: no limit. Default: 10000.
    pub connects_per_second_max: u32,
    /// New connections of one address in a second, in the same way. Default: 100.
    pub connects_per_second_per_ip_max: u32,
    /// HTTP requests on one connection in a second, in the same way. Default: 50.
    pub requests_per_second_per_connection_max: u32,
    /// HTTP requests of one address in a second, in the same way. Default: 500.
    pub requests_per_second_per_ip_max: u32,
    /// Refused tokens of one address in a second, in the same way. Default: 10.
    pub failed_tokens_per_second_per_ip_max: u32,
    /// Addresses and networks that the limits of an address and of a connection's requests do not
    /// hold for. Default: loopback and private networks, where a proxy in front is.
    pub unlimited_addresses: Vec<String>,
    /// Addresses and networks of proxies in front, which say who their clients are. Default: none.
    pub trusted_proxies: Vec<String>,
    /// How trusted proxies say it. Default: `peer`, not at all.
    pub client_address: ClientAddressSource,
    /// How long a connection stays that has shown no valid token, in ms, 1000 to 3600000.
    /// Default: 60000.
    pub anonymous_ms_max: u64,
    /// The most connections that wait to be accepted, 1 to 65535. Default: 4096.
    pub accept_backlog: u32,
    /// How long a connection waits for its next HTTP request, in ms, 1000 to 3600000. It should be
    /// longer than a load balancer in front keeps connections, which otherwise sends requests to a
    /// connection that is closing. Default: 75000.
    pub keep_alive_ms: u64,
    /// A PEM file with the certificates, the node's own first. With it the port accepts TLS alone.
    /// Default: none.
    pub tls_cert_file: Option<PathBuf>,
    /// A PEM file with the key of that certificate. Default: none.
    pub tls_key_file: Option<PathBuf>,
}

impl Default for PublicSettings {
    fn default() -> Self {
        Self {
            listen: loopback(8080),
            allowed_origins: Vec::new(),
            connections_max: 16_000,
            connections_per_ip_max: 2000,
            connects_per_second_max: 10_000,
            connects_per_second_per_ip_max: 100,
            requests_per_second_per_connection_max: 50,
            requests_per_second_per_ip_max: 500,
            failed_tokens_per_second_per_ip_max: 10,
            unlimited_addresses: PRIVATE_NETWORKS.map(str::to_owned).into(),
            trusted_proxies: Vec::new(),
            client_address: ClientAddressSource::Peer,
            anonymous_ms_max: 60_000,
            accept_backlog: 4096,
            keep_alive_ms: 75_000,
            tls_cert_file: None,
            tls_key_file: None,
        }
    }
}

/// Networks of loopback, of one site and of providers (RFC 1122, 1918, 3927, 4193, 4291, 6598).
const PRIVATE_NETWORKS: [&str; 9] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "::1",
    "fc00::/7",
    "fe80::/10",
];

/// How the address of a client becomes known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAddressSource {
    /// It is the other end of the connection.
    #[default]
    Peer,
    /// Trusted proxies begin each connection with a header of the PROXY protocol, version 1 or 2.
    ProxyProtocol,
    /// Trusted proxies add it to `X-Forwarded-For`.
    XForwardedFor,
    /// Trusted proxies add it to `Forwarded` (RFC 7239).
    Forwarded,
}

/// The port for backends and operators.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct InternalSettings {
    /// Address and port, other than the public ones; port 0 takes a free one. Default:
    /// `127.0.0.1:8081`.
    pub listen: SocketAddr,
    /// The key that callers send as `Authorization: Bearer KEY`, 16 to 4096 bytes. Needed unless
    /// `dev`. Default: none.
    pub key: Option<Secret>,
    /// A file that holds the key instead. Default: none.
    pub key_file: Option<PathBuf>,
    /// More keys, each for what its roles and channels say, 100 at most. Default: none.
    pub keys: Vec<InternalKeySettings>,
    /// The most connections, 1 to 1000000. Default: 4096.
    pub connections_max: usize,
    /// How long a connection waits for its next request, in ms, 1000 to 86400000. It should be
    /// longer than backends keep connections in their pools. Default: 600000.
    pub keep_alive_ms: u64,
    /// A PEM file with the certificates, the node's own first. With it the port accepts TLS alone.
    /// Default: none.
    pub tls_cert_file: Option<PathBuf>,
    /// A PEM file with the key of that certificate. Default: none.
    pub tls_key_file: Option<PathBuf>,
    /// A PEM file with the certificates of CAs: clients are asked for a certificate of one of them.
    /// Default: none, they are not asked.
    pub tls_client_ca_file: Option<PathBuf>,
    /// Whether a client without a certificate is refused. Default: `required`.
    pub tls_client_certificates: ClientCertificates,
}

impl Default for InternalSettings {
    fn default() -> Self {
        Self {
            listen: loopback(8081),
            key: None,
            key_file: None,
            keys: Vec::new(),
            connections_max: 4096,
            keep_alive_ms: 600_000,
            tls_cert_file: None,
            tls_key_file: None,
            tls_client_ca_file: None,
            tls_client_certificates: ClientCertificates::Required,
        }
    }
}

/// Whether a client shows a certificate where it is asked for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificates {
    /// It must.
    #[default]
    Required,
    /// It may; one that it shows must be good.
    Optional,
}

/// One more key of the internal port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InternalKeySettings {
    /// Its name, as refusals show it: 1 to 64 of `[A-Za-z0-9_.-]`.
    pub name: String,
    /// The key, 16 to 4096 bytes. Default: none.
    #[serde(default)]
    pub key: Option<Secret>,
    /// A file that holds the key. Default: none.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// The SHA-256 of the key instead, as 64 hexadecimal digits. Default: none.
    #[serde(default)]
    pub sha256: Option<String>,
    /// What it is for, one at least.
    pub roles: Vec<BackendRole>,
    /// The only channels that it is for: names, `prefix:*`. Default: all, and what is of none.
    #[serde(default)]
    pub channels: Vec<Pattern>,
}

impl InternalKeySettings {
    /// The SHA-256 of the key; `None` if it has neither, or the text is not one.
    pub(crate) fn digest(&self) -> Option<Secret> {
        match (&self.key, &self.sha256) {
            (Some(key), _) => Some(Secret::new(digest(&SHA256, key.expose()))),
            (None, Some(text)) if text.len() == 64 && text.is_ascii() => {
                let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
                let bytes: Option<Vec<u8>> = (0..64).step_by(2).map(byte).collect();
                bytes.map(Secret::new)
            }
            (None, _) => None,
        }
    }
}

/// What a key of the internal port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendRole {
    /// To publish events.
    Publish,
    /// To look: lists, statistics, metrics.
    Read,
    /// To act: delete channels, disconnect, revoke.
    Operate,
}

impl BackendRole {
    /// The word in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Read => "read",
            Self::Operate => "operate",
        }
    }
}

/// A route of the older protocol: one WebSocket that follows one channel.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The path, with one whole segment in braces: `/ws/diagnosis/{id}`.
    pub path: String,
    /// The namespace. The name of the channel is `namespace:` and the value of the segment in
    /// braces.
    pub namespace: String,
    /// Where in the channel a client starts. Default: `now`.
    #[serde(default)]
    pub start: RouteStart,
}

impl Route {
    /// The route that clients of version 2.1 expect.
    pub fn diagnosis() -> Self {
        Self {
            path: "/ws/diagnosis/{id}".into(),
            namespace: "diagnosis".into(),
            start: RouteStart::Now,
        }
    }
}

/// Where in a channel a client of the older protocol starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteStart {
    /// At the next event.
    #[default]
    Now,
    /// At the oldest event that is kept.
    Start,
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
