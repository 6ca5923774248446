//! A publish cut out of the bytes of a connection. In: what has arrived. Out: the request, how much
//! is missing, or that it is no affair of the fast lane's. Must not know: sockets, brokers.
//! Whatever is not plainly a whole publish in HTTP/1.1 is left to hyper, byte for byte: here
//! nothing is refused, and nothing is read in two ways.

use hyper::Request;
use hyper::header::{self, HeaderName, HeaderValue};

/// Headers of a publish at most, here.
const HEADERS_MAX: usize = 32;
/// The longest head of a publish, in bytes, here.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;
/// What a publish begins with.
const POST: &[u8] = b"POST /v1/";

/// The largest bodies, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimits {
    pub(super) one: usize,
    pub(super) many: usize,
}

/// Where a publish goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// One event to this channel, as the path has it.
    One(&'a str),
    /// Many events.
    Many,
}

/// What bytes begin with.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "looked at and dropped where it is made")]
pub(super) enum Cut<'a> {
    /// A whole publish of `length` bytes; the body is the request's.
    Whole {
        /// Where to.
        target: Target<'a>,
        /// Headers and body. The path is not in it.
        request: Request<&'a [u8]>,
        /// Its bytes.
        length: usize,
    },
    /// The beginning of a publish, which takes this many bytes at least.
    Partial(usize),
    /// Something else.
    Other,
}

/// Cuts the first request off.
pub(super) fn cut(bytes: &[u8], limits: BodyLimits) -> Cut<'_> {
    let compared = bytes.len().min(POST.len());
    if bytes[..compared] != POST[..compared] {
        return Cut::Other;
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head)) if head <= HEAD_BYTES_MAX => head,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => {
            return Cut::Partial(bytes.len() + 1);
        }
        Ok(_) | Err(_) => return Cut::Other,
    };
    let Some(target) = parsed.path.and_then(target).filter(|_| parsed.version == Some(1)) else {
        return Cut::Other;
    };
    let bytes_max = match target {
        Target::One(_) => limits.one,
        Target::Many => limits.many,
    };
    let mut request = Request::new(&bytes[..0]);
    let Some(body) = read_headers(parsed.headers, &mut request).filter(|&len| len <= bytes_max)
    else {
        return Cut::Other;
    };
    let length = head + body;
    let Some(body) = bytes.get(head..length) else { return Cut::Partial(length) };
    *request.body_mut() = body;
    Cut::Whole { target, request, length }
}

fn target(path: &str) -> Option<Target<'_>> {
    if path == "/v1/events" {
        return Some(Target::Many);
    }
    let channel = path.strip_prefix("/v1/channels/")?.strip_suffix("/events")?;
    let is_plain = !channel.is_empty() && !channel.contains(['/', '%', '?', '#']);
    is_plain.then_some(Target::One(channel))
}

/// Copies the headers, and says how long the body is; `None` where they ask for more than that.
fn read_headers(headers: &[httparse::Header<'_>], request: &mut Request<&[u8]>) -> Option<usize> {
    let mut length = None;
    for one in headers {
        let name = HeaderName::from_bytes(one.name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(one.value).ok()?;
        match name {
            header::CONTENT_LENGTH => {
                let is_number = !one.value.is_empty() && one.value.iter().all(u8::is_ascii_digit);
                let text = std::str::from_utf8(one.value).ok().filter(|_| is_number)?;
                if length.replace(text.parse::<usize>().ok()?).is_some() {
                    return None;
                }
            }
            header::CONNECTION if !one.value.eq_ignore_ascii_case(b"keep-alive") => return None,
            header::TRANSFER_ENCODING
            | header::CONTENT_ENCODING
            | header::EXPECT
            | header::UPGRADE
            | header::TE
            | header::TRAILER => return None,
            _ => {}
        }
        request.headers_mut().append(name, value);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::{BodyLimits, Cut, HEAD_BYTES_MAX, Target, cut};

    const LIMITS: BodyLimits = BodyLimits { one: 4, many: 8 };

    fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}").into_bytes()
    }

    fn is_other(bytes: &[u8]) -> bool {
        matches!(cut(bytes, LIMITS), Cut::Other)
    }

    #[test]
    fn a_whole_publish_is_cut_off_and_the_rest_is_left() {
        let mut bytes = post("/v1/channels/a:b/events", "content-LENGTH: 4\r\n", "{12}");
        let whole = bytes.len();
        bytes.extend_from_slice(b"GET /");
        let Cut::Whole { target, request, length } = cut(&bytes, LIMITS) else { panic!() };
        assert_eq!((target, *request.body(), length), (Target::One("a:b"), &b"{12}"[..], whole));
        assert_eq!(request.headers()["host"], "x");
        assert!(is_other(&bytes[whole..]));
        for end in 0..whole {
            let Cut::Partial(wanted) = cut(&bytes[..end], LIMITS) else { panic!("{end}") };
            assert!((end + 1..=whole).contains(&wanted), "{end}: {wanted}");
        }
    }

    #[test]
    fn a_body_has_its_limit_and_one_byte_more_is_left_to_hyper() {
        let one = |length: &str, body| post("/v1/channels/a/events", length, body);
        let many = |length: &str, body| post("/v1/events", length, body);
        assert!(matches!(
            cut(&one("Content-Length: 4\r\n", "1234"), LIMITS),
            Cut::Whole { target: Target::One("a"), .. }
        ));
        assert!(is_other(&one("Content-Length: 5\r\n", "12345")));
        assert!(matches!(
            cut(&many("Content-Length: 8\r\n", "12345678"), LIMITS),
            Cut::Whole { target: Target::Many, .. }
        ));
        assert!(is_other(&many("Content-Length: 9\r\n", "123456789")));
        assert!(is_other(&many("Content-Length: 99999999999999999999999\r\n", "")));
    }

    #[test]
    fn a_head_has_its_limit_and_so_has_their_number() {
        let with = |filler: usize| {
            let filler = "x".repeat(filler);
            post("/v1/events", &format!("Content-Length: 0\r\nX: {filler}\r\n"), "")
        };
        let room = HEAD_BYTES_MAX - with(0).len();
        assert!(matches!(cut(&with(room), LIMITS), Cut::Whole { .. }));
        assert!(is_other(&with(room + 1)));
        let unfinished = with(room + 1);
        assert!(matches!(cut(&unfinished[..HEAD_BYTES_MAX - 1], LIMITS), Cut::Partial(_)));
        assert!(is_other(&unfinished[..HEAD_BYTES_MAX]));
        let many = |count: usize| {
            post("/v1/events", &format!("{}Content-Length: 0\r\n", "X: y\r\n".repeat(count)), "")
        };
        assert!(matches!(cut(&many(30), LIMITS), Cut::Whole { .. }));
        assert!(is_other(&many(31)));
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
            Cut::Whole { .. }
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
