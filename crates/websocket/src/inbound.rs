//! From a peer's bytes to whole messages.
//!
//! In: whatever arrived, split anywhere. Out: messages in order, or one error that says with
//! which code to close. A message that lies whole within the bytes fed is borrowed from them;
//! only an unfinished one is kept, and its buffer goes with the message. A compressed one is
//! kept as it came, and inflated once it is whole.
//! Must not know: what a message says, how bytes arrive.

mod buffer;
mod error;
mod framing;
mod header;
mod message;

pub use error::InboundError;
pub use framing::{Framing, Limits, Role};
pub use message::Message;

use std::borrow::Cow;
use std::mem;
use std::ops::Range;

use crate::deflate::Inflater;
use buffer::append;
use header::{Frame, HEADER_BYTES_MAX, Kind};

/// The receiving half of one WebSocket connection, after the upgrade.
#[derive(Debug)]
pub struct Inbound {
    limits: Limits,
    framing: Framing,
    /// The first bytes of a header that has not arrived whole.
    header: [u8; HEADER_BYTES_MAX],
    header_bytes: u8,
    /// The frame whose payload is due.
    frame: Option<Frame>,
    /// What has arrived of an unfinished message, compressed where it is.
    text: Vec<u8>,
    /// What has arrived of an unfinished control frame, which may lie between two fragments.
    control: Vec<u8>,
    /// How much of `text` is known to be UTF-8.
    checked: usize,
    fragments_open: bool,
    /// Whether the message that is open, or was last, is a binary one.
    is_binary: bool,
    /// Whether it is compressed.
    is_compressed: bool,
    empty_fragments: u32,
    state: State,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// An error was handed out. Nothing is read any more but where frames end, up to a close.
    Broken,
    /// The peer's close has passed.
    Closed,
}

/// Bytes being taken apart: see [`Inbound::feed`].
#[derive(Debug)]
pub struct Feed<'a> {
    inbound: &'a mut Inbound,
    /// Where compression was agreed.
    inflater: Option<&'a mut Inflater>,
    bytes: &'a mut [u8],
    consumed: usize,
}

/// Where a finished payload lies.
enum Payload {
    Fed(Range<usize>),
    Kept(Vec<u8>),
}

impl Inbound {
    /// A client's connection to a server that has received nothing, and takes no binary messages.
    pub fn new(limits: Limits) -> Self {
        Self::with(limits, Framing::default())
    }

    /// A connection that has received nothing.
    pub fn with(limits: Limits, framing: Framing) -> Self {
        Self {
            limits,
            framing,
            header: [0; HEADER_BYTES_MAX],
            header_bytes: 0,
            frame: None,
            text: Vec::new(),
            control: Vec::new(),
            checked: 0,
            fragments_open: false,
            is_binary: false,
            is_compressed: false,
            empty_fragments: 0,
            state: State::Open,
        }
    }

    /// Takes the bytes that arrived next. Call [`Feed::poll`] until it gives `None`; the bytes
    /// are unmasked in place, so they cannot be fed again.
    pub fn feed<'a>(&'a mut self, bytes: &'a mut [u8]) -> Feed<'a> {
        Feed { inbound: self, inflater: None, bytes, consumed: 0 }
    }

    /// The same with what compressed messages need, for a connection that may agree to those.
    pub fn feed_with<'a>(
        &'a mut self,
        bytes: &'a mut [u8],
        inflater: &'a mut Inflater,
    ) -> Feed<'a> {
        let inflater = self.framing.is_compressed.then_some(inflater);
        Feed { inbound: self, inflater, bytes, consumed: 0 }
    }

    /// How many bytes of buffer are held; 0 unless a message or control frame is unfinished.
    pub fn capacity(&self) -> usize {
        self.text.capacity() + self.control.capacity()
    }

    /// Whether a close frame or an error was handed out. What arrives afterwards is ignored, but
    /// for a close frame behind an error.
    pub fn has_ended(&self) -> bool {
        self.state != State::Open
    }

    /// Whether the peer's close frame has passed: nothing more is to be expected of it.
    pub fn has_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Takes header bytes from the front of `bytes` and says how many.
    fn take_header(&mut self, bytes: &[u8], may_compress: bool) -> Result<usize, InboundError> {
        let (had, has) = self.collect_header(bytes);
        let role = self.framing.role;
        let Some((frame, used)) = header::parse(&self.header[..has], role)? else {
            self.header_bytes = u8::try_from(has).unwrap_or(0);
            return Ok(has - had);
        };
        if frame.is_compressed && !may_compress {
            return Err(InboundError::ReservedBits);
        }
        self.admit(frame)?;
        self.header_bytes = 0;
        self.frame = Some(frame);
        Ok(used - had)
    }

    /// Copies what may belong to a header; how many bytes of it there were and are.
    fn collect_header(&mut self, bytes: &[u8]) -> (usize, usize) {
        let had = usize::from(self.header_bytes);
        let has = had + bytes.len().min(HEADER_BYTES_MAX - had);
        self.header[had..has].copy_from_slice(&bytes[..has - had]);
        (had, has)
    }

    /// Judges a frame by what came before it, ahead of any byte of its payload.
    fn admit(&mut self, frame: Frame) -> Result<(), InboundError> {
        match frame.kind {
            Kind::Close | Kind::Ping | Kind::Pong => return Ok(()),
            Kind::Continuation if !self.fragments_open => {
                return Err(InboundError::ContinuationUnexpected);
            }
            Kind::Text | Kind::Binary if self.fragments_open => {
                return Err(InboundError::MessageUnfinished);
            }
            Kind::Binary if !self.framing.is_binary_taken => return Err(InboundError::Binary),
            Kind::Text | Kind::Binary => {
                self.is_binary = frame.kind == Kind::Binary;
                self.is_compressed = frame.is_compressed;
            }
            Kind::Continuation => {}
        }
        let bytes = frame.remaining.saturating_add(self.text.len() as u64);
        if bytes > self.kept_bytes_max() as u64 {
            let max = self.message_bytes_max();
            return Err(InboundError::MessageTooLong { bytes, max });
        }
        if frame.remaining == 0 && (self.fragments_open || !frame.is_final) {
            self.empty_fragments += 1;
            if self.empty_fragments > self.limits.empty_fragments_max {
                let max = self.limits.empty_fragments_max;
                return Err(InboundError::TooManyEmptyFragments { max });
            }
        }
        self.fragments_open = true;
        Ok(())
    }

    /// The longest message that is accepted now.
    fn message_bytes_max(&self) -> usize {
        let first = usize::try_from(self.limits.first_message_bytes_max).unwrap_or(usize::MAX);
        self.limits.message_bytes_max.min(first)
    }

    /// The most bytes of a message as it arrives. What does not compress becomes a little longer.
    fn kept_bytes_max(&self) -> usize {
        let max = self.message_bytes_max();
        if self.is_compressed { max.saturating_add(max / 64 + 64) } else { max }
    }

    /// Keeps a part of a payload whose rest is yet to come. Text is looked at as it comes: what can
    /// no longer become UTF-8 is not waited for.
    fn keep(&mut self, frame: Frame, part: &[u8]) -> Result<(), InboundError> {
        let due = usize::try_from(frame.remaining).unwrap_or(usize::MAX);
        if frame.kind.is_control() {
            append(&mut self.control, part, due);
        } else if frame.is_final {
            append(&mut self.text, part, due);
        } else {
            let room = self.kept_bytes_max() - self.text.len() - part.len();
            append(&mut self.text, part, room);
        }
        if self.is_binary || self.is_compressed {
            return Ok(());
        }
        if let Err(error) = str::from_utf8(&self.text[self.checked..]) {
            self.checked += error.valid_up_to();
            return error.error_len().map_or(Ok(()), |_| Err(InboundError::TextNotUtf8));
        }
        self.checked = self.text.len();
        Ok(())
    }

    /// What has been kept for the message or control frame that `frame` belongs to.
    fn kept(&mut self, frame: Frame) -> &mut Vec<u8> {
        if frame.kind.is_control() { &mut self.control } else { &mut self.text }
    }

    /// The payload of a message, inflated where it came compressed.
    fn inflated<'a>(
        &self,
        kind: Kind,
        payload: Cow<'a, [u8]>,
        inflater: Option<&mut Inflater>,
    ) -> Result<Cow<'a, [u8]>, InboundError> {
        match inflater.filter(|_| self.is_compressed && !kind.is_control()) {
            Some(inflater) => Ok(Cow::Owned(inflater.inflate(&payload, self.message_bytes_max())?)),
            None => Ok(payload),
        }
    }

    /// Forgets everything and takes no more.
    fn close(&mut self) {
        *self = Self { state: State::Closed, ..Self::with(self.limits, self.framing) };
    }

    /// Forgets all but where the frame ends that is arriving.
    fn break_off(&mut self) {
        let Self { header, header_bytes, frame, .. } = *self;
        let state = State::Broken;
        let fresh = Self::with(self.limits, self.framing);
        *self = Self { header, header_bytes, frame, state, ..fresh };
    }

    /// Takes header bytes from the front of `bytes`, whatever they say, and says how many.
    fn skim_header(&mut self, bytes: &[u8]) -> usize {
        let (had, has) = self.collect_header(bytes);
        let Some((frame, used)) = header::skim(&self.header[..has]) else {
            self.header_bytes = u8::try_from(has).unwrap_or(0);
            return has - had;
        };
        self.header_bytes = 0;
        self.frame = Some(frame);
        used.saturating_sub(had)
    }
}

impl Feed<'_> {
    /// The next message, or `None` when the bytes are used up.
    ///
    /// An error ends the connection: close it with [`InboundError::close_code`]. What comes after
    /// it is passed over up to a [`Message::Close`], which then has no code; after that all is
    /// ignored.
    pub fn poll(&mut self) -> Result<Option<Message<'_>>, InboundError> {
        match self.inbound.state {
            State::Open => {}
            State::Broken => return Ok(self.skim()),
            State::Closed => {
                self.consumed = self.bytes.len();
                return Ok(None);
            }
        }
        let (kind, payload) = match self.advance() {
            Ok(Some(finished)) => finished,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.inbound.break_off();
                return Err(error);
            }
        };
        let payload = match payload {
            Payload::Fed(range) => Cow::Borrowed(&self.bytes[range]),
            Payload::Kept(bytes) => Cow::Owned(bytes),
        };
        let inflater = self.inflater.as_deref_mut();
        let payload = self.inbound.inflated(kind, payload, inflater);
        let message = payload.and_then(|payload| message::read(kind, payload));
        match (kind, &message) {
            (Kind::Close, _) => self.inbound.close(),
            (_, Err(_)) => self.inbound.break_off(),
            (_, Ok(Message::Text(_) | Message::Binary(_))) => {
                self.inbound.limits.first_message_bytes_max = u32::MAX;
            }
            (_, Ok(_)) => {}
        }
        message.map(Some)
    }

    /// Passes over what comes behind an error, up to a close frame.
    fn skim(&mut self) -> Option<Message<'static>> {
        loop {
            let rest = &self.bytes[self.consumed..];
            if let Some(mut frame) = self.inbound.frame.take() {
                let due = usize::try_from(frame.remaining).unwrap_or(usize::MAX);
                let passed = due.min(rest.len());
                frame.remaining -= passed as u64;
                self.consumed += passed;
                if frame.remaining > 0 {
                    self.inbound.frame = Some(frame);
                    return None;
                }
                if frame.kind == Kind::Close {
                    self.inbound.close();
                    return Some(Message::Close { code: None, reason: Cow::Borrowed("") });
                }
            } else if rest.is_empty() {
                return None;
            } else {
                self.consumed += self.inbound.skim_header(rest);
            }
        }
    }

    /// How many of the bytes have been taken. To stop early, drop the feed and later feed the
    /// bytes from here on.
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// Goes on to the end of the next message or of the bytes.
    fn advance(&mut self) -> Result<Option<(Kind, Payload)>, InboundError> {
        loop {
            if let Some(frame) = self.inbound.frame.take() {
                if let Some(payload) = self.take_payload(frame)? {
                    let kind = match frame.kind {
                        Kind::Continuation if self.inbound.is_binary => Kind::Binary,
                        Kind::Continuation => Kind::Text,
                        Kind::Text | Kind::Binary | Kind::Ping | Kind::Pong | Kind::Close => {
                            frame.kind
                        }
                    };
                    return Ok(Some((kind, payload)));
                }
            } else if self.consumed < self.bytes.len() {
                let (rest, may_compress) = (&self.bytes[self.consumed..], self.inflater.is_some());
                self.consumed += self.inbound.take_header(rest, may_compress)?;
            }
            let starved = self.consumed == self.bytes.len();
            if starved && self.inbound.frame.is_none_or(|frame| frame.remaining > 0) {
                return Ok(None);
            }
        }
    }

    /// Takes what is there of a frame's payload; gives the payload of the message it ends.
    fn take_payload(&mut self, mut frame: Frame) -> Result<Option<Payload>, InboundError> {
        let rest = self.bytes.len() - self.consumed;
        let taken = usize::try_from(frame.remaining).map_or(rest, |due| due.min(rest));
        let range = self.consumed..self.consumed + taken;
        frame.unmask(&mut self.bytes[range.clone()]);
        self.consumed = range.end;

        let message_ends = frame.remaining == 0 && frame.is_final;
        if message_ends && !frame.kind.is_control() {
            self.inbound.fragments_open = false;
            self.inbound.empty_fragments = 0;
        }
        if message_ends && self.inbound.kept(frame).is_empty() {
            return Ok(Some(Payload::Fed(range)));
        }
        self.inbound.frame = (frame.remaining > 0).then_some(frame);
        self.inbound.keep(frame, &self.bytes[range])?;
        if !message_ends {
            return Ok(None);
        }
        if !frame.kind.is_control() {
            self.inbound.checked = 0;
        }
        Ok(Some(Payload::Kept(mem::take(self.inbound.kept(frame)))))
    }
}

#[cfg(test)]
mod tests;
