//! Where the server is. In: the base URL that the app gave, or a place that the server named.
//! Out: the URL of each route. Knows nothing of what is said there.

use std::net::IpAddr;

use http::Uri;
use steadfast_protocol::ChannelName;
use url::Url;

use crate::error::UrlError;

/// A server's address: `https://host:port` or `http://host:port`, with a path in front of `/v1`
/// where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    base: Url,
}

impl Endpoint {
    /// Reads a base URL. `wss://` and `ws://` mean the same as `https://` and `http://`.
    pub(crate) fn new(text: &str) -> Result<Self, UrlError> {
        let url = || text.to_owned();
        let mut base: Url = text.parse().map_err(|_| UrlError::Unreadable { url: url() })?;
        check_parts(&base)?;
        let unreadable = |()| UrlError::Unreadable { url: url() };
        match base.scheme() {
            "http" | "https" => {}
            "ws" => base.set_scheme("http").map_err(unreadable)?,
            "wss" => base.set_scheme("https").map_err(unreadable)?,
            // `localhost:8080` reads as a URL of the scheme `localhost`.
            _ if base.cannot_be_a_base() => return Err(UrlError::Unreadable { url: url() }),
            scheme => return Err(UrlError::Scheme { url: url(), scheme: scheme.to_owned() }),
        }
        Ok(Self { base })
    }

    /// A place that the server named: `host:port` or a base URL. This one, where it cannot be used
    /// or is not as safe: nobody talks a link out of TLS, nor into it.
    pub(crate) fn moved_to(&self, place: &str) -> Self {
        let is_url = place.contains("://");
        let scheme = self.base.scheme();
        let moved =
            if is_url { Self::new(place) } else { Self::new(&format!("{scheme}://{place}")) };
        moved.ok().filter(|moved| moved.is_tls() == self.is_tls()).unwrap_or_else(|| self.clone())
    }

    /// Whether the server is spoken to by TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The path of the WebSocket route.
    pub(crate) fn socket_path(&self) -> String {
        self.route(&["v1", "ws"]).path().to_owned()
    }

    /// The server as the header `Host` has it: without a port that the scheme has already.
    pub(crate) fn authority(&self) -> &str {
        self.base.authority()
    }

    /// The polling route of many channels.
    pub(crate) fn poll(&self) -> Url {
        self.route(&["v1", "poll"])
    }

    /// The polling route of one channel, without its query.
    pub(crate) fn events(&self, channel: &ChannelName) -> Url {
        self.route(&["v1", "channels", channel.as_str(), "events"])
    }

    /// The route that answers 204 and nothing else.
    pub(crate) fn probe(&self) -> Url {
        self.route(&["v1", "probe"])
    }

    /// What a TCP connection is made to.
    pub(crate) fn address(&self) -> (String, u16) {
        let host = self.base.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        (host, self.base.port_or_known_default().unwrap_or(80))
    }

    /// `host:port`.
    pub(crate) fn place(&self) -> String {
        let (_, port) = self.address();
        format!("{}:{port}", self.base.host_str().unwrap_or_default())
    }

    /// The server as a URI of scheme, host and port alone.
    pub(crate) fn uri(&self) -> Option<Uri> {
        format!("{}://{}/", self.base.scheme(), self.place()).parse().ok()
    }

    /// Whether the server runs on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let (host, _) = self.address();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The URL of the route of these segments.
    pub(crate) fn route(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Cannot fail: `new` lets no URL in that has no path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

fn check_parts(url: &Url) -> Result<(), UrlError> {
    let has_user = !url.username().is_empty() || url.password().is_some();
    match (has_user, url.query(), url.fragment()) {
        (true, _, _) => Err(UrlError::Excess { part: "user" }),
        (_, Some(_), _) => Err(UrlError::Excess { part: "query" }),
        (_, _, Some(_)) => Err(UrlError::Excess { part: "fragment" }),
        (false, None, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;
    use crate::error::UrlError;
    use steadfast_protocol::ChannelName;

    #[test]
    fn every_route_stands_below_the_base() {
        let channel = ChannelName::new("build:1").unwrap();
        for (base, authority, path) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", "/v1/ws"),
            ("ws://127.0.0.1:8080/", "127.0.0.1:8080", "/v1/ws"),
            ("http://[::1]:8080/", "[::1]:8080", "/v1/ws"),
            ("http://example.org/live/", "example.org", "/live/v1/ws"),
            ("https://example.org:443/", "example.org", "/v1/ws"),
            ("wss://example.org", "example.org", "/v1/ws"),
        ] {
            let endpoint = Endpoint::new(base).unwrap();
            assert_eq!((endpoint.authority(), &*endpoint.socket_path()), (authority, path));
            assert!(endpoint.events(&channel).path().ends_with("/v1/channels/build:1/events"));
            assert!(endpoint.probe().path().ends_with("/v1/probe"));
        }
    }

    #[test]
    fn the_address_has_a_port_and_no_brackets() {
        let address = |text: &str| Endpoint::new(text).unwrap().address();
        assert_eq!(address("http://[::1]:8080"), ("::1".to_owned(), 8080));
        assert_eq!(address("http://example.org"), ("example.org".to_owned(), 80));
        assert_eq!(address("https://example.org"), ("example.org".to_owned(), 443));
        assert_eq!(Endpoint::new("wss://[::1]").unwrap().uri().unwrap(), "https://[::1]:443/");
        let is_loopback = |text: &str| Endpoint::new(text).unwrap().is_loopback();
        assert!(is_loopback("http://[::1]") && is_loopback("http://localhost:1"));
        assert!(!is_loopback("http://127.example.org"));
    }

    #[test]
    fn what_cannot_be_used_is_said_plainly() {
        for bad in ["", "localhost:8080", "127.0.0.1:8080", "http://"] {
            let error = Endpoint::new(bad).unwrap_err();
            assert!(matches!(error, UrlError::Unreadable { .. }), "{bad}: {error}");
        }
        assert!(matches!(Endpoint::new("ftp://x").unwrap_err(), UrlError::Scheme { .. }));
        for excess in ["http://me:secret@x", "http://x/?token=secret", "http://x/#a"] {
            let error = Endpoint::new(excess).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_server_may_name_a_host_or_a_url_and_nonsense_changes_nothing() {
        let home = Endpoint::new("http://home:1").unwrap();
        assert_eq!(home.moved_to("away:2"), Endpoint::new("ws://away:2").unwrap());
        assert_eq!(home.moved_to("ws://away:2"), Endpoint::new("ws://away:2").unwrap());
        assert_eq!(home.moved_to("wss://away:2"), home);
        let safe = Endpoint::new("https://home:1").unwrap();
        assert_eq!(safe.moved_to("away:2"), Endpoint::new("wss://away:2").unwrap());
        assert_eq!(safe.moved_to("wss://away:2"), Endpoint::new("wss://away:2").unwrap());
        assert_eq!(safe.moved_to("ws://away:2"), safe, "the token is not sent in the clear");
        assert_eq!(home.moved_to("a b"), home);
    }
}
