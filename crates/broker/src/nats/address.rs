//! Where a NATS server is. In: an address from the settings. Out: its parts; nothing where it is
//! none.

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;

use crate::secret::Secret;

/// A server, and what it is told of who comes.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) server: ServerAddr,
    pub(super) auth: Credentials,
}

/// Shown to nobody.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) token: Option<String>,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.server.host(), self.server.port())
    }
}

impl Address {
    /// An address as it is written: `nats://[user:password@|token@]host[:port]`, or `tls://`.
    pub(super) fn read(address: &Secret) -> Option<Self> {
        let text = std::str::from_utf8(address.expose()).ok()?;
        let rest = text.strip_prefix("nats://").or_else(|| text.strip_prefix("tls://"))?;
        let server: ServerAddr = text.parse().ok()?;
        if server.host().is_empty() || rest.contains(['/', '?', '#', ',']) {
            return None;
        }
        let plain = |text: &str| percent_decode_str(text).decode_utf8().ok().map(String::from);
        let auth = match (server.username(), server.password()) {
            (None, None) => Credentials::default(),
            (Some(token), None) => {
                Credentials { token: Some(plain(token)?), ..Credentials::default() }
            }
            (user, Some(password)) => Credentials {
                user: Some(plain(user.unwrap_or_default())?),
                password: Some(plain(password)?),
                token: None,
            },
        };
        Some(Self { server, auth })
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, Secret};

    #[test]
    fn an_address_is_a_nats_url_and_nothing_else() {
        let good =
            ["nats://127.0.0.1:4222", "nats://user:secret@[::1]:1", "tls://host", "nats://h"];
        for good in good {
            assert!(Address::read(&Secret::new(good)).is_some(), "{good}");
        }
        let bad =
            ["", "127.0.0.1:4222", "ws://a", "nats://", "redis://a", "nats://a/b", "nats://a,b"];
        for bad in bad {
            assert!(Address::read(&Secret::new(bad)).is_none(), "{bad}");
        }
        assert!(Address::read(&Secret::new(b"nats://\xff")).is_none());
    }

    #[test]
    fn it_says_who_comes_and_never_shows_it() {
        let address = Address::read(&Secret::new("nats://me:p%40ss@host:1")).unwrap();
        assert_eq!(address.auth.user.as_deref(), Some("me"));
        assert_eq!(address.auth.password.as_deref(), Some("p@ss"));
        assert_eq!(format!("{address:?}"), "host:1");
        let address = Address::read(&Secret::new("nats://tok%3Aen@host")).unwrap();
        assert_eq!((address.auth.token.as_deref(), address.auth.user), (Some("tok:en"), None));
    }
}
