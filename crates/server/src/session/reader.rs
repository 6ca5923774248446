//! Decodes the messages of a socket. A link that sends nothing owns no buffer: each thread has one,
//! and only the rest of an unfinished message is kept.

use std::borrow::Cow;
use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use steadfast_websocket::{Inbound, InboundError, Limits, Message};
use tokio::io::{AsyncRead, ReadBuf};

/// The most bytes of one read.
const READ_BYTES: usize = 16 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What was read, in order.
#[derive(Debug)]
pub(super) enum ReadEvent {
    Text(String),
    Ping(Vec<u8>),
    Pong,
    Close {
        code: u16,
        reason: Box<str>,
    },
    /// The bytes break the rules of WebSocket. Behind them only a close frame can be read.
    Broken(InboundError),
    /// The socket is closed or broken.
    Lost(Cow<'static, str>),
}

pub(super) struct Reader {
    inbound: Inbound,
    /// What arrived together with the upgrade request.
    ahead: Bytes,
}

impl Reader {
    /// Reads a first message of at most `first_bytes_max` bytes, and others of `then_bytes_max`.
    pub(super) fn new(ahead: Bytes, first_bytes_max: usize, then_bytes_max: usize) -> Self {
        let first_message_bytes_max = u32::try_from(first_bytes_max).unwrap_or(u32::MAX);
        let limits = Limits {
            message_bytes_max: then_bytes_max,
            first_message_bytes_max,
            ..Limits::default()
        };
        Self { inbound: Inbound::new(limits), ahead }
    }

    /// Whether the peer's close frame has arrived.
    pub(super) fn has_closed(&self) -> bool {
        self.inbound.has_closed()
    }

    /// Reads the next messages, at least one.
    pub(super) fn poll_heard<S: AsyncRead>(
        &mut self,
        context: &mut Context<'_>,
        mut stream: Pin<&mut S>,
    ) -> Poll<Vec<ReadEvent>> {
        loop {
            let mut heard = Vec::new();
            if self.ahead.is_empty() {
                ready!(SCRATCH.with_borrow_mut(|scratch| {
                    let mut buffer = ReadBuf::new(scratch);
                    let read = ready!(stream.as_mut().poll_read(context, &mut buffer));
                    match read {
                        Ok(()) if buffer.filled().is_empty() => {
                            heard.push(ReadEvent::Lost("the peer closed the connection".into()));
                        }
                        Ok(()) => self.feed(buffer.filled_mut(), &mut heard),
                        Err(error) => heard.push(ReadEvent::Lost(error.to_string().into())),
                    }
                    Poll::Ready(())
                }));
            } else {
                let mut ahead = BytesMut::from(std::mem::take(&mut self.ahead));
                self.feed(&mut ahead, &mut heard);
            }
            if !heard.is_empty() {
                return Poll::Ready(heard);
            }
        }
    }

    fn feed(&mut self, bytes: &mut [u8], heard: &mut Vec<ReadEvent>) {
        let mut feed = self.inbound.feed(bytes);
        loop {
            match feed.poll() {
                Ok(Some(message)) => heard.push(owned(message)),
                Ok(None) => return,
                // From here on only a close frame is looked for.
                Err(error) => heard.push(ReadEvent::Broken(error)),
            }
        }
    }
}

fn owned(message: Message<'_>) -> ReadEvent {
    match message {
        Message::Text(text) => ReadEvent::Text(text.into_owned()),
        Message::Ping(payload) => ReadEvent::Ping(payload.into_owned()),
        Message::Pong => ReadEvent::Pong,
        // RFC 6455 gives a close frame without a code the code 1005.
        Message::Close { code, reason } => {
            ReadEvent::Close { code: code.unwrap_or(1005), reason: reason.into() }
        }
    }
}
