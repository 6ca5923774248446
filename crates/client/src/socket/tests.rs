//! One socket against the other end of a real one.

use futures_util::{SinkExt, StreamExt};
use steadfast_link::{DialFailure, Input};
use steadfast_protocol::{ClientFrame, CloseCode, Scalar, ServerFrame};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::{Outbound, Target, run};
use crate::endpoint::Endpoint;
use crate::fake::{accept, connector, listening};

const BYTES_MAX: usize = 1000;

struct Fixture {
    outbox: mpsc::Sender<Outbound>,
    inputs: mpsc::Receiver<Input>,
    server: WebSocketStream<TcpStream>,
}

async fn open() -> Fixture {
    let (listener, base) = listening().await;
    let target = Target {
        endpoint: Endpoint::new(&base).unwrap(),
        connector: connector(),
        message_bytes_max: BYTES_MAX,
    };
    let (outbox, outgoing) = mpsc::channel(4);
    let (inputs_in, mut inputs) = mpsc::channel(4);
    tokio::spawn(run(7, target, outgoing, inputs_in));
    let server = accept(&listener).await;
    assert_eq!(inputs.recv().await, Some(Input::SocketOpened { socket: 7 }));
    Fixture { outbox, inputs, server }
}

fn closed(code: CloseCode) -> Input {
    Input::SocketClosed { socket: 7, code }
}

/// What the server hears as the reason of the end.
async fn goodbye(server: &mut WebSocketStream<TcpStream>) -> Option<u16> {
    match server.next().await {
        Some(Ok(Message::Close(Some(frame)))) => Some(frame.code.into()),
        Some(_) | None => None,
    }
}

#[tokio::test]
async fn frames_go_both_ways_and_strange_ones_are_signs_of_life() {
    let Fixture { outbox, mut inputs, mut server } = open().await;
    outbox.send(Outbound::Frame(Box::new(ClientFrame::Ping { id: None }))).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text(r#"{"type":"ping"}"#));

    server.send(Message::text(r#"{"type":"pong"}"#)).await.unwrap();
    let frame = Box::new(ServerFrame::Pong { id: None });
    assert_eq!(inputs.recv().await, Some(Input::SocketFrame { socket: 7, frame }));
    server.send(Message::text(r#"{"type":"tomorrow"}"#)).await.unwrap();
    assert_eq!(inputs.recv().await, Some(Input::SocketAlive { socket: 7 }));
    server.send(Message::Ping("x".into())).await.unwrap();
    assert_eq!(inputs.recv().await, Some(Input::SocketAlive { socket: 7 }));
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Pong("x".into()));
}

#[tokio::test]
async fn the_servers_close_code_is_told() {
    let Fixture { mut inputs, mut server, outbox: _outbox } = open().await;
    server.close(Some(CloseFrame { code: 4101.into(), reason: "".into() })).await.unwrap();
    assert_eq!(inputs.recv().await, Some(closed(CloseCode::DRAINING)));

    let Fixture { mut inputs, server, outbox: _outbox } = open().await;
    drop(server);
    assert_eq!(inputs.recv().await, Some(closed(CloseCode::ABNORMAL)));
}

#[tokio::test]
async fn a_wanted_close_says_its_code_and_tells_nothing_more() {
    let Fixture { outbox, mut inputs, mut server } = open().await;
    outbox.send(Outbound::Close(CloseCode::NORMAL)).await.unwrap();
    assert_eq!(goodbye(&mut server).await, Some(1000));
    assert!(server.next().await.is_none());
    assert_eq!(inputs.recv().await, None);
}

#[tokio::test]
async fn a_server_against_the_rules_is_left_and_may_be_tried_again() {
    let cases = [
        (Message::binary(vec![1]), CloseCode::UNSUPPORTED),
        (Message::text("no json"), CloseCode::PROTOCOL),
        (Message::text(r#"{"type":"event"}"#), CloseCode::PROTOCOL),
    ];
    for (message, code) in cases {
        let Fixture { mut inputs, mut server, outbox: _outbox } = open().await;
        server.send(message).await.unwrap();
        assert_eq!(goodbye(&mut server).await, Some(code.0));
        assert!(server.next().await.is_none());
        assert_eq!(inputs.recv().await, Some(closed(CloseCode::ABNORMAL)));
    }
}

#[tokio::test]
async fn a_message_has_at_most_its_limit() {
    let Fixture { mut inputs, mut server, outbox: _outbox } = open().await;
    let pong = |bytes: usize| {
        let head = r#"{"type":"pong","x":""#;
        format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2))
    };
    server.send(Message::text(pong(BYTES_MAX))).await.unwrap();
    let heard = inputs.recv().await;
    assert!(matches!(heard, Some(Input::SocketFrame { .. })), "{heard:?}");
    server.send(Message::text(pong(BYTES_MAX + 1))).await.unwrap();
    assert_eq!(inputs.recv().await, Some(closed(CloseCode::TOO_BIG)));
}

#[tokio::test]
async fn a_socket_that_nobody_listens_to_waits_and_loses_nothing() {
    let Fixture { mut inputs, mut server, outbox: _outbox } = open().await;
    let mut sent = 0;
    loop {
        let text = format!(r#"{{"type":"pong","id":{sent},"x":"{}"}}"#, "x".repeat(900));
        tokio::select! {
            biased;
            fed = server.send(Message::text(text)) => fed.unwrap(),
            () = stalled() => break,
        }
        sent += 1;
        assert!(sent < 1_000_000, "the socket is read although nobody listens");
    }
    for id in 0..sent {
        let frame = Box::new(ServerFrame::Pong { id: Some(Scalar::number(id)) });
        assert_eq!(inputs.recv().await, Some(Input::SocketFrame { socket: 7, frame }));
    }
}

/// Ends once the other tasks of this thread have had many turns.
async fn stalled() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_dial_that_is_given_up_ends_and_one_that_fails_is_told() {
    let (listener, base) = listening().await;
    let target = Target {
        endpoint: Endpoint::new(&base).unwrap(),
        connector: connector(),
        message_bytes_max: BYTES_MAX,
    };
    let (outbox, outgoing) = mpsc::channel(4);
    let (inputs_in, mut inputs) = mpsc::channel(4);
    let dialing = tokio::spawn(run(1, target.clone(), outgoing, inputs_in.clone()));
    outbox.send(Outbound::Close(CloseCode::NORMAL)).await.unwrap();
    dialing.await.unwrap();

    drop(listener);
    let (_outbox, outgoing) = mpsc::channel(4);
    tokio::spawn(run(2, target, outgoing, inputs_in));
    let failure = DialFailure::Unreachable;
    assert_eq!(inputs.recv().await, Some(Input::SocketFailed { socket: 2, failure }));
}
