//! Whom a run is about: where links and publishers go, and what they speak. In: URLs, secrets.
//! Out: addresses, looked up once.

use std::fmt;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::dialect::Dialect;
use crate::error::BenchError;

/// How long the first look at an address may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// How events are handed to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Publishing {
    /// As backends do with this server: one event a request, or all that wait in one.
    Steadfast,
    /// One event a request, as its body; requests wait for no answer of those before.
    Post,
    /// Lines over a plain connection, `CHANNEL DATA`, without answers.
    Lines,
}

/// A server under load.
#[derive(Clone, Serialize, Deserialize)]
pub struct Target {
    /// Where links go.
    pub address: SocketAddr,
    /// What links ask for; `{channel}` stands for the channel's name.
    pub path: String,
    /// What links speak.
    pub dialect: Dialect,
    /// The token that links show.
    pub token: Option<String>,
    /// Where publishers go.
    pub publish_address: SocketAddr,
    /// What publishers post to; `{channel}` stands for the channel's name.
    pub publish_path: String,
    /// How they publish.
    pub publishing: Publishing,
    /// The key that publishers show.
    pub key: Option<String>,
}

impl fmt::Debug for Target {
    // Secrets are never shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, path, dialect, publish_address, publishing, .. } = self;
        f.debug_struct("Target")
            .field("address", address)
            .field("path", path)
            .field("dialect", dialect)
            .field("publish_address", publish_address)
            .field("publishing", publishing)
            .finish_non_exhaustive()
    }
}

impl Target {
    /// A server of ours, by the addresses of its two ports.
    pub fn steadfast(server: &str, internal: &str) -> Result<Self, BenchError> {
        let (address, prefix) = place(server)?;
        let (publish_address, publish_prefix) = place(internal)?;
        Ok(Self {
            address,
            path: format!("{prefix}/v1/ws"),
            dialect: Dialect::Steadfast,
            token: None,
            publish_address,
            publish_path: format!("{publish_prefix}/v1/channels/{{channel}}/events"),
            publishing: Publishing::Steadfast,
            key: None,
        })
    }

    /// Sees that somebody listens at both addresses.
    pub fn look(&self) -> Result<(), BenchError> {
        for address in [self.address, self.publish_address] {
            TcpStream::connect_timeout(&address, LOOK_TIMEOUT)
                .map_err(|source| BenchError::Unreachable { address, source })?;
        }
        Ok(())
    }

    /// The path of links that follow `channel`.
    pub(crate) fn path_of(&self, channel: &str) -> String {
        self.path.replace("{channel}", channel)
    }

    /// The path that events for `channel` are posted to.
    pub(crate) fn publish_path_of(&self, channel: &str) -> String {
        self.publish_path.replace("{channel}", channel)
    }
}

/// The address that a URL leads to, and its path without the final slash.
fn place(text: &str) -> Result<(SocketAddr, String), BenchError> {
    let bad = |why: &str| BenchError::Url { url: text.to_owned(), why: why.to_owned() };
    let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if url.scheme() != "http" {
        return Err(bad("only http:// is spoken by the load generator"));
    }
    let host = url.host_str().ok_or_else(|| bad("it has no host"))?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(80);
    let mut found = (host, port).to_socket_addrs().map_err(|error| bad(&error.to_string()))?;
    let address = found.next().ok_or_else(|| bad("its name leads nowhere"))?;
    Ok((address, url.path().trim_end_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn an_address_is_taken_apart() {
        let target = Target::steadfast("http://127.0.0.1:81", "http://[::1]:82/deep/").unwrap();
        assert_eq!(target.address.to_string(), "127.0.0.1:81");
        assert_eq!(target.path_of("a"), "/v1/ws");
        assert_eq!(target.publish_address.to_string(), "[::1]:82");
        assert_eq!(target.publish_path_of("a:b"), "/deep/v1/channels/a:b/events");
    }

    #[test]
    fn what_cannot_be_used_is_said_with_a_remedy() {
        for bad in ["127.0.0.1:8080", "https://127.0.0.1", "http://", "data:,x"] {
            let error = Target::steadfast(bad, "http://127.0.0.1:1").unwrap_err().to_string();
            assert!(error.contains("http://127.0.0.1:8080"), "{bad}: {error}");
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let mut target = Target::steadfast("http://127.0.0.1:81", "http://127.0.0.1:82").unwrap();
        (target.token, target.key) = (Some("hidden-1".into()), Some("hidden-2".into()));
        assert!(!format!("{target:?}").contains("hidden"));
    }
}
