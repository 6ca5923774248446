//! Which web pages may connect. A browser sends the origin of the page with each request.
//!
//! In: the `Origin` and `Host` headers of a request. Out: whether it may go on. Knows nothing of
//! tokens: an allowed origin permits nothing by itself, it only keeps the pages of other sites out.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;
use hyper::http::uri::Authority;
use parking_lot::Mutex;

/// The origins whose pages are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    allowed: Vec<Origin>,
    /// Origins whose subdomains are allowed, but not they themselves.
    above: Vec<Origin>,
    anything: bool,
    dev: bool,
}

/// The origin of a page: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

/// A text that is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is `scheme://host` or `scheme://host:port` with nothing after it, \
     `scheme://*.host` for all subdomains of a host, or `*`"
)]
pub struct OriginError;

impl Origins {
    /// Allows each of `allowed`: `scheme://host`, `scheme://host:port`, either with `*.` in front
    /// of the host for all its subdomains, or `*` for every origin.
    /// With `dev`, pages from this machine are allowed too.
    pub fn new<T: AsRef<str>>(allowed: &[T], dev: bool) -> Result<Self, OriginError> {
        let mut origins = Self { dev, ..Self::default() };
        for text in allowed.iter().map(AsRef::as_ref) {
            match text {
                "*" => origins.anything = true,
                _ => match text.split_once("://*.") {
                    // A whole top-level domain belongs to nobody.
                    Some((scheme, host)) if host.contains('.') => {
                        origins.above.push(format!("{scheme}://{host}").parse()?);
                    }
                    Some(_) => return Err(OriginError),
                    None => origins.allowed.push(text.parse()?),
                },
            }
        }
        Ok(origins)
    }

    /// Whether a request with these headers may go on. A request without `Origin` is not from a
    /// page. A header that is not text is given as an empty one, which is refused.
    pub fn allow(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(text) = origin else { return true };
        if self.anything {
            return true;
        }
        let Ok(origin) = text.parse::<Origin>() else { return false };
        host.is_some_and(|host| origin.is_of_host(host))
            || self.allowed.contains(&origin)
            || self.above.iter().any(|above| origin.is_below(above))
            || (self.dev && origin.is_loopback())
    }
}

/// How many refused origins are remembered. More are not logged.
const REFUSED_MAX: usize = 64;
/// How many bytes of each are kept.
const REFUSED_BYTES_MAX: usize = 256;

/// The origins that were refused, so that each is logged once.
#[derive(Debug, Default)]
pub struct RefusedOrigins(Mutex<BTreeSet<Box<str>>>);

impl RefusedOrigins {
    /// Whether this origin has not been logged yet and should be.
    pub fn is_new(&self, origin: &str) -> bool {
        let mut told = self.0.lock();
        told.len() < REFUSED_MAX
            && origin.len() <= REFUSED_BYTES_MAX
            && !told.contains(origin)
            && told.insert(origin.into())
    }
}

/// Whether a `Host` header is a loopback name. In `--dev` no other is accepted: a page of another
/// site can point a name of its own at this machine.
pub fn is_loopback_host(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    names_loopback(&authority.host().to_ascii_lowercase())
}

fn names_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback())
}

impl Origin {
    /// Whether the page is from the host that the request is for. A proxy may have removed the TLS,
    /// so a `Host` without a port stands for the default port of the page's scheme.
    fn is_of_host(&self, host: &str) -> bool {
        match format!("{}://{host}", self.scheme).parse::<Self>() {
            Ok(asked) => asked == *self,
            Err(OriginError) => false,
        }
    }

    /// Whether this is a subdomain at any depth, with the same scheme and port.
    fn is_below(&self, above: &Self) -> bool {
        let below = self.host.strip_suffix(&above.host).and_then(|rest| rest.strip_suffix('.'));
        (&self.scheme, self.port) == (&above.scheme, above.port)
            && below.is_some_and(|labels| !labels.is_empty())
    }

    fn is_loopback(&self) -> bool {
        names_loopback(&self.host)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginError)?;
        if scheme.is_empty() || rest.contains(['/', '?', '#', '@', '*']) {
            return Err(OriginError);
        }
        let uri: Uri = text.parse().map_err(|_| OriginError)?;
        let authority = uri.authority().ok_or(OriginError)?;
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => None,
            Some(_) => Some(authority.port_u16().ok_or(OriginError)?),
            None => return Err(OriginError),
        };
        if authority.host().is_empty() {
            return Err(OriginError);
        }
        let scheme = scheme.to_ascii_lowercase();
        let port = port.or_else(|| usual_port(&scheme));
        Ok(Self { port, scheme, host: authority.host().to_ascii_lowercase() })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match self.port {
            Some(port) if self.port != usual_port(&self.scheme) => write!(f, ":{port}"),
            Some(_) | None => Ok(()),
        }
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, OriginError, Origins, REFUSED_BYTES_MAX, REFUSED_MAX, RefusedOrigins};

    const HOST: Option<&str> = Some("live.example.com");

    #[test]
    fn a_refused_origin_is_told_once_and_only_so_many_are() {
        let refused = RefusedOrigins::default();
        let long = "x".repeat(REFUSED_BYTES_MAX);
        assert!(refused.is_new(&long) && !refused.is_new(&long));
        assert!(!refused.is_new(&format!("{long}x")));
        let told = (0..100).filter(|at| refused.is_new(&at.to_string())).count();
        assert_eq!(told, REFUSED_MAX - 1);
    }

    fn allowing(allowed: &[&str]) -> Origins {
        Origins::new(allowed, false).unwrap()
    }

    #[test]
    fn a_star_in_front_of_a_host_is_all_its_subdomains_and_nothing_else() {
        let origins = allowing(&["https://*.example.com", "http://*.example.org:8000"]);
        let table = [
            ("https://a.example.com", true),
            ("https://b.a.EXAMPLE.com:443", true),
            ("http://a.example.org:8000", true),
            ("https://example.com", false),
            ("https://.example.com", false),
            ("https://badexample.com", false),
            ("https://a.example.com.evil.net", false),
            ("http://a.example.com", false),
            ("https://a.example.com:8443", false),
            ("http://a.example.org", false),
            ("https://*.example.com", false),
        ];
        for (origin, is_allowed) in table {
            assert_eq!(origins.allow(Some(origin), HOST), is_allowed, "{origin}");
        }
        for bad in
            ["https://*", "https://*.com", "https://a.*.com", "*.example.com", "https://*a.b"]
        {
            assert_eq!(Origins::new(&[bad], false), Err(OriginError), "{bad}");
        }
    }

    #[test]
    fn a_request_that_is_not_from_a_page_is_allowed() {
        assert!(allowing(&[]).allow(None, HOST));
        assert!(allowing(&[]).allow(None, None));
    }

    #[test]
    fn a_page_of_the_same_host_is_allowed_behind_a_proxy_too() {
        let table = [
            ("https://live.example.com", "live.example.com", true),
            ("https://live.example.com", "live.example.com:443", true),
            ("http://live.example.com", "live.example.com:80", true),
            ("https://LIVE.example.com:443", "live.EXAMPLE.com", true),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", true),
            ("http://[::1]:8080", "[::1]:8080", true),
            ("http://127.0.0.1:8081", "127.0.0.1:8080", false),
            ("https://live.example.com:8443", "live.example.com", false),
            ("https://live.example.com.evil.net", "live.example.com", false),
            ("https://evil.net", "live.example.com", false),
            ("https://evil.net", "evil.net@live.example.com", false),
            ("https://evil.net", "", false),
        ];
        for (origin, host, expected) in table {
            assert_eq!(allowing(&[]).allow(Some(origin), Some(host)), expected, "{origin} {host}");
        }
        assert!(!allowing(&[]).allow(Some("https://live.example.com"), None));
    }

    #[test]
    fn an_origin_of_the_list_is_allowed_exactly() {
        let origins =
            allowing(&["https://app.example.com", "http://localhost:3000", "app://local"]);
        let table = [
            ("https://app.example.com", true),
            ("https://APP.example.com:443", true),
            ("app://local", true),
            ("http://localhost:3000", true),
            ("http://app.example.com", false),
            ("https://app.example.com:444", false),
            ("https://sub.app.example.com", false),
            ("https://app.example.com/", false),
            ("https://app.example.com:", false),
            ("https://app.example.com:99999", false),
            ("https://user@app.example.com", false),
            ("http://localhost", false),
            ("null", false),
            ("", false),
        ];
        for (origin, expected) in table {
            assert_eq!(origins.allow(Some(origin), HOST), expected, "{origin:?}");
        }
    }

    #[test]
    fn a_star_allows_every_page() {
        for origin in ["https://evil.net", "null", ""] {
            assert!(allowing(&["*"]).allow(Some(origin), HOST), "{origin:?}");
        }
    }

    #[test]
    fn only_dev_allows_the_pages_of_this_machine() {
        let dev = Origins::new::<&str>(&[], true).unwrap();
        let here = ["http://localhost:5173", "http://127.0.0.2", "https://[::1]:3000"];
        for origin in here {
            assert!(dev.allow(Some(origin), HOST), "{origin}");
            assert!(!allowing(&[]).allow(Some(origin), HOST), "{origin}");
        }
        for origin in ["http://localhost.evil.net", "http://10.0.0.1", "http://[::2]", "null"] {
            assert!(!dev.allow(Some(origin), HOST), "{origin}");
        }
    }

    #[test]
    fn a_text_that_is_no_origin_cannot_be_listed() {
        for text in ["", "app.example.com", "https://", "https://a/", "https://a b", "*.a", "://a"]
        {
            assert_eq!(Origins::new(&[text], false), Err(OriginError), "{text:?}");
        }
        let origin: Origin = "HTTPS://App.Example.com:8443".parse().unwrap();
        assert_eq!(origin.to_string(), "https://app.example.com:8443");
        let origin: Origin = "https://app.example.com:443".parse().unwrap();
        assert_eq!(origin.to_string(), "https://app.example.com");
    }
}
