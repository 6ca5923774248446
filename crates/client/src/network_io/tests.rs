//! What the link is spared: everything about sockets and polls it has let go of.

use std::sync::Arc;

use futures_util::StreamExt;
use steadfast_link::{Input, PollFailure};
use steadfast_protocol::{ChannelName, ChannelRequest, ClientFrame, CloseCode, Since, Token};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{NetworkIo, Site};
use crate::endpoint::Endpoint;
use crate::fake::{OPTIONS, accept, answering, answering_once, connector, listening};
use crate::socket::OUTBOX_FRAMES_MAX;
use crate::token::TokenSource;

fn one(channel: &str) -> ChannelRequest {
    let channel = ChannelName::new(channel).unwrap();
    ChannelRequest { id: None, channel, since: Since::Start }
}

fn network(bases: &[&str], tokens: TokenSource) -> NetworkIo {
    let site = |base: &&str| Site::new(Endpoint::new(base).unwrap(), connector(), OPTIONS);
    NetworkIo::new(bases.iter().map(site).collect(), tokens, None)
}

const PING: ClientFrame = ClientFrame::Ping { id: None };

fn closed(socket: u32) -> Input {
    Input::SocketClosed { socket, code: CloseCode::ABNORMAL }
}

#[tokio::test]
async fn a_socket_is_wanted_from_open_to_close() {
    let (listener, base) = listening().await;
    let mut network = network(&[&base], TokenSource::Nothing);
    network.open(1, 0, None);
    let server = accept(&listener).await;
    let opened = network.next().await;
    assert_eq!(opened, Input::SocketOpened { socket: 1 });
    assert!(network.is_wanted(&opened));
    assert!(!network.is_wanted(&Input::SocketAlive { socket: 2 }));
    drop(server);
    let end = network.next().await;
    assert_eq!(end, closed(1));
    assert!(network.is_wanted(&end));
    assert!(!network.is_wanted(&end), "an end is told once");

    network.open(3, 0, None);
    network.close(3, CloseCode::NORMAL);
    assert!(!network.is_wanted(&closed(3)));
}

#[tokio::test]
async fn a_socket_that_takes_no_more_is_lost() {
    let (_listener, base) = listening().await;
    let mut network = network(&[&base], TokenSource::Nothing);
    network.open(1, 0, None);
    for _ in 0..OUTBOX_FRAMES_MAX {
        assert_eq!(network.send(1, Box::new(PING)), None);
    }
    assert_eq!(network.send(1, Box::new(PING)), Some(closed(1)));
    assert_eq!(network.send(2, Box::new(PING)), None, "of a forgotten one nothing is told");
}

#[tokio::test]
async fn a_poll_carries_the_newest_token_and_is_wanted_until_given_up() {
    let ask = Arc::new(|| -> crate::token::TokenFuture {
        Box::pin(async { Some("fresh".to_owned()).into() })
    });
    let (base, request) = answering_once("HTTP/1.1 401 No\r\nSteadfast-Node: a\r\n\r\n").await;
    let mut network = network(&[&base], TokenSource::Asked(ask));
    network.want_token();
    let token = network.next().await;
    assert_eq!(token, Input::Token(Some(Token::new("fresh"))));
    assert!(network.is_wanted(&token));

    network.poll(5, 0, vec![one("c")], 0);
    assert!(request.await.unwrap().contains("authorization: Bearer fresh\r\n"));
    let polled = network.next().await;
    assert_eq!(polled, Input::Polled { poll: 5, outcome: Err(PollFailure::Unauthorized) });
    assert!(network.is_wanted(&polled));
    network.poll(6, 0, vec![one("c")], 0);
    network.cancel(6);
    assert!(!network.is_wanted(&Input::Polled { poll: 6, outcome: Err(PollFailure::Refused) }));
}

#[tokio::test]
async fn a_probe_that_fails_is_told() {
    let (listener, base) = listening().await;
    drop(listener);
    let mut network = network(&[&base], TokenSource::Nothing);
    network.probe(0);
    assert_eq!(network.next().await, Input::Probed { is_ok: false });
}

#[tokio::test]
async fn sockets_polls_and_probes_go_to_the_endpoint_that_is_named() {
    let ((home, at_home), (away, at_away)) = (listening().await, listening().await);
    let probed = answering("HTTP/1.1 204 None\r\nSteadfast-Node: a\r\n\r\n").await;
    let busy = answering("HTTP/1.1 429 Slow\r\nSteadfast-Node: a\r\nRetry-After: 7\r\n\r\n").await;
    let mut network = network(&[&at_home, &at_away, &probed, &busy], TokenSource::Nothing);
    network.open(1, 0, None);
    network.open(2, 1, None);
    let (mut first, mut second) = (accept(&home).await, accept(&away).await);
    let mut opened = [opened(&mut network).await, opened(&mut network).await];
    opened.sort_unstable();
    assert_eq!(opened, [1, 2], "both at once");

    // One is closed and forgotten, the other goes on.
    network.close(1, CloseCode::RECONNECT);
    assert_eq!(heard(&mut first).await, "close 4002");
    assert_eq!(network.send(1, Box::new(PING)), None);
    assert_eq!(network.send(2, Box::new(PING)), None);
    assert_eq!(heard(&mut second).await, r#"{"type":"ping"}"#);

    network.probe(2);
    assert_eq!(network.next().await, Input::Probed { is_ok: true });
    network.poll(5, 3, vec![one("c")], 0);
    let outcome = Err(PollFailure::Busy { retry_after_ms: 7_000 });
    assert_eq!(network.next().await, Input::Polled { poll: 5, outcome });

    // What a server names is taken in place of its own endpoint.
    network.open(3, 1, Some(at_home.trim_start_matches("http://")));
    accept(&home).await;
}

async fn opened(network: &mut NetworkIo) -> u32 {
    let input = network.next().await;
    let Input::SocketOpened { socket } = input else { panic!("{input:?}") };
    socket
}

async fn heard(server: &mut WebSocketStream<TcpStream>) -> String {
    let message = server.next().await.unwrap().unwrap();
    match &message {
        Message::Text(text) => text.as_str().to_owned(),
        Message::Close(frame) => format!("close {}", frame.as_ref().unwrap().code),
        Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
            panic!("{message:?}")
        }
    }
}
