//! Just enough HTTP/1.1 for a trial to cost less than what it tries: one connection, one request at
//! a time, written and read as plain bytes. In: a path and a body. Out: a status and a body.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// One connection that is kept.
#[derive(Debug)]
pub struct Wire {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
    out: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        let text = || String::from_utf8_lossy(&self.body).into_owned();
        serde_json::from_slice(&self.body).with_context(text)
    }
}

impl Wire {
    /// Connects.
    pub async fn to(host: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host, out: Vec::new() })
    }

    /// Posts an event to a channel, with an idempotency key.
    pub async fn publish(&mut self, channel: &str, key: &str, body: &str) -> anyhow::Result<Reply> {
        self.out.clear();
        let (host, length) = (self.host, body.len());
        self.out.extend_from_slice(
            format!(
                "POST /v1/channels/{channel}/events HTTP/1.1\r\nhost: {host}\r\n\
                 content-type: application/json\r\nidempotency-key: {key}\r\n\
                 content-length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
        self.stream.write_all(&self.out).await?;
        self.reply().await
    }

    /// Gets what is at `target`.
    pub async fn get(&mut self, target: &str) -> anyhow::Result<Reply> {
        self.ask(target).await?;
        self.reply().await
    }

    /// Begins to get what does not end; the connection is the stream from here on.
    pub async fn stream(mut self, target: &str) -> anyhow::Result<BufReader<TcpStream>> {
        self.ask(target).await?;
        let (status, _) = self.head().await?;
        if status != 200 {
            bail!("{target} answers {status}");
        }
        Ok(self.stream)
    }

    async fn ask(&mut self, target: &str) -> anyhow::Result<()> {
        let request = format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host);
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }

    async fn reply(&mut self) -> anyhow::Result<Reply> {
        let (status, length) = self.head().await?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok(Reply { status, body })
    }

    /// The status and the length of the body.
    async fn head(&mut self) -> anyhow::Result<(u16, usize)> {
        let (mut status, mut length) = (None, 0);
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line).await? == 0 {
                bail!("the connection has ended");
            }
            let text = line.trim_end();
            if text.is_empty() {
                return Ok((status.context("an answer without a status")?, length));
            }
            if status.is_none() {
                status = Some(text.split(' ').nth(1).context("no status")?.parse()?);
            } else if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
    }
}
