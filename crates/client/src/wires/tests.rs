//! What the link is spared: everything about sockets and polls it has let go of.

use std::sync::Arc;

use steadfast_link::{Input, PollFailure};
use steadfast_protocol::{ChannelName, ClientFrame, CloseCode, Since, Token};

use super::Wires;
use crate::endpoint::Endpoint;
use crate::fake::{accept, answering_once, listening, road};
use crate::poll::Http;
use crate::socket::{OUTBOX_FRAMES_MAX, Target};
use crate::token::TokenSource;

fn wires(base: &str, tokens: TokenSource) -> Wires {
    let endpoint = Endpoint::new(base).unwrap();
    let http = Http::new(road(), endpoint.clone());
    Wires::new(Target { endpoint, road: road(), message_bytes_max: 1000 }, http, tokens, None)
}

const PING: ClientFrame = ClientFrame::Ping { id: None };

fn closed(socket: u32) -> Input {
    Input::SocketClosed { socket, code: CloseCode::ABNORMAL }
}

#[tokio::test]
async fn a_socket_is_wanted_from_open_to_close() {
    let (listener, base) = listening().await;
    let mut wires = wires(&base, TokenSource::Nothing);
    wires.open(1, None);
    let server = accept(&listener).await;
    let opened = wires.next().await;
    assert_eq!(opened, Input::SocketOpened { socket: 1 });
    assert!(wires.is_wanted(&opened));
    assert!(!wires.is_wanted(&Input::SocketAlive { socket: 2 }));
    drop(server);
    let end = wires.next().await;
    assert_eq!(end, closed(1));
    assert!(wires.is_wanted(&end));
    assert!(!wires.is_wanted(&end), "an end is told once");

    wires.open(3, None);
    wires.close(3, CloseCode::NORMAL);
    assert!(!wires.is_wanted(&closed(3)));
}

#[tokio::test]
async fn a_socket_that_takes_no_more_is_lost() {
    let (_listener, base) = listening().await;
    let mut wires = wires(&base, TokenSource::Nothing);
    wires.open(1, None);
    for _ in 0..OUTBOX_FRAMES_MAX {
        assert_eq!(wires.send(1, Box::new(PING)), None);
    }
    assert_eq!(wires.send(1, Box::new(PING)), Some(closed(1)));
    assert_eq!(wires.send(2, Box::new(PING)), None, "of a forgotten one nothing is told");
}

#[tokio::test]
async fn a_poll_carries_the_newest_token_and_is_wanted_until_given_up() {
    let ask =
        Arc::new(|| -> crate::token::TokenFuture { Box::pin(async { Some("fresh".to_owned()) }) });
    let (base, request) = answering_once("HTTP/1.1 401 No\r\nSteadfast-Node: a\r\n\r\n").await;
    let mut wires = wires(&base, TokenSource::Asked(ask));
    wires.want_token();
    let token = wires.next().await;
    assert_eq!(token, Input::Token(Some(Token::new("fresh"))));
    assert!(wires.is_wanted(&token));

    wires.poll(5, ChannelName::new("c").unwrap(), Since::Start, 0);
    assert!(request.await.unwrap().contains("authorization: Bearer fresh\r\n"));
    let polled = wires.next().await;
    assert_eq!(polled, Input::Polled { poll: 5, outcome: Err(PollFailure::Unauthorized) });
    assert!(wires.is_wanted(&polled));
    wires.poll(6, ChannelName::new("c").unwrap(), Since::Start, 0);
    wires.cancel(6);
    assert!(!wires.is_wanted(&Input::Polled { poll: 6, outcome: Err(PollFailure::Refused) }));
}

#[tokio::test]
async fn a_probe_that_fails_is_told() {
    let (listener, base) = listening().await;
    drop(listener);
    let mut wires = wires(&base, TokenSource::Nothing);
    wires.probe();
    assert_eq!(wires.next().await, Input::Probed { is_ok: false });
}
