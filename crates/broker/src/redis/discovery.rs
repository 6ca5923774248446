//! Finds a server and connects to it. In: addresses from the settings. Out: RESP3 connections to a
//! primary, and the identity of its process.

use std::time::Duration;

use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    ProtocolVersion, RedisError,
};

use tokio_rustls::rustls::crypto::ring;

use super::RedisStartError;
use crate::settings::RedisSettings;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a response may take; after that the session ends.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How one server is found.
#[derive(Debug)]
pub(super) enum Discovery {
    /// By its address.
    Direct(ConnectionInfo),
    /// By asking sentinels for the primary of this name; TLS and credentials as in `server`.
    Sentinels { sentinels: Vec<ConnectionInfo>, name: String, server: Option<ConnectionInfo> },
}

impl Discovery {
    /// One entry for each server in the settings.
    pub(super) fn new(settings: &RedisSettings) -> Result<Vec<Self>, RedisStartError> {
        // TLS connections use the default provider of the process and fail without one. One that
        // was installed before is fine.
        drop(ring::default_provider().install_default());
        let read =
            |urls: &[crate::secret::Secret]| -> Result<Vec<ConnectionInfo>, RedisStartError> {
                urls.iter().map(|url| info(url.expose())).collect()
            };
        let servers = read(&settings.servers)?;
        let Some(name) = settings.master_name.clone() else {
            return Ok(servers.into_iter().map(Self::Direct).collect());
        };
        let sentinels = read(&settings.sentinels)?;
        Ok(vec![Self::Sentinels { sentinels, name, server: servers.into_iter().next() }])
    }

    /// The current address of the primary.
    pub(super) async fn address(&self) -> Result<ConnectionInfo, RedisError> {
        let (sentinels, name, server) = match self {
            Self::Direct(info) => return Ok(info.clone()),
            Self::Sentinels { sentinels, name, server } => (sentinels, name, server),
        };
        let mut last = RedisError::from((ErrorKind::EmptySentinelList, "no sentinel is known"));
        for sentinel in sentinels {
            match ask_sentinel(sentinel, name).await {
                Ok(address) => {
                    let like = server.clone().unwrap_or_else(|| sentinel.clone());
                    let address = with_scheme_of(like.addr(), address);
                    return Ok(like.set_addr(address));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Opens a connection to a primary; returns it and the identity of the server's process.
pub(super) async fn connect(
    info: ConnectionInfo,
    pushed: Option<impl AsyncPushSender>,
) -> Result<(MultiplexedConnection, String), RedisError> {
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    if let Some(pushed) = pushed {
        config = config.set_push_sender(pushed);
    }
    let client = Client::open(info.set_redis_settings(settings))?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let server: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    let role: String = redis::cmd("INFO").arg("replication").query_async(&mut connection).await?;
    if field(&role, "role") != Some("master") {
        return Err((ErrorKind::Client, "this server is a replica, not a primary").into());
    }
    match field(&server, "run_id") {
        Some(run) => Ok((connection, run.to_owned())),
        None => Err((ErrorKind::UnexpectedReturnType, "the server reports no run_id").into()),
    }
}

async fn ask_sentinel(sentinel: &ConnectionInfo, name: &str) -> Result<(String, u16), RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    let client = Client::open(sentinel.clone())?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let mut command = redis::cmd("SENTINEL");
    command.arg("get-master-addr-by-name").arg(name);
    let found: Option<(String, u16)> = command.query_async(&mut connection).await?;
    let unknown = || (ErrorKind::MasterNameNotFoundBySentinel, "no sentinel knows this name");
    Ok(found.ok_or_else(unknown)?)
}

/// The address of a host and port, with TLS if `like` has it.
fn with_scheme_of(like: &ConnectionAddr, (host, port): (String, u16)) -> ConnectionAddr {
    if let ConnectionAddr::TcpTls { tls_params, .. } = like {
        let tls_params = tls_params.clone();
        return ConnectionAddr::TcpTls { host, port, insecure: false, tls_params };
    }
    ConnectionAddr::Tcp(host, port)
}

/// Parses an address.
pub(super) fn info(url: &[u8]) -> Result<ConnectionInfo, RedisStartError> {
    let text = std::str::from_utf8(url).map_err(|_| RedisStartError::Address)?;
    if !text.starts_with("redis://") && !text.starts_with("rediss://") {
        return Err(RedisStartError::Address);
    }
    let info = text.into_connection_info().map_err(|_| RedisStartError::Address)?;
    // Without verification of its certificate, anybody could pose as the server.
    let is_unchecked = matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. });
    if is_unchecked { Err(RedisStartError::Address) } else { Ok(info) }
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::{field, info, with_scheme_of};
    use redis::ConnectionAddr;

    #[test]
    fn an_address_is_a_redis_url_and_nothing_else() {
        for good in ["redis://127.0.0.1:6379", "rediss://user:secret@[::1]:1/3", "redis://host"] {
            assert!(info(good.as_bytes()).is_ok(), "{good}");
        }
        let bad =
            ["", "127.0.0.1:6379", "http://a", "redis://", "rediss://a/#insecure", "redis://a/b"];
        for bad in bad {
            assert!(info(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(info(b"redis://\xff").is_err());
    }

    #[test]
    fn a_primary_that_a_sentinel_names_is_spoken_to_as_the_settings_say() {
        for (like, is_tls) in [("rediss://:secret@sentinel:1", true), ("redis://sentinel:1", false)]
        {
            let like = info(like.as_bytes()).unwrap();
            let address = with_scheme_of(like.addr(), ("primary".into(), 2));
            assert_eq!(matches!(address, ConnectionAddr::TcpTls { insecure: false, .. }), is_tls);
            assert!(address.to_string().contains("primary:2"), "{address}");
        }
    }

    #[test]
    fn a_field_of_info_is_found_by_its_whole_name() {
        let text = "# RedisNode\r\nrun_id_x:no\r\nrun_id:abc\r\n";
        assert_eq!(field(text, "run_id"), Some("abc"));
        assert_eq!(field(text, "run"), None);
    }
}
