//! One socket against the other end of a real one.

use futures_util::{SinkExt, StreamExt};
use steadfast_link::{DialFailure, Input};
use steadfast_protocol::{
    ChannelName, ClientFrame, CloseCode, EventName, Payload, PublishFrame, Scalar, ServerFrame,
};
use steadfast_websocket::deflate::OFFER;
use steadfast_websocket::outbound::{message_frame, text_frame};
use steadfast_websocket::{Deflater, Framing, Inbound, Inflater, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::{Outbound, Target, run};
use crate::endpoint::Endpoint;
use crate::fake::{OPTIONS, accept, connector, listening};
use crate::transport::SocketOptions;

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
        options: OPTIONS,
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
        options: OPTIONS,
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

/// The server's end of a WebSocket whose upgrade is answered with this agreement, as a stream.
async fn agreeing(listener: &TcpListener, agreement: &'static str) -> (String, TcpStream) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut offer = String::new();
    #[expect(clippy::result_large_err, reason = "the library wants it so")]
    let answer = |request: &Request, mut response: Response| {
        if let Some(value) = request.headers().get("sec-websocket-extensions") {
            value.to_str().unwrap().clone_into(&mut offer);
        }
        if !agreement.is_empty() {
            let value = agreement.parse().unwrap();
            response.headers_mut().insert("sec-websocket-extensions", value);
        }
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, answer).await.unwrap();
    (offer, socket.into_inner())
}

fn started(base: &str, options: SocketOptions) -> (mpsc::Sender<Outbound>, mpsc::Receiver<Input>) {
    let endpoint = Endpoint::new(base).unwrap();
    let target = Target { endpoint, connector: connector(), options };
    let (outbox, outgoing) = mpsc::channel(4);
    let (inputs_in, inputs) = mpsc::channel(4);
    tokio::spawn(run(7, target, outgoing, inputs_in));
    (outbox, inputs)
}

fn compressed_pong(bytes: usize) -> bytes::Bytes {
    let head = r#"{"type":"pong","x":""#;
    let text = format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2));
    let payload = Deflater::new(6).sync_flushed(text.as_bytes()).unwrap();
    message_frame(&payload, false, true)
}

/// P-163
#[tokio::test]
async fn compressed_messages_come_and_go_where_the_server_agrees() {
    let (listener, base) = listening().await;
    let (outbox, mut inputs) = started(&base, OPTIONS);
    let (offer, mut server) = agreeing(&listener, OFFER).await;
    assert_eq!(offer, OFFER);
    assert_eq!(inputs.recv().await, Some(Input::SocketOpened { socket: 7 }));
    let plain = text_frame(r#"{"type":"pong"}"#);
    let frames = [&compressed_pong(BYTES_MAX)[..], &plain, &compressed_pong(500)].concat();
    server.write_all(&frames).await.unwrap();
    for _ in 0..3 {
        let frame = Box::new(ServerFrame::Pong { id: None });
        assert_eq!(inputs.recv().await, Some(Input::SocketFrame { socket: 7, frame }));
    }

    for count in [1, 10, 40] {
        let publish = PublishFrame {
            id: None,
            channel: ChannelName::new("a").unwrap(),
            event: EventName::new("text").unwrap(),
            data: Payload::new(&format!("{:?}", "many words ".repeat(count))).unwrap(),
            is_final: false,
            replace: None,
            idempotency_key: None,
        };
        let frame = Box::new(ClientFrame::Publish(Box::new(publish)));
        outbox.send(Outbound::Frame(frame)).await.unwrap();
    }
    let framing = Framing { is_compressed: true, ..Framing::default() };
    let mut inbound = Inbound::with(Limits::default(), framing);
    let (mut inflater, mut texts, mut firsts) = (Inflater::default(), Vec::new(), Vec::new());
    while texts.len() < 3 {
        let mut bytes = vec![0; 4096];
        let count = server.read(&mut bytes).await.unwrap();
        let wire = bytes.clone();
        let mut feed = inbound.feed_with(&mut bytes[..count], &mut inflater);
        let mut at = 0;
        while let Some(message) = feed.poll().unwrap() {
            let steadfast_websocket::Message::Text(text) = message else { panic!("no text") };
            texts.push(text.into_owned());
            firsts.push(wire[at]);
            at = feed.consumed();
        }
    }
    assert!(texts[2].len() > 400 && texts[2].contains("many words many words"), "{texts:?}");
    assert_eq!(firsts, [0x81, 0x81, 0xC1]);

    // One byte over the limit, and a bomb.
    for bytes in [BYTES_MAX + 1, 1_000_000] {
        let (_outbox, mut inputs) = started(&base, OPTIONS);
        let (_, mut server) = agreeing(&listener, OFFER).await;
        assert_eq!(inputs.recv().await, Some(Input::SocketOpened { socket: 7 }));
        server.write_all(&compressed_pong(bytes)).await.unwrap();
        assert_eq!(inputs.recv().await, Some(closed(CloseCode::TOO_BIG)));
    }
}

/// P-163
#[tokio::test]
async fn an_answer_that_is_not_within_the_offer_opens_nothing() {
    let (listener, base) = listening().await;
    let off = SocketOptions { is_compressed: false, ..OPTIONS };
    for (options, agreement) in [
        (OPTIONS, "permessage-deflate"),
        (OPTIONS, "permessage-deflate; server_no_context_takeover; client_max_window_bits=15"),
        (OPTIONS, "x-other"),
        (off, OFFER),
    ] {
        let (_outbox, mut inputs) = started(&base, options);
        let (offer, _server) = agreeing(&listener, agreement).await;
        assert_eq!(offer.is_empty(), !options.is_compressed);
        let failure = DialFailure::Blocked;
        assert_eq!(inputs.recv().await, Some(Input::SocketFailed { socket: 7, failure }));
    }
    for options in [OPTIONS, off] {
        let (_outbox, mut inputs) = started(&base, options);
        let _server = agreeing(&listener, "").await;
        assert_eq!(inputs.recv().await, Some(Input::SocketOpened { socket: 7 }));
    }
}
