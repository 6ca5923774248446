//! Decodes the messages of a socket. A link that sends nothing owns no buffer: each thread has one,
//! and only the rest of an unfinished message is kept.

use std::borrow::Cow;
use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use steadfast_websocket::{Framing, Inbound, InboundError, Inflater, Limits, Message};
use tokio::io::{AsyncRead, ReadBuf};

/// The most bytes of one read.
const READ_BYTES: usize = 16 * 1024;

/// Messages of more text than this in one read are handled before any further one is looked at: a
/// few bytes of compressed messages may be a thousand times as much text.
const TEXT_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// What a thread reads with.
struct Scratch {
    buffer: Vec<u8>,
    inflater: Inflater,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { buffer: vec![0; READ_BYTES], inflater: Inflater::default() }
    }
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
    /// What arrived and was not looked at: with the upgrade request, or behind much text.
    ahead: Bytes,
}

impl Reader {
    /// Reads a first message of at most `first_bytes_max` bytes, and others of `then_bytes_max`,
    /// compressed ones too where that was agreed.
    pub(super) fn new(
        ahead: Bytes,
        first_bytes_max: usize,
        then_bytes_max: usize,
        is_compressed: bool,
    ) -> Self {
        let first_message_bytes_max = u32::try_from(first_bytes_max).unwrap_or(u32::MAX);
        let limits = Limits {
            message_bytes_max: then_bytes_max,
            first_message_bytes_max,
            ..Limits::default()
        };
        let framing = Framing { is_compressed, ..Framing::default() };
        Self { inbound: Inbound::with(limits, framing), ahead }
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
                ready!(SCRATCH.with_borrow_mut(|Scratch { buffer, inflater }| {
                    let mut buffer = ReadBuf::new(buffer);
                    let read = ready!(stream.as_mut().poll_read(context, &mut buffer));
                    match read {
                        Ok(()) if buffer.filled().is_empty() => {
                            heard.push(ReadEvent::Lost("the peer closed the connection".into()));
                        }
                        Ok(()) => self.feed(buffer.filled_mut(), inflater, &mut heard),
                        Err(error) => heard.push(ReadEvent::Lost(error.to_string().into())),
                    }
                    Poll::Ready(())
                }));
            } else {
                let mut ahead = BytesMut::from(std::mem::take(&mut self.ahead));
                SCRATCH.with_borrow_mut(|Scratch { inflater, .. }| {
                    self.feed(&mut ahead, inflater, &mut heard);
                });
            }
            if !heard.is_empty() {
                return Poll::Ready(heard);
            }
        }
    }

    fn feed(&mut self, bytes: &mut [u8], inflater: &mut Inflater, heard: &mut Vec<ReadEvent>) {
        let mut feed = self.inbound.feed_with(bytes, inflater);
        let mut text_bytes = 0;
        while text_bytes <= TEXT_BYTES {
            match feed.poll() {
                Ok(Some(message)) => {
                    if let Message::Text(text) = &message {
                        text_bytes += text.len();
                    }
                    heard.push(owned(message));
                }
                Ok(None) => return,
                // From here on only a close frame is looked for.
                Err(error) => heard.push(ReadEvent::Broken(error)),
            }
        }
        let consumed = feed.consumed();
        self.ahead = Bytes::copy_from_slice(bytes.get(consumed..).unwrap_or_default());
    }
}

fn owned(message: Message<'_>) -> ReadEvent {
    match message {
        Message::Text(text) => ReadEvent::Text(text.into_owned()),
        // It was refused ahead of its payload.
        Message::Binary(_) => ReadEvent::Broken(InboundError::Binary),
        Message::Ping(payload) => ReadEvent::Ping(payload.into_owned()),
        Message::Pong => ReadEvent::Pong,
        // RFC 6455 gives a close frame without a code the code 1005.
        Message::Close { code, reason } => {
            ReadEvent::Close { code: code.unwrap_or(1005), reason: reason.into() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{READ_BYTES, ReadEvent, Reader, TEXT_BYTES};
    use bytes::Bytes;
    use std::future::poll_fn;
    use std::pin::Pin;
    use steadfast_websocket::Deflater;
    use steadfast_websocket::outbound::{Masked, message_frame};

    const LIMIT: usize = 60_000;

    fn frame(text: &[u8], is_compressed: bool) -> Vec<u8> {
        let packed = Deflater::new(6).sync_flushed(text).unwrap();
        let payload = if is_compressed { &packed } else { text };
        Masked::new(&message_frame(payload, false, is_compressed), [1, 2, 3, 4]).as_ref().to_vec()
    }

    /// One read may bring a thousand times as much text as bytes.
    #[tokio::test]
    async fn however_much_a_read_inflates_to_little_of_it_is_held() {
        let large = frame(&vec![b'a'; LIMIT], true);
        let wire = [large.repeat(100), frame(b"last", false)].concat();
        assert!(wire.len() < READ_BYTES, "{}", wire.len());
        let ahead = Bytes::from(wire);
        let mut reader = Reader::new(ahead, LIMIT, LIMIT, true);
        let mut stream = tokio::io::empty();
        let (mut count, mut last) = (0, 0);
        while count < 101 {
            let heard = poll_fn(|context| reader.poll_heard(context, Pin::new(&mut stream))).await;
            let texts = heard.iter().map(|one| {
                let ReadEvent::Text(text) = one else { panic!("{one:?}") };
                text.len()
            });
            let sizes: Vec<usize> = texts.collect();
            assert!(sizes.iter().sum::<usize>() <= TEXT_BYTES + LIMIT, "{sizes:?}");
            count += sizes.len();
            last = *sizes.last().unwrap();
        }
        assert_eq!((count, last), (101, 4));
    }

    /// P-162
    #[tokio::test]
    async fn a_bit_that_was_not_agreed_is_broken_and_a_bomb_is_too() {
        for (is_compressed, code) in [(false, 1002), (true, 1009)] {
            let bomb = frame(&vec![b'a'; LIMIT + 1], true);
            let mut reader = Reader::new(bomb.into(), LIMIT, LIMIT, is_compressed);
            let mut stream = tokio::io::empty();
            let heard = poll_fn(|context| reader.poll_heard(context, Pin::new(&mut stream))).await;
            let [ReadEvent::Broken(error)] = &heard[..] else { panic!("{heard:?}") };
            assert_eq!(error.close_code(), code);
        }
    }
}
