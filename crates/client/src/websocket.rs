//! A WebSocket over a stream, in two halves: messages as they come, and frames that go out. In:
//! bytes of the stream, texts to send. Out: messages, or why there are no more. Framing and
//! compression are the crate `steadfast-websocket`. Must not know: what a message says.

use std::cell::RefCell;
use std::io;

use bytes::Bytes;
use steadfast_websocket::deflate::LEVEL;
use steadfast_websocket::outbound::{self, Masked, message_frame};
use steadfast_websocket::{
    Deflater, Framing, Inbound, InboundError, Inflater, Limits, Message, Role,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::connector::Stream;
use crate::upgrade::Upgraded;

/// What is read from a socket at a time, in bytes.
const BUFFER_BYTES: usize = 8 * 1024;
/// The smallest message that is sent compressed, in bytes.
const COMPRESSED_BYTES_MIN: usize = 300;

// One of each for a thread, so that a socket at rest keeps nothing.
thread_local! {
    static INFLATER: RefCell<Inflater> = RefCell::new(Inflater::default());
    static DEFLATER: RefCell<Deflater> = const { RefCell::new(Deflater::new(LEVEL)) };
}

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Text(String),
    Ping(Vec<u8>),
    Pong,
    Close { code: Option<u16>, reason: String },
}

/// Why nothing more is to be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The stream has ended or is broken.
    Lost,
    /// The server broke the rules or a limit.
    Broken(InboundError),
}

/// The half that reads.
#[derive(Debug)]
pub(crate) struct SocketReader {
    stream: ReadHalf<Stream>,
    inbound: Inbound,
    /// What was read; the first `taken` bytes of it are done with.
    buffer: Vec<u8>,
    taken: usize,
}

/// The half that writes.
#[derive(Debug)]
pub(crate) struct SocketWriter {
    stream: WriteHalf<Stream>,
    is_compressed: bool,
}

/// Both halves of a WebSocket whose messages have at most `message_bytes_max` bytes.
pub(crate) fn halves(upgraded: Upgraded, message_bytes_max: usize) -> (SocketReader, SocketWriter) {
    let Upgraded { stream, ahead, is_compressed } = upgraded;
    let limits = Limits { message_bytes_max, ..Limits::default() };
    let framing = Framing { role: Role::Client, is_compressed, ..Framing::default() };
    let inbound = Inbound::with(limits, framing);
    let (reading, writing) = tokio::io::split(stream);
    let reader = SocketReader { stream: reading, inbound, buffer: ahead.into(), taken: 0 };
    (reader, SocketWriter { stream: writing, is_compressed })
}

impl SocketReader {
    /// The next message. Safe to drop and to call again.
    pub(crate) async fn next(&mut self) -> Result<Received, ReadError> {
        loop {
            if let Some(received) = self.parse().map_err(ReadError::Broken)? {
                return Ok(received);
            }
            self.buffer.clear();
            self.buffer.reserve(BUFFER_BYTES);
            self.taken = 0;
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Err(ReadError::Lost),
                Ok(_) => {}
            }
        }
    }

    /// The next message of what was read.
    fn parse(&mut self) -> Result<Option<Received>, InboundError> {
        let rest = self.buffer.get_mut(self.taken..).unwrap_or_default();
        INFLATER.with_borrow_mut(|inflater| {
            let mut feed = self.inbound.feed_with(rest, inflater);
            let message = feed.poll()?.map(owned).transpose()?;
            self.taken += feed.consumed();
            Ok(message)
        })
    }
}

fn owned(message: Message<'_>) -> Result<Received, InboundError> {
    Ok(match message {
        Message::Text(text) => Received::Text(text.into_owned()),
        // It was refused ahead of its payload.
        Message::Binary(_) => return Err(InboundError::Binary),
        Message::Ping(payload) => Received::Ping(payload.into_owned()),
        Message::Pong => Received::Pong,
        Message::Close { code, reason } => Received::Close { code, reason: reason.into_owned() },
    })
}

impl SocketWriter {
    /// Sends a text, compressed where that was agreed and it becomes much smaller.
    pub(crate) async fn text(&mut self, text: &str) -> io::Result<()> {
        let may_compress = self.is_compressed && text.len() >= COMPRESSED_BYTES_MIN;
        let compress = |deflater: &mut Deflater| deflater.deflate(text.as_bytes());
        let compressed = may_compress.then(|| DEFLATER.with_borrow_mut(compress)).flatten();
        match compressed {
            Some(compressed) => self.frame(&message_frame(&compressed, false, true)).await,
            None => self.frame(&outbound::text_frame(text)).await,
        }
    }

    /// Answers a ping.
    pub(crate) async fn pong(&mut self, payload: &[u8]) -> io::Result<()> {
        self.frame(&outbound::pong_frame(payload)).await
    }

    /// Says goodbye.
    pub(crate) async fn close(&mut self, code: Option<u16>) -> io::Result<()> {
        // A close without a code is answered by one that says that nothing is wrong.
        self.frame(&outbound::close_frame(code.unwrap_or(1000), "")).await
    }

    /// Says that nothing more comes.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    async fn frame(&mut self, frame: &Bytes) -> io::Result<()> {
        let mut key = [0; 4];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        self.stream.write_all(Masked::new(frame, key).as_ref()).await?;
        self.stream.flush().await
    }
}
