//! What a sentinel says, and whatever a test wants it to say.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::testing::RedisServer;

/// A server that knows where the primary is, and nothing else.
pub(super) struct Sentinel {
    address: SocketAddr,
    primary: Arc<AtomicU16>,
}

impl Sentinel {
    pub(super) async fn start(primary: &RedisServer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let primary = Arc::new(AtomicU16::new(primary.port()));
        let port = Arc::clone(&primary);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&port)));
            }
        });
        Self { address, primary }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on this one is the primary.
    pub(super) fn points_to(&self, store: &RedisServer) {
        self.primary.store(store.port(), Ordering::SeqCst);
    }
}

/// Every command is a line that begins with `*`, and the lines behind it.
async fn answer(mut stream: TcpStream, primary: Arc<AtomicU16>) {
    let mut heard = vec![0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut heard).await {
        let text = String::from_utf8_lossy(&heard[..len]).into_owned();
        for command in text.split('*').skip(1) {
            let answer = if command.contains("get-master-addr-by-name") {
                let port = primary.load(Ordering::SeqCst).to_string();
                format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len())
            } else {
                "+OK\r\n".to_owned()
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}
