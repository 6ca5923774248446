//! From a client's bytes to whole messages.
//!
//! In: whatever arrived, split anywhere. Out: messages in order, or one error that says with
//! which code to close. A message that lies whole within the bytes fed is borrowed from them;
//! only an unfinished one is kept, and its buffer goes with the message.
//! Must not know: what a message says, how bytes arrive.

mod error;
mod header;
mod message;

pub use error::InboundError;
pub use message::Message;

use std::borrow::Cow;
use std::mem;
use std::ops::Range;

use header::{Frame, HEADER_BYTES_MAX, Kind};

/// What one client may send at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest message, in bytes of payload, over all its fragments. Default 1 MiB.
    pub message_bytes_max: usize,
    /// How many fragments of one message may be empty: those escape the limit in bytes.
    /// Default 1024.
    pub empty_fragments_max: u32,
    /// The longest first message, in bytes, where that is less. Default: no limit of its own.
    pub first_message_bytes_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 1024 * 1024,
            empty_fragments_max: 1024,
            first_message_bytes_max: u32::MAX,
        }
    }
}

/// The receiving half of one WebSocket connection, after the upgrade.
#[derive(Debug)]
pub struct Inbound {
    limits: Limits,
    /// The first bytes of a header that has not arrived whole.
    header: [u8; HEADER_BYTES_MAX],
    header_bytes: usize,
    /// The frame whose payload is due.
    frame: Option<Frame>,
    /// What has arrived of an unfinished text message.
    text: Vec<u8>,
    /// What has arrived of an unfinished control frame, which may lie between two fragments.
    control: Vec<u8>,
    /// How much of `text` is known to be UTF-8.
    checked: usize,
    fragments_open: bool,
    empty_fragments: u32,
    state: State,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// An error was handed out. Nothing is read any more but where frames end, up to a close.
    Broken,
    /// The client's close has passed.
    Closed,
}

/// Bytes being taken apart: see [`Inbound::feed`].
#[derive(Debug)]
pub struct Feed<'a> {
    inbound: &'a mut Inbound,
    bytes: &'a mut [u8],
    consumed: usize,
}

/// Where a finished payload lies.
enum Payload {
    Fed(Range<usize>),
    Kept(Vec<u8>),
}

impl Inbound {
    /// A connection that has received nothing.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            header: [0; HEADER_BYTES_MAX],
            header_bytes: 0,
            frame: None,
            text: Vec::new(),
            control: Vec::new(),
            checked: 0,
            fragments_open: false,
            empty_fragments: 0,
            state: State::Open,
        }
    }

    /// Takes the bytes that arrived next. Call [`Feed::poll`] until it gives `None`; the bytes
    /// are unmasked in place, so they cannot be fed again.
    pub fn feed<'a>(&'a mut self, bytes: &'a mut [u8]) -> Feed<'a> {
        Feed { inbound: self, bytes, consumed: 0 }
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

    /// Whether the client's close frame has passed: nothing more is to be expected of it.
    pub fn has_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Takes header bytes from the front of `bytes` and says how many.
    fn take_header(&mut self, bytes: &[u8]) -> Result<usize, InboundError> {
        let had = self.header_bytes;
        let added = bytes.len().min(HEADER_BYTES_MAX - had);
        self.header[had..had + added].copy_from_slice(&bytes[..added]);
        let Some((frame, used)) = header::parse(&self.header[..had + added])? else {
            self.header_bytes = had + added;
            return Ok(added);
        };
        self.admit(frame)?;
        self.header_bytes = 0;
        self.frame = Some(frame);
        Ok(used - had)
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
            Kind::Binary => return Err(InboundError::Binary),
            Kind::Text | Kind::Continuation => {}
        }
        let bytes = frame.remaining.saturating_add(self.text.len() as u64);
        let max = self.message_bytes_max();
        if bytes > max as u64 {
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

    /// Keeps a part of a payload whose rest is yet to come. Text is looked at as it comes: what can
    /// no longer become UTF-8 is not waited for.
    fn keep(&mut self, frame: Frame, part: &[u8]) -> Result<(), InboundError> {
        let due = usize::try_from(frame.remaining).unwrap_or(usize::MAX);
        if frame.kind.is_control() {
            append(&mut self.control, part, due);
        } else if frame.is_final {
            append(&mut self.text, part, due);
        } else {
            let room = self.message_bytes_max() - self.text.len() - part.len();
            append(&mut self.text, part, room);
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

    /// Forgets everything and takes no more.
    fn close(&mut self) {
        *self = Self { state: State::Closed, ..Self::new(self.limits) };
    }

    /// Forgets all but where the frame ends that is arriving.
    fn break_off(&mut self) {
        let Self { header, header_bytes, frame, .. } = *self;
        let state = State::Broken;
        *self = Self { header, header_bytes, frame, state, ..Self::new(self.limits) };
    }

    /// Takes header bytes from the front of `bytes`, whatever they say, and says how many.
    fn skim_header(&mut self, bytes: &[u8]) -> usize {
        let had = self.header_bytes;
        let added = bytes.len().min(HEADER_BYTES_MAX - had);
        self.header[had..had + added].copy_from_slice(&bytes[..added]);
        let Some((frame, used)) = header::skim(&self.header[..had + added]) else {
            self.header_bytes = had + added;
            return added;
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
        let message = message::read(kind, payload);
        match (kind, &message) {
            (Kind::Close, _) => self.inbound.close(),
            (_, Err(_)) => self.inbound.break_off(),
            (_, Ok(Message::Text(_))) => self.inbound.limits.first_message_bytes_max = u32::MAX,
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
                    return Ok(Some((frame.kind, payload)));
                }
            } else if self.consumed < self.bytes.len() {
                self.consumed += self.inbound.take_header(&self.bytes[self.consumed..])?;
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

/// Appends `part`, after which `room` more bytes may come: the buffer doubles as it fills, so
/// that a promise of many bytes costs nothing, but never outgrows what may come.
fn append(buffer: &mut Vec<u8>, part: &[u8], room: usize) {
    let needed = buffer.len() + part.len();
    if needed > buffer.capacity() {
        let wanted = buffer.capacity().saturating_mul(2).min(needed.saturating_add(room));
        buffer.reserve_exact(wanted.max(needed) - buffer.len());
    }
    buffer.extend_from_slice(part);
}

#[cfg(test)]
mod tests;
