//! One connection of an attacker, byte by byte. In: where to, and bytes of any kind. Out: heads,
//! answers, frames, and how the connection ended. Everything has a time and a size at most.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::frame::{self, Received};

/// How long a server has for anything. Its own longest time here is the 10 s of a handshake.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most bytes of one answer or frame.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// A connection, in the clear or in TLS.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A connection.
pub struct Wire {
    transport: Box<dyn Transport>,
    read: Vec<u8>,
}

/// An answer over HTTP.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    /// The body, as far as the head says that there is one.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The code of a problem, or nothing.
    pub fn code(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        json["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(one, _)| *one == name).map(|(_, value)| value)
    }
}

/// A socket of ours: it reads as little as `receive_bytes` says, and its end is a reset, since an
/// attacker says no goodbye and must not run out of ports.
pub async fn connect(
    to: SocketAddr,
    from: Option<Ipv4Addr>,
    receive_bytes: Option<u32>,
) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = receive_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(from) = from {
        socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
    }
    let connecting = tokio::time::timeout(PATIENCE, socket.connect(to));
    let stream = connecting.await.context("no connection in time")?.context("no connection")?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(stream)
}

impl Wire {
    /// A connection over this.
    pub fn over(transport: impl Transport + 'static) -> Self {
        Self { transport: Box::new(transport), read: Vec::new() }
    }

    /// A connection to a server.
    pub async fn to(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self::over(connect(address, None, None).await?))
    }

    /// A connection that takes next to nothing of what is not read.
    pub async fn narrow(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self::over(connect(address, None, Some(2048)).await?))
    }

    /// Sends bytes. Whether they were accepted: a server may have hung up before, as it should.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        let sending = async {
            self.transport.write_all(bytes).await?;
            self.transport.flush().await
        };
        matches!(tokio::time::timeout(PATIENCE, sending).await, Ok(Ok(())))
    }

    /// Sends bytes for as long as the server takes them; how many it took.
    pub async fn push(&mut self, bytes: &[u8], patience: Duration) -> usize {
        let mut sent = 0;
        let sending = async {
            while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
                match self.transport.write(rest).await {
                    Ok(count) if count > 0 => sent += count,
                    _ => return,
                }
            }
        };
        drop(tokio::time::timeout(patience, sending).await);
        sent
    }

    /// The end of what we send; the server may go on.
    pub async fn finish(&mut self) {
        drop(tokio::time::timeout(PATIENCE, self.transport.shutdown()).await);
    }

    /// Reads more. False at the end, which a reset is too.
    async fn more(&mut self) -> anyhow::Result<bool> {
        if self.read.len() > BYTES_MAX {
            bail!("more than {BYTES_MAX} bytes came");
        }
        let reading = self.transport.read_buf(&mut self.read);
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(read) => Ok(read.unwrap_or(0) > 0),
            Err(_) => bail!("nothing came for {} s", PATIENCE.as_secs()),
        }
    }

    /// The next whole answer. A 1xx is answered by what follows it, but for an upgrade.
    pub async fn answer(&mut self) -> anyhow::Result<HttpAnswer> {
        let (status, head) = self.head().await?;
        let of_name = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(one, _)| *one == name).map(|(_, value)| value.to_owned())
        };
        let length = of_name("content-length").map_or(Ok(0), |value| value.parse())?;
        while self.read.len() < length {
            if !self.more().await? {
                bail!("the connection ended in a body");
            }
        }
        let body = self.read.drain(..length).collect();
        Ok(HttpAnswer { status, head, body })
    }

    /// The next head: its status, and all of it in lower case.
    pub async fn head(&mut self) -> anyhow::Result<(u16, String)> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await? {
                bail!("the connection ended without an answer");
            }
        };
        let bytes: Vec<u8> = self.read.drain(..end).collect();
        let head = String::from_utf8_lossy(&bytes).to_lowercase();
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        Ok((status.with_context(|| format!("no status in {head:?}"))?, head))
    }

    /// The next frame; none at the end of the connection.
    pub async fn frame(&mut self) -> anyhow::Result<Option<Received>> {
        loop {
            match frame::received(&self.read).map_err(anyhow::Error::msg)? {
                Some((frame, length)) => {
                    self.read.drain(..length);
                    return Ok(Some(frame));
                }
                None if self.more().await? => {}
                None => return Ok(None),
            }
        }
    }

    /// All that still comes, up to the end of the connection.
    pub async fn rest(&mut self) -> anyhow::Result<Vec<u8>> {
        while self.more().await? {}
        Ok(std::mem::take(&mut self.read))
    }

    /// Reads at most this much, for this long; whether the connection has ended.
    pub async fn sip(&mut self, patience: Duration) -> bool {
        let mut bytes = [0; 2048];
        match tokio::time::timeout(patience, self.transport.read(&mut bytes)).await {
            Ok(read) => read.unwrap_or(0) == 0,
            Err(_) => false,
        }
    }

    /// Reads at most so many bytes of what is there.
    pub async fn sip_bytes(&mut self, count: usize) {
        let mut bytes = vec![0; count];
        let reading = self.transport.read(&mut bytes);
        drop(tokio::time::timeout(Duration::from_millis(1), reading).await);
    }

    /// Asks for a WebSocket, and reads the answer to that.
    pub async fn upgrade(&mut self, path: &str, headers: &str) -> anyhow::Result<HttpAnswer> {
        if !self.send(upgrade(path, headers).as_bytes()).await {
            bail!("the request for a WebSocket was not taken");
        }
        self.answer().await
    }
}

/// A request for a WebSocket, with these lines more.
pub fn upgrade(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n{headers}\r\n"
    )
}
