//! Parses a publish at the start of a connection's bytes. In: what has arrived. Out: the request,
//! how much is missing, or that hyper should handle it. Must not know: sockets, brokers. Whatever
//! is not plainly a whole publish in HTTP/1.1 is left to hyper, byte for byte: nothing is refused
//! here, and nothing is parsed in two ways.

use hyper::Request;
use hyper::header::{self, HeaderMap, HeaderName};

use crate::backend_api::backend_auth::AUDIT;
use crate::backend_api::publish::PublishTarget;
use crate::net::http_head::{self, Parsed};

/// The first bytes of a publish.
const POST: &[u8] = b"POST /v1/";
/// Headers that need more than reading a body and answering.
const UNUSUAL: [HeaderName; 7] = [
    AUDIT,
    header::TRANSFER_ENCODING,
    header::CONTENT_ENCODING,
    header::EXPECT,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
];

/// The largest bodies, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimits {
    pub(super) one: usize,
    pub(super) many: usize,
}

/// What is at the start of the bytes.
#[derive(Debug)]
pub(super) enum ParseOutcome<'a> {
    /// A whole publish of `length` bytes; the body is the request's.
    Whole {
        /// Where it publishes to.
        target: PublishTarget<'a>,
        /// Its headers and body. The path is left out.
        request: Request<&'a [u8]>,
        /// Its bytes.
        length: usize,
    },
    /// The start of a head that may be that of a publish.
    HttpHead,
    /// The head of a publish, and a part of its body. The whole request has `length` bytes.
    Body {
        /// Where it publishes to.
        target: PublishTarget<'a>,
        /// Its headers.
        request: Request<&'a [u8]>,
        /// Its bytes.
        length: usize,
    },
    /// Something else.
    Other,
}

/// Parses the first request.
pub(super) fn cut(bytes: &[u8], limits: BodyLimits) -> ParseOutcome<'_> {
    let compared = bytes.len().min(POST.len());
    if bytes[..compared] != POST[..compared] {
        return ParseOutcome::Other;
    }
    let head = match http_head::parse(bytes) {
        Parsed::Whole(head) => head,
        Parsed::Begun => return ParseOutcome::HttpHead,
        Parsed::Other => return ParseOutcome::Other,
    };
    let Some(target) = target(head.target) else { return ParseOutcome::Other };
    let bytes_max = match target {
        PublishTarget::One(_) => limits.one,
        PublishTarget::Many => limits.many,
    };
    let Some(body) = body_bytes(&head.headers).filter(|&bytes| bytes <= bytes_max) else {
        return ParseOutcome::Other;
    };
    let length = head.length + body;
    let (body, is_whole) = match bytes.get(head.length..length) {
        Some(body) => (body, true),
        None => (&bytes[..0], false),
    };
    let mut request = Request::new(body);
    *request.headers_mut() = head.headers;
    if is_whole {
        ParseOutcome::Whole { target, request, length }
    } else {
        ParseOutcome::Body { target, request, length }
    }
}

fn target(path: &str) -> Option<PublishTarget<'_>> {
    if path == "/v1/events" {
        return Some(PublishTarget::Many);
    }
    let channel = path.strip_prefix("/v1/channels/")?.strip_suffix("/events")?;
    let is_plain = !channel.is_empty() && !channel.contains(['/', '%', '?', '#']);
    is_plain.then_some(PublishTarget::One(channel))
}

/// The length of the body; `None` if the headers need more than reading it.
fn body_bytes(headers: &HeaderMap) -> Option<usize> {
    let is_kept =
        |value: &header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"keep-alive");
    if UNUSUAL.iter().any(|name| headers.contains_key(name))
        || !headers.get_all(header::CONNECTION).iter().all(is_kept)
    {
        return None;
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let (Some(length), None) = (lengths.next(), lengths.next()) else { return None };
    let is_number = !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit);
    length.to_str().ok().filter(|_| is_number)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{BodyLimits, ParseOutcome, PublishTarget, cut};

    const LIMITS: BodyLimits = BodyLimits { one: 4, many: 8 };

    fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}").into_bytes()
    }

    fn is_other(bytes: &[u8]) -> bool {
        matches!(cut(bytes, LIMITS), ParseOutcome::Other)
    }

    #[test]
    fn a_whole_publish_is_cut_off_and_the_rest_is_left() {
        let mut bytes = post("/v1/channels/a:b/events", "content-LENGTH: 4\r\n", "{12}");
        let whole = bytes.len();
        bytes.extend_from_slice(b"GET /");
        let ParseOutcome::Whole { target, request, length } = cut(&bytes, LIMITS) else { panic!() };
        assert_eq!(
            (target, *request.body(), length),
            (PublishTarget::One("a:b"), &b"{12}"[..], whole)
        );
        assert_eq!(request.headers()["host"], "x");
        assert!(is_other(&bytes[whole..]));
        for end in 0..whole {
            match cut(&bytes[..end], LIMITS) {
                ParseOutcome::HttpHead => assert!(end < whole - 4, "{end}"),
                ParseOutcome::Body { request, length, .. } => {
                    assert_eq!((length, request.headers().len()), (whole, 2), "{end}");
                    assert!(end >= whole - 4, "{end}");
                }
                other @ (ParseOutcome::Whole { .. } | ParseOutcome::Other) => {
                    panic!("{end}: {other:?}")
                }
            }
        }
    }

    #[test]
    fn a_body_has_its_limit_and_one_byte_more_is_left_to_hyper() {
        let one = |length: &str, body| post("/v1/channels/a/events", length, body);
        let many = |length: &str, body| post("/v1/events", length, body);
        assert!(matches!(
            cut(&one("Content-Length: 4\r\n", "1234"), LIMITS),
            ParseOutcome::Whole { target: PublishTarget::One("a"), .. }
        ));
        assert!(is_other(&one("Content-Length: 5\r\n", "12345")));
        assert!(matches!(
            cut(&many("Content-Length: 8\r\n", "12345678"), LIMITS),
            ParseOutcome::Whole { target: PublishTarget::Many, .. }
        ));
        assert!(is_other(&many("Content-Length: 9\r\n", "123456789")));
        assert!(is_other(&many("Content-Length: 99999999999999999999999\r\n", "")));
    }

    #[test]
    fn what_asks_for_more_is_left_to_hyper() {
        let asks = [
            "",
            "Content-Length: 0\r\nContent-Length: 0\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 0\r\nExpect: 100-continue\r\n",
            "Content-Length: 0\r\nConnection: close\r\n",
            "Content-Length: 0\r\nContent-Encoding: gzip\r\n",
            "Content-Length: 0\r\nUpgrade: h2c\r\n",
            "Content-Length : 0\r\n",
            "Content-Length: 0\r\n folded: 1\r\n",
        ];
        for headers in asks {
            assert!(is_other(&post("/v1/events", headers, "")), "{headers:?}");
        }
        assert!(matches!(
            cut(&post("/v1/events", "Connection: Keep-Alive\r\nContent-Length: 0\r\n", ""), LIMITS),
            ParseOutcome::Whole { .. }
        ));
    }

    #[test]
    fn other_targets_methods_and_versions_are_left_to_hyper() {
        let length = "Content-Length: 0\r\n";
        let paths = [
            "/v1/channels//events",
            "/v1/channels/a%3Ab/events",
            "/v1/channels/a/b/events",
            "/v1/channels/a/events?x=1",
            "/v1/channels/a/event",
            "/v1/events?x=1",
            "/v1/events/",
            "http://host/v1/events",
            "*",
        ];
        for path in paths {
            assert!(is_other(&post(path, length, "")), "{path}");
        }
        assert!(is_other(b"GET /v1/events HTTP/1.1\r\nContent-Length: 0\r\n\r\n"));
        assert!(is_other(b"POST /v1/events HTTP/1.0\r\nContent-Length: 0\r\n\r\n"));
        assert!(is_other(b"PU"));
        assert!(is_other(b"\r\nPOST /v1/"));
    }
}
