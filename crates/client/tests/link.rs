//! A client and a server of a few lines, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test's own helpers may fail the test")]

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use steadfast_client::{
    ChannelName, ChannelNotice, Client, ClosedError, Config, DialError, EventName, LinkState,
    Notice, PublishError, Reason, SavedPositions, Since, Span,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

struct Session(WebSocketStream<TcpStream>);

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    async fn client(&self) -> Client {
        let channel = ChannelName::new("build:1").unwrap();
        let builder = Client::builder(&format!("http://{}", self.address)).token("secret");
        builder.subscribe(channel, Since::Start).adjust(quick).connect().await.unwrap()
    }

    async fn accept(&self) -> Session {
        let (stream, _) = self.listener.accept().await.unwrap();
        Session(tokio_tungstenite::accept_async(stream).await.unwrap())
    }
}

/// A person's patience is not a test's.
fn quick(config: &mut Config) {
    config.backoff_min = Span(1);
    config.backoff_max = Span(20);
    config.delay_floor = Span(1);
    config.fallback_effort = Span(20);
    config.return_min = Span(1);
    config.return_max = Span(20);
}

impl Session {
    async fn hears(&mut self) -> String {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Close(frame) => return format!("close {}", frame.unwrap().code),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    async fn says(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Hears a hello and welcomes the link; gives back what it wants.
    async fn welcomes(&mut self) -> String {
        let hello = self.hears().await;
        let link = hello.split(r#""link":""#).nth(1).unwrap().split('"').next().unwrap();
        self.says(&format!(
            r#"{{"type":"welcome","link":"{link}","node":"n","region":"r","crash_window_ms":0,
               "heartbeat":{{"interval":15000,"timeout":10000}},"server_time":"",
               "limits":{{"message_bytes":1000000,"queue_messages":32,"channels":128}}}}"#
        ))
        .await;
        hello
    }

    async fn answers_a_heartbeat(&mut self) {
        let heartbeat = self.hears().await;
        assert!(heartbeat.contains(r#""type":"heartbeat""#), "{heartbeat}");
        let id = heartbeat.split(r#""id":"#).nth(1).unwrap().split([',', '}']).next().unwrap();
        self.says(&format!(
            r#"{{"type":"heartbeat_ack","id":{id},"timestamp":0,"server_time":""}}"#
        ))
        .await;
    }

    async fn subscribes(&mut self, offset: u64, head: u64) {
        self.says(&format!(
            r#"{{"type":"subscribed","channel":"build:1","epoch":"e1","offset":{offset},
               "head":{head},"recovered":true}}"#
        ))
        .await;
    }

    async fn tells(&mut self, offset: u64) {
        self.says(&format!(
            r#"{{"type":"event","channel":"build:1","epoch":"e1","offset":{offset},
               "event":"progress","data":{{"n":{offset}}},"time":"t"}}"#
        ))
        .await;
    }
}

async fn until_event(client: &mut Client) -> u64 {
    loop {
        if let Notice::Event(event) = client.next().await.unwrap() {
            assert_eq!(event.data.as_str(), format!(r#"{{"n":{}}}"#, event.offset));
            return event.offset;
        }
    }
}

async fn until_state(client: &mut Client, wanted: LinkState) -> Reason {
    loop {
        if let Notice::State { new, reason, .. } = client.next().await.unwrap()
            && new == wanted
        {
            return reason;
        }
    }
}

#[tokio::test]
async fn a_link_says_hello_and_hands_events_to_its_app() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut session = server.accept().await;
    let hello = session.welcomes().await;
    for part in [r#""type":"hello""#, r#""generation":1"#, r#""token":"secret""#, "build:1"] {
        assert!(hello.contains(part), "{part} in {hello}");
    }
    session.subscribes(0, 2).await;
    session.tells(1).await;
    session.tells(2).await;
    assert_eq!(until_state(&mut client, LinkState::Connected).await, Reason::Welcomed);
    assert_eq!(until_event(&mut client).await, 1);
    assert_eq!(until_event(&mut client).await, 2);
    assert_eq!(*client.state().borrow(), LinkState::Connected);
    let channel = ChannelName::new("build:1").unwrap();
    assert_eq!(client.position(channel).await.unwrap().unwrap().offset, 2);

    let ((), last) = tokio::join!(client.close(), session.hears());
    assert_eq!(last, "close 1000");
    assert_eq!(until_state(&mut client, LinkState::Disconnected).await, Reason::Closed);
    assert_eq!(client.next().await, None);
    assert_eq!(client.reconnect().await, Err(ClosedError));
    assert_eq!(client.statistics().await, Err(ClosedError));
}

#[tokio::test]
async fn a_lost_socket_is_replaced_and_the_channel_resumed() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut session = server.accept().await;
    session.welcomes().await;
    session.subscribes(0, 3).await;
    session.tells(1).await;
    session.tells(2).await;
    assert_eq!(until_event(&mut client).await, 1);
    assert_eq!(until_event(&mut client).await, 2);
    drop(session);
    assert_eq!(until_state(&mut client, LinkState::Reconnecting).await, Reason::Lost);

    let mut session = server.accept().await;
    let hello = session.welcomes().await;
    for part in [r#""generation":2"#, r#"{"epoch":"e1","offset":2}"#] {
        assert!(hello.contains(part), "{part} in {hello}");
    }
    session.subscribes(2, 3).await;
    session.tells(3).await;
    assert_eq!(until_event(&mut client).await, 3);
    let statistics = client.statistics().await.unwrap();
    assert_eq!((statistics.total_reconnects, statistics.successful_reconnects), (1, 1));
}

#[tokio::test]
async fn what_a_lost_session_left_unanswered_is_published_once() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut session = server.accept().await;
    session.welcomes().await;
    let publisher = client.publisher();
    let publish = |n: u32| {
        let publisher = publisher.clone();
        let (channel, event) = (ChannelName::new("build:1"), EventName::new("progress"));
        async move { publisher.publish(channel.unwrap(), event.unwrap(), &[n]).await }
    };
    let first = tokio::spawn(publish(1));
    let frame = session.hears().await;
    for part in [r#""type":"publish""#, r#""id":1"#, r#""idempotency_key":"1""#, "[1]"] {
        assert!(frame.contains(part), "{part} in {frame}");
    }
    drop(session);
    assert_eq!(until_state(&mut client, LinkState::Reconnecting).await, Reason::Lost);

    let mut session = server.accept().await;
    session.welcomes().await;
    let again = session.hears().await;
    assert_eq!(again, frame.replace(r#""id":1"#, r#""id":2"#));
    session.says(r#"{"type":"published","id":2,"epoch":"e1","offset":7}"#).await;
    assert_eq!(first.await.unwrap().unwrap().offset, 7);

    let second = tokio::spawn(publish(2));
    session.hears().await;
    let refusal = r#"{"type":"error","id":3,"code":"forbidden","message":"no","retry":false}"#;
    session.says(refusal).await;
    let error = second.await.unwrap().unwrap_err();
    assert!(matches!(&error, PublishError::Refused { code, .. } if &**code == "forbidden"));
    assert!(!error.is_retryable());

    let third = tokio::spawn(publish(3));
    session.hears().await;
    client.close().await;
    assert_eq!(third.await.unwrap(), Err(PublishError::Uncertain));
    assert_eq!(publish(4).await, Err(PublishError::Closed));
}

#[tokio::test]
async fn a_new_client_goes_on_behind_what_the_old_one_was_handed() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut session = server.accept().await;
    session.welcomes().await;
    session.subscribes(0, 3).await;
    for offset in 1..=3 {
        session.tells(offset).await;
    }
    assert_eq!(until_event(&mut client).await, 1);
    assert_eq!(until_event(&mut client).await, 2);
    let saved = SavedPositions::from_json(&client.positions().to_json()).unwrap();
    drop((client, session));

    let url = format!("http://{}", server.address);
    let channel = ChannelName::new("build:1").unwrap();
    let builder = Client::builder(&url).resume(saved).subscribe(channel, Since::Start);
    let mut client = builder.adjust(quick).connect().await.unwrap();
    let mut session = server.accept().await;
    let hello = session.welcomes().await;
    assert!(hello.contains(r#"{"epoch":"e1","offset":2}"#), "{hello}");
    session.subscribes(2, 3).await;
    session.tells(3).await;
    assert_eq!(until_event(&mut client).await, 3);
}

#[tokio::test]
async fn a_channel_is_followed_by_a_stream_of_its_own_and_left_with_it() {
    let server = Server::start().await;
    let url = format!("http://{}", server.address);
    let mut client = Client::builder(&url).adjust(quick).connect().await.unwrap();
    let channel = ChannelName::new("build:1").unwrap();
    let mut stream = client.channel(channel, Since::Start).await.unwrap();
    let mut session = server.accept().await;
    let hello = session.welcomes().await;
    assert!(hello.contains("build:1"), "{hello}");
    session.subscribes(0, 2).await;
    session.tells(1).await;
    assert!(matches!(stream.next().await, Some(ChannelNotice::Subscribed { .. })));
    assert!(matches!(stream.next().await, Some(ChannelNotice::Event(_))));
    drop(stream);
    assert!(session.hears().await.contains(r#""type":"unsubscribe""#));
    until_state(&mut client, LinkState::Connected).await;
}

#[tokio::test]
async fn why_a_server_is_not_reached_is_told() {
    let server = Server::start().await;
    let url = format!("https://{}", server.address);
    let builder = Client::builder(&url).root_certificate(certificate()).adjust(quick);
    let mut client = builder.connect().await.unwrap();
    let (stream, _) = server.listener.accept().await.unwrap();
    drop((stream, server));
    until_state(&mut client, LinkState::Reconnecting).await;
    let error = client.last_dial_error().unwrap();
    assert!(matches!(*error, DialError::Unreachable { .. }), "{error:?}");
}

fn certificate() -> String {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem()
}

#[tokio::test]
async fn a_finished_channel_lets_the_link_rest() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut session = server.accept().await;
    session.welcomes().await;
    session.subscribes(0, 1).await;
    session.tells(1).await;
    session.says(r#"{"type":"finished","channel":"build:1"}"#).await;
    assert_eq!(until_event(&mut client).await, 1);
    assert_eq!(until_state(&mut client, LinkState::Disconnected).await, Reason::Finished);
    assert_eq!(session.hears().await, "close 1000");
}

#[tokio::test]
async fn a_code_that_forbids_retrying_ends_the_link() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut session = server.accept().await;
    session.welcomes().await;
    let forbidden = CloseFrame { code: 4403.into(), reason: "".into() };
    session.0.close(Some(forbidden)).await.unwrap();
    assert_eq!(until_state(&mut client, LinkState::Disconnected).await, Reason::Rejected);
}

#[tokio::test]
async fn where_websocket_is_blocked_events_come_by_polling_until_it_is_not() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let http = async {
        let mut polls = 0;
        while polls < 2 {
            let (stream, _) = server.listener.accept().await.unwrap();
            polls += usize::from(answer(stream, polls).await);
        }
    };
    let follow = async {
        until_state(&mut client, LinkState::Fallback).await;
        (until_event(&mut client).await, until_event(&mut client).await)
    };
    let ((), offsets) = tokio::join!(http, follow);
    assert_eq!(offsets, (1, 2));

    let (mut session, reason) = tokio::join!(unblocked(&server), async {
        until_state(&mut client, LinkState::Connected).await
    });
    assert_eq!(reason, Reason::Welcomed);
    session.tells(3).await;
    assert_eq!(until_event(&mut client).await, 3);
}

/// The first WebSocket that comes through, welcomed; polls until then get no answer.
async fn unblocked(server: &Server) -> Session {
    loop {
        let (stream, _) = server.listener.accept().await.unwrap();
        let mut head = [0; 10];
        let is_socket = stream.peek(&mut head).await.is_ok() && head == *b"GET /v1/ws";
        if is_socket {
            let mut session = Session(tokio_tungstenite::accept_async(stream).await.unwrap());
            let hello = session.welcomes().await;
            assert!(hello.contains(r#"{"epoch":"e1","offset":2}"#), "{hello}");
            session.subscribes(2, 3).await;
            session.answers_a_heartbeat().await;
            return session;
        }
    }
}

/// A network that lets HTTP through and no WebSocket. Whether it was a poll.
async fn answer(mut stream: TcpStream, polls: usize) -> bool {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return false,
        }
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap();
    let node = "Steadfast-Node: n\r\nconnection: close\r\n";
    let (answer, is_poll) = match path.split('?').next().unwrap() {
        "/v1/ws" => ("HTTP/1.1 403 No\r\ncontent-length: 6\r\n\r\n<html>".to_owned(), false),
        "/v1/probe" => (format!("HTTP/1.1 204 None\r\n{node}\r\n"), false),
        "/v1/channels/build:1/events" => {
            assert!(request.contains("authorization: Bearer secret\r\n"), "{request}");
            let from = if polls == 0 { "?wait=" } else { "?epoch=e1&offset=1&wait=" };
            assert!(path.contains(from), "{path}");
            let offset = polls + 1;
            let body = format!(
                r#"{{"channel":"build:1","epoch":"e1","offset":{offset},"final":false,"gap":null,
                   "next_poll_ms":0,"events":[{{"offset":{offset},"event":"progress",
                   "data":{{"n":{offset}}},"time":"t"}}]}}"#
            );
            let length = body.len();
            (format!("HTTP/1.1 200 OK\r\n{node}content-length: {length}\r\n\r\n{body}"), true)
        }
        _ => panic!("{request}"),
    };
    // A poll that was given up has hung up.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    is_poll
}
