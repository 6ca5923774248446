//! The body of the answer to a poll: text around events. In: pages. Out: pieces of bytes, each made
//! when the socket has room for it. Events stay shared with history until then, and a large one is
//! never copied.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use steadfast_history::{Page, Publication};
use steadfast_protocol::ChannelName;

use super::answer_budget::AnswerShare;

/// A piece is at least this long, unless it is the last, and larger events are not copied into one.
const PIECE_BYTES: usize = 16 * 1024;

/// A large event comes in pieces of so many bytes.
const LARGE_PIECE_BYTES: usize = 64 * 1024;

/// The body of an answer.
#[derive(Debug)]
pub(super) struct PollAnswer {
    parts: VecDeque<AnswerPart>,
    /// Bytes that are still to come.
    bytes: u64,
    share: AnswerShare,
    /// The rest of a large event, behind a piece that ended before it, and what it holds.
    large: Option<(Bytes, usize)>,
    /// What the last piece holds of the share: its bytes are written once the next is asked for.
    held: usize,
}

#[derive(Debug)]
enum AnswerPart {
    Text(Box<str>),
    Event { event: Arc<Publication>, is_first: bool },
}

impl PollAnswer {
    /// An empty body, which holds `share` for the events that it will have.
    pub(super) const fn new(share: AnswerShare) -> Self {
        Self { parts: VecDeque::new(), bytes: 0, share, large: None, held: 0 }
    }

    /// Appends text.
    pub(super) fn push_text(&mut self, text: impl Into<Box<str>>) {
        let text = text.into();
        self.bytes += text.len() as u64;
        self.parts.push_back(AnswerPart::Text(text));
    }

    /// Appends a page. `next_poll_ms` is given if the page has its own pause.
    pub(super) fn push_page(
        &mut self,
        page: Page,
        channel: &ChannelName,
        next_poll_ms: Option<u64>,
    ) {
        let (epoch, end) = (&page.start.epoch, page.end);
        self.push_text(format!(
            r#"{{"channel":"{channel}","epoch":"{epoch}","offset":{end},"events":["#
        ));
        let gap = serde_json::to_string(&page.gap).unwrap_or_else(|_| "null".to_owned());
        let mut tail = format!(r#"],"final":{},"gap":{gap}"#, page.reaches_the_end());
        for (at, event) in page.events.into_iter().enumerate() {
            let part = AnswerPart::Event { event, is_first: at == 0 };
            self.bytes += part.len() as u64;
            self.parts.push_back(part);
        }
        if let Some(ms) = next_poll_ms {
            // Text can always be written to a string.
            let _ = write!(tail, r#","next_poll_ms":{ms}"#);
        }
        tail.push('}');
        self.push_text(tail);
    }

    fn next_piece(&mut self) -> Option<Bytes> {
        self.share.release(std::mem::take(&mut self.held));
        if let Some((mut large, held)) = self.large.take() {
            let piece = large.split_to(large.len().min(LARGE_PIECE_BYTES));
            self.held = if large.is_empty() { held } else { piece.len().min(held) };
            if !large.is_empty() {
                self.large = Some((large, held - self.held));
            }
            return Some(piece);
        }
        let mut piece = BytesMut::new();
        while piece.len() < PIECE_BYTES {
            match self.parts.pop_front() {
                None if piece.is_empty() => return None,
                None => break,
                Some(AnswerPart::Text(text)) => piece.put_slice(text.as_bytes()),
                Some(AnswerPart::Event { event, is_first }) => {
                    piece.put_slice(opening(is_first));
                    let entry = event.encoded.entry();
                    if entry.len() >= PIECE_BYTES {
                        let large = event.encoded.frame().slice_ref(entry);
                        self.large = Some((large, event.encoded.len()));
                        break;
                    }
                    piece.put_slice(entry);
                    self.held += event.encoded.len();
                }
            }
        }
        Some(piece.freeze())
    }
}

impl AnswerPart {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Event { event, is_first } => {
                opening(*is_first).len() + event.encoded.entry().len()
            }
        }
    }
}

const fn opening(is_first: bool) -> &'static [u8] {
    if is_first { b"{" } else { b",{" }
}

impl HttpBody for PollAnswer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.next_piece();
        self.bytes -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}

#[cfg(test)]
mod tests;
