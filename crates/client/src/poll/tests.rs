//! Every kind of answer to a poll or probe, from a server of one canned answer.

use steadfast_link::PollFailure;
use steadfast_protocol::{ChannelName, ChannelRequest, Epoch, Position, Since, Token};

use super::{Http, Query, authorization, body, poll_body, poll_url};
use crate::endpoint::Endpoint;
use crate::fake::{answering, answering_once, connector};

const ANSWER: &str = r#"{"channel":"c","epoch":"e1","offset":2,"final":false,"gap":null,
    "next_poll_ms":0,"events":[{"offset":2,"event":"x","data":{"a" : 1},"time":"t"}]}"#;

fn one(channel: &str, since: Since) -> ChannelRequest {
    ChannelRequest { id: None, channel: ChannelName::new(channel).unwrap(), since }
}

fn query(token: Option<&str>) -> Query {
    let channels = vec![one("c", Since::Start)];
    Query { channels, wait_ms: 0, token: token.map(Token::new) }
}

fn http(base: &str) -> Http {
    Http::new(connector(), Endpoint::new(base).unwrap())
}

fn ours(head: &str, body: &str) -> &'static str {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {head}\r\nSteadfast-Node: a\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    text.leak()
}

#[test]
fn a_poll_names_its_position_in_three_ways() {
    let endpoint = Endpoint::new("http://h:1").unwrap();
    let url = |since| poll_url(&endpoint, &one("a:b", since), 25).to_string();
    let base = "http://h:1/v1/channels/a:b/events";
    assert_eq!(url(Since::Start), format!("{base}?wait=25&limit=100"));
    assert_eq!(url(Since::Now), format!("{base}?offset=latest&wait=25&limit=100"));
    let after = Since::After(Position::new(Epoch::new("e1").unwrap(), 7));
    assert_eq!(url(after), format!("{base}?epoch=e1&offset=7&wait=25&limit=100"));
}

#[tokio::test]
async fn an_answer_comes_with_its_events_and_the_token_goes_in_a_header() {
    let (base, request) = answering_once(ours("200 OK", ANSWER)).await;
    let answer = http(&base).poll(query(Some("secret"))).await.unwrap();
    let page = &answer.pages[0];
    assert_eq!((page.offset, page.events.len(), page.is_final), (2, 1, false));
    assert_eq!(page.events[0].data.as_str(), r#"{"a" : 1}"#);
    let request = request.await.unwrap();
    assert!(request.starts_with("GET /v1/channels/c/events?wait=0&limit=100 HTTP/1.1\r\n"));
    assert!(request.contains("authorization: Bearer secret\r\n"), "{request}");
}

// P-78
#[tokio::test]
async fn many_channels_are_polled_by_one_request() {
    let pages = r#"{"pages":[{"channel":"b","epoch":"e1","offset":1,"final":false,"gap":null,
        "events":[{"offset":1,"event":"x","data":1.50,"time":"t"}]}],
        "refused":[{"channel":"c","code":"forbidden","detail":"no"}],"next_poll_ms":5}"#;
    let (base, request) = answering_once(ours("200 OK", pages)).await;
    let after = Since::After(Position::new(Epoch::new("e1").unwrap(), 7));
    let channels = vec![one("a", after), one("b", Since::Now), one("c", Since::Start)];
    let asked = Query { channels: channels.clone(), wait_ms: 25_000, token: None };
    let answer = http(&base).poll(asked).await.unwrap();
    assert_eq!(answer.pages[0].events[0].data.as_str(), "1.50");
    assert_eq!((&*answer.refused[0].channel, answer.next_poll_ms), ("c", 5));
    let request = request.await.unwrap();
    assert!(request.starts_with("POST /v1/poll HTTP/1.1\r\n"), "{request}");
    let body = poll_body(&channels, 25);
    let expected = r#"{"channels":[{"channel":"a","since":{"epoch":"e1","offset":7}},
        {"channel":"b","since":"now"},{"channel":"c","since":"start"}],"wait":25,"limit":100}"#;
    let json = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
    assert_eq!(json(&body), json(expected.as_bytes()));
}

#[tokio::test]
async fn why_a_poll_is_refused_for_good_is_kept_for_developers() {
    let no = ours("403 No", r#"{"code":"forbidden","detail":"not your channel"}"#);
    let base = answering(no).await;
    let connector = connector();
    let http = Http::new(connector.clone(), Endpoint::new(&base).unwrap());
    assert_eq!(http.poll(query(None)).await, Err(PollFailure::Refused));
    let error = connector.last_error().borrow().clone().unwrap();
    let text = error.to_string();
    assert!(text.ends_with("answered a poll with 403: not your channel"), "{text}");
}

#[tokio::test]
async fn every_refusal_has_its_kind() {
    let polled = async |answer| http(&answering(answer).await).poll(query(None)).await;
    let busy = Err(PollFailure::Busy { retry_after_ms: 7_000 });
    assert_eq!(polled(ours("401 Who", "")).await, Err(PollFailure::Unauthorized));
    assert_eq!(polled(ours("400 Bad", "")).await, Err(PollFailure::Refused));
    assert_eq!(polled(ours("403 No", "")).await, Err(PollFailure::Refused));
    assert_eq!(polled(ours("404 What", "")).await, Err(PollFailure::Refused));
    assert_eq!(polled(ours("405 Not so", "")).await, Err(PollFailure::Refused));
    assert_eq!(polled(ours("429 Slow\r\nretry-after: 7", "")).await, busy);
    assert_eq!(polled(ours("503 Busy\r\nretry-after: 7", "")).await, busy);
    assert_eq!(polled(ours("500 Oh", "")).await, Err(PollFailure::Unreachable));
    assert_eq!(polled(ours("200 OK", "<html>")).await, Err(PollFailure::Unreachable));
    assert_eq!(polled("").await, Err(PollFailure::Unreachable));
    for portal in ["401 Who", "403 No", "404 What", "503 Busy", "302 Log in\r\nlocation: /"] {
        let answer = format!("HTTP/1.1 {portal}\r\ncontent-length: 0\r\n\r\n").leak();
        assert_eq!(polled(answer).await, Err(PollFailure::Unreachable), "{portal}");
    }
}

#[tokio::test]
async fn a_probe_wants_204_from_our_server() {
    let probed = async |answer| http(&answering(answer).await).probe().await;
    assert!(probed("HTTP/1.1 204 None\r\nsteadfast-node: a\r\n\r\n").await);
    assert!(!probed("HTTP/1.1 204 None\r\n\r\n").await);
    assert!(!probed(ours("200 OK", "")).await);
    assert!(!probed("").await);
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let read = async |bytes_max| {
        let base = answering(ours("200 OK", "12345")).await;
        let response = http(&base).ask(&base.parse().unwrap(), None, None).await.unwrap();
        body(response.into_body(), bytes_max).await
    };
    assert_eq!(read(5).await.as_deref(), Some(&b"12345"[..]));
    assert_eq!(read(4).await, None);
}

#[test]
fn a_token_that_no_header_can_hold_is_not_sent() {
    assert!(authorization(&Token::new("a.b.c")).unwrap().is_sensitive());
    let refused = authorization(&Token::new("a\r\nb")).unwrap_err();
    assert_eq!(refused, PollFailure::Unauthorized);
}
