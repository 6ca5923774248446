//! Parses and writes heads of HTTP/1.1 without hyper. In: the bytes of a connection; the fields of
//! a response. Out: a request's head, that it is incomplete, or that hyper should parse it; the
//! lines of a response. Must not know: routes, sockets. No request is refused here: what is unusual
//! is left to hyper.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use steadfast_protocol::Timestamp;

/// The most headers of a head that is parsed here.
const HEADERS_MAX: usize = 32;
/// The largest head that hyper reads, in bytes, on either port.
pub(crate) const HYPER_HEAD_BYTES_MAX: usize = 16 * 1024;
/// The longest head that is parsed here, in bytes.
pub(crate) const BYTES_MAX: usize = 8 * 1024;

/// A head.
#[derive(Debug)]
pub(crate) struct HttpHead<'a> {
    pub(crate) method: &'a str,
    /// The target, unchanged.
    pub(crate) target: &'a str,
    pub(crate) headers: HeaderMap,
    /// Its length in bytes.
    pub(crate) length: usize,
}

/// What bytes begin with.
#[derive(Debug)]
pub(crate) enum Parsed<'a> {
    /// A whole head.
    Whole(HttpHead<'a>),
    /// A part of one.
    Begun,
    /// Anything else.
    Other,
}

/// Parses the head at the start of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= BYTES_MAX => length,
        Ok(httparse::Status::Partial) if bytes.len() < BYTES_MAX => return Parsed::Begun,
        Ok(_) | Err(_) => return Parsed::Other,
    };
    let (Some(method), Some(target), Some(1)) = (request.method, request.path, request.version)
    else {
        return Parsed::Other;
    };
    match copied(request.headers) {
        Some(headers) => Parsed::Whole(HttpHead { method, target, headers, length }),
        None => Parsed::Other,
    }
}

fn copied(headers: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let mut copied = HeaderMap::with_capacity(headers.len());
    for one in headers {
        let name = HeaderName::from_bytes(one.name.as_bytes()).ok()?;
        copied.append(name, HeaderValue::from_bytes(one.value).ok()?);
    }
    Some(copied)
}

/// Appends the status line of a response.
pub(crate) fn push_status(out: &mut Vec<u8>, status: StatusCode) {
    let reason = status.canonical_reason().unwrap_or_default();
    for part in ["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends a header. The caller appends the empty line at the end.
pub(crate) fn push_line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// The value of the header `Date`.
pub(crate) fn date(date: Timestamp) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_millis(date.0))
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, Parsed, parse};

    fn with(headers: &str) -> Vec<u8> {
        format!("GET /a?b HTTP/1.1\r\n{headers}\r\n").into_bytes()
    }

    fn is_other(bytes: &[u8]) -> bool {
        matches!(parse(bytes), Parsed::Other)
    }

    #[test]
    fn a_head_is_read_as_it_stands_there() {
        let mut bytes = with("HOST: x\r\na: 1\r\nA: \t2 \r\n");
        let whole = bytes.len();
        bytes.extend_from_slice(b"rest");
        let Parsed::Whole(head) = parse(&bytes) else { panic!() };
        assert_eq!((head.method, head.target, head.length), ("GET", "/a?b", whole));
        assert_eq!(head.headers["host"], "x");
        assert_eq!(head.headers.get_all("a").iter().collect::<Vec<_>>(), ["1", "2"]);
        for end in 0..whole {
            assert!(matches!(parse(&bytes[..end]), Parsed::Begun), "{end}");
        }
    }

    #[test]
    fn a_head_has_its_limits_and_is_hypers_beyond() {
        let filled = |bytes: usize| {
            let filler = bytes - with("X: \r\n").len();
            with(&format!("X: {}\r\n", "x".repeat(filler)))
        };
        assert!(matches!(parse(&filled(BYTES_MAX)), Parsed::Whole(_)));
        assert!(is_other(&filled(BYTES_MAX + 1)));
        let unfinished = filled(BYTES_MAX + 1);
        assert!(matches!(parse(&unfinished[..BYTES_MAX - 1]), Parsed::Begun));
        assert!(is_other(&unfinished[..BYTES_MAX]));
        assert!(matches!(parse(&with(&"X: y\r\n".repeat(32))), Parsed::Whole(_)));
        assert!(is_other(&with(&"X: y\r\n".repeat(33))));
    }

    #[test]
    fn what_is_not_plain_is_hypers() {
        for bad in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/2\r\n", "GET /\r\n\r\n", "\0", "G\u{1}"] {
            assert!(is_other(bad.as_bytes()), "{bad:?}");
        }
        for bad in ["a : 1\r\n", "a: 1\r\n folded\r\n", "a\r\n", "a: \u{0}\r\n"] {
            assert!(is_other(&with(bad)), "{bad:?}");
        }
    }
}
