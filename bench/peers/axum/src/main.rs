//! What a Rust user writes in an afternoon: axum, a broadcast line for each channel, a task for
//! each socket; its sockets are tuned (small read buffer, no write buffer, no delay, a long
//! backlog). In: two ports. Out: what is published, to each socket of the channel.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

const BACKLOG: i32 = 4096;
const WAITING_MAX: usize = 1024;
const READ_BUFFER_BYTES: usize = 4096;

#[derive(Clone, Default)]
struct Channels(Arc<Mutex<HashMap<String, broadcast::Sender<Utf8Bytes>>>>);

impl Channels {
    fn follow(&self, name: &str) -> broadcast::Receiver<Utf8Bytes> {
        let mut all = self.0.lock().unwrap();
        let line = all.entry(name.to_owned());
        line.or_insert_with(|| broadcast::channel(WAITING_MAX).0).subscribe()
    }

    fn publish(&self, name: &str, data: &str) {
        if let Some(line) = self.0.lock().unwrap().get(name) {
            let _ = line.send(data.into());
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ports: Vec<u16> = std::env::args().skip(1).filter_map(|port| port.parse().ok()).collect();
    let channels = Channels::default();
    tokio::spawn(take_publishers(TcpListener::bind(here(ports[1])).await?, channels.clone()));
    let router = Router::new().route("/sub/{channel}", get(upgrade)).with_state(channels);
    let listener = listen(here(ports[0]))?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

fn here(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

async fn upgrade(
    State(channels): State<Channels>,
    Path(channel): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let events = channels.follow(&channel);
    let upgrade = upgrade.read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(0);
    upgrade.on_upgrade(|socket| serve(socket, events))
}

async fn serve(socket: WebSocket, mut events: broadcast::Receiver<Utf8Bytes>) {
    let (mut sink, mut stream) = socket.split();
    loop {
        tokio::select! {
            event = events.recv() => {
                let Ok(event) = event else { return };
                if sink.send(Message::Text(event)).await.is_err() {
                    return;
                }
            }
            said = stream.next() => {
                if !matches!(said, Some(Ok(_))) {
                    return;
                }
            }
        }
    }
}

async fn take_publishers(listener: TcpListener, channels: Channels) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(take_lines(stream, channels.clone()));
    }
}

async fn take_lines(stream: TcpStream, channels: Channels) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some((channel, data)) = line.split_once(' ') {
            channels.publish(channel, data);
        }
    }
}
