//! Requests that no client sends: broken heads, bodies where none belong, names that are none.

use super::each;
use crate::case::{Attempt, Case, Door, request, with_token};
use crate::expect::Expect;
use crate::expect::Expect::{Answer, Either, End, Last};
use crate::token;
use crate::wire::upgrade;

const LINE_FEEDS: &str = "a bare line feed ends a line, as hyper reads it";
const ENDLESS: &str = "Send a head without end";
const SMUGGLE: &str = "Smuggle a request";
const DRIP: &str = "Send deep JSON, noise, broken framing";
const BROWSER: &str = "Use a visitor's browser";
const PROBE: &str = "GET /v1/probe HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// Where a request without a body may go.
const BODILESS: [&str; 6] = [
    "/v1/probe",
    "/v1/channels/demo:1/events",
    "/v1/channels/demo:1/events?offset=latest&wait=50",
    "/v1/channels/demo:1/stream",
    "/v1/ws",
    "/nothing",
];

/// The table.
pub(super) const CASES: &[Case] = &[
    each("no Host", SMUGGLE, |n| public(lines(n, &[]), Last(400, "bad_host"))),
    each("two Hosts", SMUGGLE, |n| {
        public(lines(n, &["Host: localhost", "Host: evil.example"]), Last(400, "bad_host"))
    }),
    each("bare line feeds", SMUGGLE, |n| {
        public(lines(n, &["Host: localhost"]).replace("\r\n", "\n"), refused())
    })
    .open(LINE_FEEDS),
    each("a bare line feed in one header", SMUGGLE, |n| {
        public(lines(n, &["Host: localhost", "A: b\nC: d"]), refused())
    })
    .open(LINE_FEEDS),
    each("folded headers", SMUGGLE, |n| {
        public(lines(n, &["Host: localhost", "A: b\r\n c"]), refused())
    }),
    each("a space before a colon", SMUGGLE, |n| {
        public(lines(n, &["Host: localhost", "Content-Length : 5"]), refused())
    }),
    each("a zero byte in a header", SMUGGLE, |n| {
        public(lines(n, &["Host: localhost", "A: b\0c"]), refused())
    }),
    each("length and chunks at once", SMUGGLE, |n| {
        let more = ["Host: localhost", "Content-Length: 4", "Transfer-Encoding: chunked"];
        public(lines(n, &more) + "0\r\n\r\n" + PROBE, refused())
    }),
    each("two lengths", SMUGGLE, |n| {
        let more = ["Host: localhost", "Content-Length: 4", "Content-Length: 5"];
        public(lines(n, &more) + "abcde", refused())
    }),
    each("lengths that are none", SMUGGLE, |n| {
        let length = ["-1", "+4", "0x4", "4, 5", "99999999999999999999", "4 ", ""][n % 7];
        let length = format!("Content-Length: {length}");
        public(lines(n, &["Host: localhost", &length]) + "abcd", refused())
    }),
    each("codings that are none", SMUGGLE, |n| {
        let coding = ["chunked, identity", "xchunked", "identity", "gzip, chunked"][n % 4];
        let coding = format!("Transfer-Encoding: {coding}");
        public(lines(n, &["Host: localhost", &coding]) + "0\r\n\r\n", refused())
    }),
    each("a body where none belongs", SMUGGLE, |n| {
        let length = format!("Content-Length: {}", PROBE.len());
        public(lines(n, &["Host: localhost", &length]) + PROBE, Last(400, ""))
    }),
    each("chunks where none belong", SMUGGLE, |n| {
        let body = format!("{:x}\r\n{PROBE}\r\n0\r\n\r\n", PROBE.len());
        let more = ["Host: localhost", "Transfer-Encoding: chunked"];
        public(lines(n, &more) + &body, Last(400, ""))
    }),
    each("an upgrade with a body", SMUGGLE, |n| {
        let framing = [format!("Content-Length: {}", PROBE.len()), CHUNKED.to_owned()];
        let lines = format!("{}\r\n", framing[n % 2]);
        public(upgrade("/v1/ws", &lines) + PROBE, Last(400, ""))
    }),
    each("broken chunks", SMUGGLE, broken_chunks),
    each("an upgrade in HTTP/1.0", SMUGGLE, |_| {
        public(upgrade("/v1/ws", "").replace("1.1", "1.0"), Last(505, "http_version"))
    }),
    each("the preface of HTTP/2", DRIP, |_| {
        public("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".into(), refused())
    }),
    each("versions that are none", DRIP, |n| {
        let version = ["HTTP/9.9", "HTTP/1.2", "http/1.1", "HTTP/1", "ICY"][n % 5];
        public(format!("GET /v1/probe {version}\r\nHost: a\r\n\r\n"), refused())
    }),
    each("methods that are none", DRIP, |n| {
        let (method, path) =
            [("BREW", "/v1/probe"), ("PUT", "/v1/poll"), ("TRACE", "/v1/ws")][n % 3];
        public(
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            Answer(405, "method_not_allowed"),
        )
    }),
    each("a target that is none", DRIP, |n| {
        let target = ["*", "probe", "/v1/\x7f", "//"][n % 4];
        let refused = [refused(), Answer(403, ""), Answer(404, "not_found")];
        public(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"), Either(refused.into()))
    }),
    each("CONNECT", DRIP, |_| {
        let ways = [refused(), Answer(405, ""), Answer(404, ""), Answer(403, "")];
        public(
            "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n".into(),
            Either(ways.into()),
        )
    }),
    each("a head of 1 MiB", ENDLESS, |n| {
        let huge = "x".repeat(1 << 20);
        let head = match n % 3 {
            0 => format!("GET /v1/probe HTTP/1.1\r\nHost: localhost\r\nX: {huge}"),
            1 => format!("GET /{huge} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            _ => huge,
        };
        public(head, refused())
    }),
    each("2,000 headers", ENDLESS, |_| {
        let many = "X: y\r\n".repeat(2_000);
        public(format!("GET /v1/probe HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), refused())
    }),
    each("names that are none", DRIP, bad_names),
    each("names on the internal port that are none", DRIP, bad_backend_names),
    each("queries that are none", DRIP, bad_queries),
    each("a page of another origin", BROWSER, other_origin),
    each("a name of another host", BROWSER, |n| {
        let head = upgrade(["/v1/ws", "/ws/diagnosis/1"][n % 2], "Origin: http://evil.example\r\n");
        public(head, Answer(403, "origin_refused"))
    }),
    each("handshakes that are none", DRIP, bad_handshakes),
];

const CHUNKED: &str = "Transfer-Encoding: chunked";

fn public(text: String, expect: Expect) -> Attempt {
    Attempt { door: Door::Public, send: text.into_bytes(), expect }
}

/// A refusal by the parser, whoever of them sees it first.
fn refused() -> Expect {
    Either(vec![Answer(400, ""), Answer(431, ""), Answer(414, ""), Answer(505, ""), End])
}

/// A head with these lines, for one route after the other.
fn lines(attempt: usize, lines: &[&str]) -> String {
    let path = BODILESS[attempt % BODILESS.len()];
    let lines: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
    format!("GET {path} HTTP/1.1\r\n{lines}\r\n")
}

fn broken_chunks(attempt: usize) -> Attempt {
    let body = ["xyz\r\n", "fffffffffffffffff\r\n", "-1\r\n\r\n", "1\r\nab\r\n", "0;\x01\r\n\n"];
    let head = "POST /v1/poll HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\
        Content-Type: application/json\r\nAuthorization: Bearer ";
    let token = token::good(token::MALLORY, 60);
    public(format!("{head}{token}\r\n\r\n{}", body[attempt % 5]), refused())
}

fn bad_names(attempt: usize) -> Attempt {
    let long = "a".repeat(256);
    let names = [
        ".",
        "..",
        "a::b",
        ":",
        "a%20b",
        "a%2Fb",
        "%2e%2e",
        "a%00",
        "%C3%A4",
        "*",
        &long,
        "a%0d%0aX:%20y",
        "%FF",
        "a;b",
    ];
    let name = names[attempt % names.len()];
    let kind = ["events", "stream"][attempt % 2];
    let path = format!("/v1/channels/{name}/{kind}");
    let send = with_token("GET", &path, &token::good(token::MALLORY, 60), "");
    Attempt { door: Door::Public, send, expect: not_there() }
}

/// A name that is none, or a path that leads nowhere once it is taken apart.
fn not_there() -> Expect {
    Either(vec![Answer(400, ""), Answer(404, "")])
}

fn bad_backend_names(attempt: usize) -> Attempt {
    let names = [".", "..", "a::b", "a%20b", "%2e%2e", "a%00b", "%FF", "a%2F..%2Fb"];
    let name = names[attempt % names.len()];
    let key = format!("Authorization: Bearer {}\r\n", token::BACKEND_KEY);
    let send = match attempt / 8 % 4 {
        0 => request("GET", &format!("/v1/channels/{name}"), &key, ""),
        1 => request("DELETE", &format!("/v1/channels/{name}"), &key, ""),
        2 => request("POST", &format!("/v1/channels/{name}/events"), &key, r#"{"event":"a"}"#),
        _ => {
            let body = format!(r#"{{"events":[{{"channel":"{name}","event":"a"}}]}}"#);
            let send = request("POST", "/v1/events", &key, &body);
            return Attempt { door: Door::Internal, send, expect: Answer(200, "") };
        }
    };
    Attempt { door: Door::Internal, send, expect: not_there() }
}

fn bad_queries(attempt: usize) -> Attempt {
    let queries = [
        ("wait=51", "bad_query"),
        ("wait=-1", "bad_query"),
        ("limit=0", "bad_query"),
        ("limit=1001", "bad_query"),
        ("limit=1e3", "bad_query"),
        ("offset=9007199254740993", "bad_position"),
        ("epoch=a%20b&offset=1", "bad_position"),
        ("epoch=a", "bad_position"),
        ("offset=1", "bad_position"),
    ];
    let (query, code) = queries[attempt % queries.len()];
    let path = format!("/v1/channels/demo:1/events?{query}");
    let send = with_token("GET", &path, &token::good(token::MALLORY, 60), "");
    Attempt { door: Door::Public, send, expect: Answer(400, code) }
}

fn other_origin(attempt: usize) -> Attempt {
    let origin = "Origin: https://evil.example\r\n";
    let routes = [
        ("GET", "/v1/channels/demo:1/events"),
        ("GET", "/v1/channels/demo:1/stream"),
        ("POST", "/v1/poll"),
        ("POST", "/v1/tickets"),
        ("OPTIONS", "/v1/poll"),
    ];
    let (method, path) = routes[attempt % routes.len()];
    let send = request(method, path, origin, "");
    Attempt { door: Door::Public, send, expect: Answer(403, "origin_refused") }
}

fn bad_handshakes(attempt: usize) -> Attempt {
    let whole = upgrade("/v1/ws", "");
    let (from, to) = [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
        ("MDEyMzQ1Njc4OWFiY2RlZg==", "short"),
        ("Sec-WebSocket-Key", "X-Key"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Connection: Upgrade", "Connection: close"),
    ][attempt % 5];
    let ways = [Answer(400, ""), Answer(426, "")];
    public(whole.replace(from, to), Either(ways.into()))
}
