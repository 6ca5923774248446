//! Frames that are written to one socket, joined into as few writes as possible.
//!
//! In: payloads and whole frames. Out: vectored writes, with no copy of a payload, going on
//! after any short write. Holds nothing once all is written.
//! Must not know: where frames come from, what to do with a peer that does not read.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use steadfast_websocket::Header;
use steadfast_websocket::outbound::{compressed_text_header, text_header};

/// The slices of one write. Systems accept 1024, but more than this gains nothing.
const SLICES_MAX: usize = 128;

/// The limits of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// The most frames. Default 256, at least 1.
    pub frames_max: usize,
    /// The most bytes, headers included. One frame alone may be longer. Default 64 KiB.
    pub bytes_max: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { frames_max: 256, bytes_max: 64 * 1024 }
    }
}

/// Frames being written to one socket, in order.
#[derive(Debug, Default)]
pub struct Batch {
    limits: BatchLimits,
    frames: VecDeque<Frame>,
    /// How many bytes of the first frame are written.
    written: usize,
    /// How many bytes of all frames are not written.
    bytes: usize,
}

#[derive(Debug)]
struct Frame {
    /// `None` if the payload is a whole frame.
    header: Option<Header>,
    payload: Bytes,
}

impl Batch {
    /// An empty batch.
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds a text frame around `payload`, which must be UTF-8. Gives it back when the batch is
    /// full: write first.
    pub fn push_text(&mut self, payload: Bytes) -> Result<(), Bytes> {
        self.push(Frame { header: Some(text_header(payload.len())), payload })
    }

    /// Adds a text frame around the compressed copy of a text. Gives it back when the batch is
    /// full: write first.
    pub fn push_compressed(&mut self, copy: Bytes) -> Result<(), Bytes> {
        self.push(Frame { header: Some(compressed_text_header(copy.len())), payload: copy })
    }

    /// Adds a whole frame, header included. Gives it back when the batch is full: write first.
    pub fn push_frame(&mut self, frame: Bytes) -> Result<(), Bytes> {
        self.push(Frame { header: None, payload: frame })
    }

    /// Puts bytes before everything else: the rest of a frame that was begun elsewhere. If there
    /// are any, nothing of the batch may have been written.
    pub fn put_first(&mut self, rest: Bytes) {
        if !rest.is_empty() {
            debug_assert!(self.written == 0, "a frame of the batch has been begun");
            self.bytes = self.bytes.saturating_add(rest.len());
            self.frames.push_front(Frame { header: None, payload: rest });
        }
    }

    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// How many bytes are yet to be written, headers included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// For how many frames there is memory; 0 when the batch is empty.
    pub fn capacity(&self) -> usize {
        self.frames.capacity()
    }

    /// Writes everything, then flushes. After `Pending` or a dropped future, call it again with the
    /// same writer: it continues where it was. An error is the writer's, or `WriteZero`.
    pub fn poll_write<W: AsyncWrite>(
        &mut self,
        context: &mut Context<'_>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = self.fill(&mut slices);
            let write = writer.as_mut().poll_write_vectored(context, &slices[..count]);
            match ready!(write)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.advance(written),
            }
        }
        writer.poll_flush(context)
    }

    /// [`Batch::poll_write`] as a future. Safe to drop and to call again.
    pub async fn write<W: AsyncWrite + Unpin>(&mut self, writer: &mut W) -> io::Result<()> {
        poll_fn(|context| self.poll_write(context, Pin::new(&mut *writer))).await
    }

    fn push(&mut self, frame: Frame) -> Result<(), Bytes> {
        let bytes = self.bytes.saturating_add(frame.len());
        let full = self.frames.len() >= self.limits.frames_max || bytes > self.limits.bytes_max;
        if full && !self.is_empty() {
            return Err(frame.payload);
        }
        // A frame without bytes would never be removed.
        if frame.len() > 0 {
            self.bytes = bytes;
            self.frames.push_back(frame);
        }
        Ok(())
    }

    /// Points `slices` at the bytes that come next. Returns how many slices it used.
    fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let mut skip = self.written;
        let mut count = 0;
        for part in self.frames.iter().flat_map(Frame::parts) {
            if count == SLICES_MAX {
                break;
            }
            if skip >= part.len() {
                skip -= part.len();
                continue;
            }
            slices[count] = IoSlice::new(&part[skip..]);
            count += 1;
            skip = 0;
        }
        count
    }

    /// Removes the frames that are fully written, and frees all memory with the last one.
    fn advance(&mut self, written: usize) {
        self.written += written;
        self.bytes = self.bytes.saturating_sub(written);
        while let Some(frame) = self.frames.pop_front_if(|frame| frame.len() <= self.written) {
            self.written -= frame.len();
        }
        if self.frames.is_empty() {
            *self = Self::new(self.limits);
        }
    }
}

impl Frame {
    fn parts(&self) -> [&[u8]; 2] {
        [self.header.as_ref().map_or(&[], AsRef::as_ref), &self.payload]
    }

    fn len(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }
}

#[cfg(test)]
mod tests;
