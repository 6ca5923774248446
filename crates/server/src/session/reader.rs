//! Bytes to messages. A link that says nothing owns no buffer: every thread has one, and only what
//! is left of an unfinished message is kept.

use std::borrow::Cow;
use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use steadfast_websocket::{Inbound, InboundError, Limits, Message};
use tokio::io::{AsyncRead, ReadBuf};

/// What one read takes at most.
const READ_BYTES: usize = 16 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// One thing that came, in order.
#[derive(Debug)]
pub(super) enum ReadEvent {
    Text(String),
    Ping(Vec<u8>),
    Pong,
    Close {
        code: u16,
        reason: Box<str>,
    },
    /// Nothing after this can be read, but a close.
    Broken(InboundError),
    /// The socket is gone.
    Lost(Cow<'static, str>),
}

pub(super) struct Reader {
    inbound: Inbound,
    /// What came with the upgrade.
    ahead: Bytes,
}

impl Reader {
    pub(super) fn new(ahead: Bytes, message_bytes_max: usize) -> Self {
        let limits = Limits { message_bytes_max, ..Limits::default() };
        Self { inbound: Inbound::new(limits), ahead }
    }

    /// Whether the peer's close frame has come.
    pub(super) fn has_closed(&self) -> bool {
        self.inbound.has_closed()
    }

    /// The next messages; never none.
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
                        Ok(()) => feed(&mut self.inbound, buffer.filled_mut(), &mut heard),
                        Err(error) => heard.push(ReadEvent::Lost(error.to_string().into())),
                    }
                    Poll::Ready(())
                }));
            } else {
                let mut ahead = BytesMut::from(std::mem::take(&mut self.ahead));
                feed(&mut self.inbound, &mut ahead, &mut heard);
            }
            if !heard.is_empty() {
                return Poll::Ready(heard);
            }
        }
    }
}

fn feed(inbound: &mut Inbound, bytes: &mut [u8], heard: &mut Vec<ReadEvent>) {
    let mut feed = inbound.feed(bytes);
    loop {
        match feed.poll() {
            Ok(Some(message)) => heard.push(owned(message)),
            Ok(None) => return,
            // Only a close is looked for behind it.
            Err(error) => heard.push(ReadEvent::Broken(error)),
        }
    }
}

fn owned(message: Message<'_>) -> ReadEvent {
    match message {
        Message::Text(text) => ReadEvent::Text(text.into_owned()),
        Message::Ping(payload) => ReadEvent::Ping(payload.into_owned()),
        Message::Pong => ReadEvent::Pong,
        // 1005 is RFC 6455's word for a close frame without a code.
        Message::Close { code, reason } => {
            ReadEvent::Close { code: code.unwrap_or(1005), reason: reason.into() }
        }
    }
}
