//! Which requests become a WebSocket, and how the others are refused.

use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::{UpgradeRefusal, accept, is_compressed, is_upgrade};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn request() -> Request<()> {
    Request::get("/v1/ws")
        .header("host", "example.test")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", KEY)
        .body(())
        .unwrap()
}

/// The request with one header set to these lines.
fn with(name: &'static str, lines: &[&str]) -> Request<()> {
    let mut request = request();
    request.headers_mut().remove(name);
    for line in lines {
        request.headers_mut().append(name, line.parse().unwrap());
    }
    request
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn a_good_request_switches_protocols() {
    let response = accept(&request(), true).unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers();
    assert_eq!(value(headers, "connection"), Some("upgrade"));
    assert_eq!(value(headers, "upgrade"), Some("websocket"));
    assert_eq!(value(headers, "sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(headers.len(), 3);
}

/// P-160
#[test]
fn subprotocols_are_not_taken_up_and_no_extension_but_compression_where_it_is_on() {
    let mut asking = with("sec-websocket-extensions", &["x", "y, permessage-deflate"]);
    asking.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, "chat".parse().unwrap());
    let off = accept(&asking, false).unwrap();
    assert_eq!((off.headers().len(), is_compressed(&off)), (3, false));
    let on = accept(&asking, true).unwrap();
    assert_eq!((on.headers().len(), is_compressed(&on)), (4, true));
    let answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(value(on.headers(), "sec-websocket-extensions"), Some(answer));
    let other = with("sec-websocket-extensions", &["permessage-deflate; server_max_window_bits=9"]);
    assert!(!is_compressed(&accept(&other, true).unwrap()));
}

#[test]
fn header_lists_are_read_over_lines_and_in_any_case() {
    let good = [
        with("connection", &["keep-alive, Upgrade"]),
        with("connection", &["keep-alive", "UPGRADE"]),
        with("connection", &["upgrade,keep-alive"]),
        with("upgrade", &["WebSocket"]),
        with("upgrade", &["h2c, websocket"]),
    ];
    for request in good {
        assert!(accept(&request, true).is_ok(), "{request:?}");
    }
}

#[test]
fn every_fault_is_refused_with_its_reason() {
    use UpgradeRefusal as R;
    let mut post = request();
    *post.method_mut() = Method::POST;
    let mut old = request();
    *old.version_mut() = Version::HTTP_10;
    let mut new = request();
    *new.version_mut() = Version::HTTP_2;
    let cases = [
        (post, R::Method),
        (old, R::HttpVersion),
        (new, R::HttpVersion),
        (with("connection", &[]), R::NotAnUpgrade),
        (with("connection", &["keep-alive"]), R::NotAnUpgrade),
        (with("connection", &["upgraded"]), R::NotAnUpgrade),
        (with("upgrade", &[]), R::NotAnUpgrade),
        (with("upgrade", &["h2c"]), R::NotAnUpgrade),
        (with("sec-websocket-version", &[]), R::ProtocolVersion),
        (with("sec-websocket-version", &["8"]), R::ProtocolVersion),
        (with("sec-websocket-version", &["13", "13"]), R::ProtocolVersion),
        (with("sec-websocket-key", &[]), R::Key),
        (with("sec-websocket-key", &[KEY, KEY]), R::Key),
        (with("sec-websocket-key", &[""]), R::Key),
        (with("sec-websocket-key", &[&KEY[1..]]), R::Key),
        (with("sec-websocket-key", &["dGhlIHNhbXBsZSBub25jZSE="]), R::Key),
        (with("sec-websocket-key", &["dGhlIHNhbXB*ZSBub25jZQ=="]), R::Key),
    ];
    for (request, refusal) in cases {
        assert_eq!(
            accept(&request, true).map(Response::into_parts).err(),
            Some(refusal),
            "{request:?}"
        );
    }
}

#[test]
fn each_refusal_carries_what_its_status_asks_for() {
    use UpgradeRefusal as R;
    let cases = [
        (R::Method, 405, [Some("GET"), None, None]),
        (R::HttpVersion, 505, [None; 3]),
        (R::NotAnUpgrade, 426, [None, Some("websocket"), Some("13")]),
        (R::ProtocolVersion, 426, [None, Some("websocket"), Some("13")]),
        (R::Key, 400, [None; 3]),
    ];
    for (refusal, status, expected) in cases {
        let response = refusal.response();
        assert_eq!((response.status(), response.status().as_u16()), (refusal.status(), status));
        let names = ["allow", "upgrade", "sec-websocket-version"];
        assert_eq!(names.map(|name| value(response.headers(), name)), expected, "{refusal:?}");
    }
}

#[test]
fn a_plain_request_is_told_from_a_bad_upgrade() {
    assert!(is_upgrade(with("sec-websocket-key", &[]).headers()));
    assert!(!is_upgrade(Request::new(()).headers()));
}
