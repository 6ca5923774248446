//! A WebSocket that says exactly what a test tells it to, down to single bytes.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::server::Server;
use crate::within;

/// One open WebSocket.
#[derive(Debug)]
pub(crate) struct Raw(WebSocketStream<TcpStream>);

impl Raw {
    /// A WebSocket on `/v1/ws` that has said nothing yet.
    pub(crate) async fn open(server: &Server) -> Self {
        Self::open_path(server, "/v1/ws").await
    }

    pub(crate) async fn open_path(server: &Server, path: &str) -> Self {
        Self::ask(server.public, path, &[]).await.unwrap()
    }

    /// A WebSocket with these headers, or why there is none.
    pub(crate) async fn ask(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        Self::over(stream, address, path, headers).await
    }

    /// One whose kernel takes next to nothing that is not read.
    pub(crate) async fn open_narrow(server: &Server) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(server.public).await.unwrap();
        Self::over(stream, server.public, "/v1/ws", &[]).await.unwrap()
    }

    async fn over(
        stream: TcpStream,
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let mut request: Request<()> = format!("ws://{address}{path}").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let open = tokio_tungstenite::client_async(request, stream);
        Ok(Self(within("the upgrade", open).await?.0))
    }

    /// A session that follows these channels, welcomed: `(channel, since)`.
    pub(crate) async fn follow(server: &Server, link: &str, channels: &[(&str, Value)]) -> Self {
        let mut raw = Self::open(server).await;
        raw.hello(link, 1, channels).await;
        raw.expect("welcome").await;
        raw
    }

    /// Says hello.
    pub(crate) async fn hello(&mut self, link: &str, generation: u64, channels: &[(&str, Value)]) {
        let channels: Vec<Value> = channels
            .iter()
            .map(|(channel, since)| json!({"channel": channel, "since": since}))
            .collect();
        let hello =
            json!({"type": "hello", "link": link, "generation": generation, "channels": channels});
        self.says(&hello).await;
    }

    pub(crate) async fn says(&mut self, frame: &Value) {
        self.says_text(&frame.to_string()).await;
    }

    pub(crate) async fn says_text(&mut self, text: &str) {
        self.sends(Message::text(text)).await;
    }

    pub(crate) async fn sends(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// Puts bytes on the wire that may be no frame at all. Whether they were taken.
    pub(crate) async fn writes(&mut self, bytes: &[u8]) -> bool {
        let stream = self.0.get_mut();
        stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok()
    }

    /// The next frame but pings. P-43
    pub(crate) async fn hears(&mut self) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] != "ping" {
                return frame;
            }
            self.says(&json!({"type": "pong"})).await;
        }
    }

    /// Waits for the server's ping, and answers it.
    pub(crate) async fn answers_a_ping(&mut self) {
        let frame = self.next().await;
        assert_eq!(frame["type"], "ping", "{frame}");
        self.says(&json!({"type": "pong"})).await;
    }

    async fn next(&mut self) -> Value {
        loop {
            match within("a frame", self.0.next()).await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("a frame was expected, not {other:?}"),
            }
        }
    }

    /// The next frame, which must be of this type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let frame = self.hears().await;
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// The next frames, which must be the events with these offsets and `{"n": offset}`.
    pub(crate) async fn expect_events(&mut self, offsets: std::ops::RangeInclusive<u64>) {
        for offset in offsets {
            let event = self.expect("event").await;
            assert_eq!(event["offset"], offset, "{event}");
            assert_eq!(event["data"], json!({"n": offset}), "{event}");
        }
    }

    /// Reads on to the close frame; its code and reason.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let reading = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return (frame.code.into(), frame.reason.as_str().to_owned());
                    }
                    Some(Ok(Message::Close(None))) => return (1005, String::new()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return (1006, error.to_string()),
                    None => return (1006, "the stream ended".into()),
                }
            }
        };
        within("a close frame", reading).await
    }

    /// Sends a close frame and reads on to the server's: the frames before it, and its code.
    pub(crate) async fn frames_before_close(&mut self) -> (Vec<Value>, u16) {
        self.sends(Message::Close(None)).await;
        let mut frames = Vec::new();
        loop {
            match within("a close frame", self.0.next()).await {
                Some(Ok(Message::Text(text))) => {
                    frames.push(serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(Some(frame)))) => return (frames, frame.code.into()),
                other => panic!("a frame was expected, not {other:?} behind {}", frames.len()),
            }
        }
    }

    /// Closes politely and reads to the end.
    pub(crate) async fn closes(&mut self) {
        self.0.close(None).await.unwrap();
        self.closed().await;
    }
}
