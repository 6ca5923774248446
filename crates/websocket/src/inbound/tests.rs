//! What the receiving half promises. The helpers here build what a client would send.

mod chunks;
mod compressed;
mod memory;
mod rules;

use std::borrow::Cow;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::{Framing, Inbound, InboundError, Limits, Message};

const CONTINUE: OpCode = OpCode::Data(Data::Continue);
const TEXT: OpCode = OpCode::Data(Data::Text);
const BINARY: OpCode = OpCode::Data(Data::Binary);
const PING: OpCode = OpCode::Control(Control::Ping);
const PONG: OpCode = OpCode::Control(Control::Pong);
const CLOSE: OpCode = OpCode::Control(Control::Close);

const MASK: [u8; 4] = [0x9A, 0x01, 0xFF, 0x37];

type Received = (Vec<Message<'static>>, Option<InboundError>);

/// A client's frame with a final bit of 1.
fn whole(opcode: OpCode, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(true, opcode, payload)
}

/// A client's frame with a final bit of 0.
fn part(opcode: OpCode, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(false, opcode, payload)
}

fn frame(is_final: bool, opcode: OpCode, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = header(is_final, opcode, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

fn header(is_final: bool, opcode: OpCode, length: u64) -> Vec<u8> {
    let header = FrameHeader { is_final, opcode, mask: Some(MASK), ..FrameHeader::default() };
    let mut bytes = Vec::new();
    header.format(length, &mut bytes).unwrap();
    bytes
}

fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

fn text(text: &str) -> Message<'static> {
    Message::Text(Cow::Owned(text.to_owned()))
}

fn ping(payload: &[u8]) -> Message<'static> {
    Message::Ping(Cow::Owned(payload.to_vec()))
}

fn close(code: Option<u16>, reason: &str) -> Message<'static> {
    Message::Close { code, reason: Cow::Owned(reason.to_owned()) }
}

fn owned(message: Message<'_>) -> Message<'static> {
    match message {
        Message::Text(text) => Message::Text(Cow::Owned(text.into_owned())),
        Message::Binary(payload) => Message::Binary(Cow::Owned(payload.into_owned())),
        Message::Ping(payload) => Message::Ping(Cow::Owned(payload.into_owned())),
        Message::Pong => Message::Pong,
        Message::Close { code, reason } => {
            Message::Close { code, reason: Cow::Owned(reason.into_owned()) }
        }
    }
}

/// Feeds `bytes` in one piece.
fn feed(inbound: &mut Inbound, bytes: &[u8]) -> Received {
    let mut bytes = bytes.to_vec();
    let mut feed = inbound.feed(&mut bytes);
    let (mut messages, mut broken) = (Vec::new(), None);
    loop {
        match feed.poll() {
            Ok(Some(message)) => messages.push(owned(message)),
            Ok(None) => return (messages, broken),
            Err(error) => broken = Some(error),
        }
    }
}

/// Feeds `chunks` one after the other.
fn feed_all<'a>(limits: Limits, chunks: impl IntoIterator<Item = &'a [u8]>) -> Received {
    let mut inbound = Inbound::new(limits);
    let (mut messages, mut broken) = (Vec::new(), None);
    for chunk in chunks {
        let (more, error) = feed(&mut inbound, chunk);
        messages.extend(more);
        assert!(broken.is_none() || error.is_none(), "a second error: {error:?}");
        broken = broken.or(error);
    }
    (messages, broken)
}

/// What a new connection makes of `frames`, which must not depend on how they are split.
fn receive(limits: Limits, frames: &[Vec<u8>]) -> Received {
    let bytes = frames.concat();
    let in_one = feed_all(limits, [&bytes[..]]);
    let byte_by_byte = feed_all(limits, bytes.chunks(1));
    assert_eq!(in_one, byte_by_byte);
    in_one
}
