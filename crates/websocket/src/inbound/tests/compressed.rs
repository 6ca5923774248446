//! Compressed messages: what is taken where it was agreed, and what ends the connection.

use std::borrow::Cow;

use tungstenite::protocol::frame::coding::OpCode;

use super::{
    BINARY, CONTINUE, Framing, Inbound, InboundError, Limits, MASK, Message, PING, Received, TEXT,
    close, ping, text, whole,
};
use crate::deflate::{Deflater, Inflater};
use crate::inbound::Role;

/// A frame with the bit that says that a compressed message starts.
fn compressed(is_final: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let mut frame = super::frame(is_final, opcode, payload);
    frame[0] |= 0x40;
    frame
}

fn deflate(text: impl AsRef<[u8]>) -> Vec<u8> {
    Deflater::new(6).sync_flushed(text.as_ref()).unwrap()
}

/// All that comes out of these bytes, fed `step` at a time.
fn receive(limits: Limits, framing: Framing, bytes: &[u8], step: usize) -> Received {
    let framing = Framing { is_compressed: true, ..framing };
    let (mut inbound, mut inflater) = (Inbound::with(limits, framing), Inflater::default());
    let (mut messages, mut error) = (Vec::new(), None);
    for chunk in bytes.chunks(step) {
        let mut chunk = chunk.to_vec();
        let mut feed = inbound.feed_with(&mut chunk, &mut inflater);
        loop {
            match feed.poll() {
                Ok(Some(message)) => messages.push(super::owned(message)),
                Ok(None) => break,
                Err(found) => error = Some(found),
            }
        }
    }
    if error.is_none() {
        assert_eq!(inbound.capacity(), 0);
    }
    (messages, error)
}

fn within(max: usize) -> Limits {
    Limits { message_bytes_max: max, ..Limits::default() }
}

fn found(limits: Limits, frames: &[Vec<u8>]) -> Option<InboundError> {
    receive(limits, Framing::default(), &frames.concat(), usize::MAX).1
}

#[test]
fn compressed_and_plain_messages_come_in_any_order_and_any_pieces() {
    let long = "ü and a long text ".repeat(200);
    let parts = deflate(&long);
    let (first, rest) = parts.split_at(7);
    let frames = [
        compressed(true, TEXT, &deflate("one")),
        whole(TEXT, "plain"),
        compressed(true, TEXT, &[0x00]),
        compressed(true, TEXT, &[]),
        compressed(false, TEXT, &[]),
        whole(PING, "p"),
        super::part(CONTINUE, first),
        super::part(CONTINUE, ""),
        whole(CONTINUE, rest),
        whole(TEXT, ""),
        // A final block, and a stored one.
        compressed(true, TEXT, &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]),
        compressed(true, TEXT, &[0, 2, 0, 0xFD, 0xFF, b'h', b'i', 0]),
        whole(super::CLOSE, super::close_payload(1000, b"")),
    ];
    let wanted = vec![
        text("one"),
        text("plain"),
        text(""),
        text(""),
        ping(b"p"),
        text(&long),
        text(""),
        text("Hello"),
        text("hi"),
        close(Some(1000), ""),
    ];
    for step in [1, 2, 3, 7, 64, usize::MAX] {
        let bytes = frames.concat();
        let received = receive(Limits::default(), Framing::default(), &bytes, step);
        assert_eq!(received, (wanted.clone(), None), "{step} at a time");
    }
}

#[test]
fn the_bit_stands_in_the_first_frame_of_a_message_alone_and_where_it_was_agreed() {
    let reserved = Some(InboundError::ReservedBits);
    let one = || deflate("one");
    assert_eq!(found(Limits::default(), &[compressed(true, PING, b"")]), reserved);
    let twice = [compressed(false, TEXT, &one()), compressed(true, CONTINUE, b"")];
    assert_eq!(found(Limits::default(), &twice), reserved);
    let later = [super::part(TEXT, "a"), compressed(true, CONTINUE, b"")];
    assert_eq!(found(Limits::default(), &later), reserved);
    let mut other = compressed(true, TEXT, &one());
    other[0] |= 0x20;
    assert_eq!(found(Limits::default(), &[other]), reserved);
    let unagreed = super::feed_all(Limits::default(), [&compressed(true, TEXT, &one())[..]]);
    assert_eq!(unagreed, (Vec::new(), reserved));
    assert_eq!(InboundError::ReservedBits.close_code(), 1002);
}

#[test]
fn the_limit_counts_what_a_message_inflates_to() {
    let at = |count: usize| compressed(true, TEXT, &deflate("a".repeat(count)));
    assert_eq!(found(within(5000), &[at(5000)]), None);
    let too_long = InboundError::InflatedTooLong { max: 5000 };
    assert_eq!(found(within(5000), &[at(5001)]), Some(too_long));
    assert_eq!(found(within(5000), &[at(1_000_000)]), Some(too_long));
    assert_eq!(too_long.close_code(), 1009);
    // The first message has its own.
    let limits = Limits { first_message_bytes_max: 10, ..within(5000) };
    assert_eq!(found(limits, &[at(10), at(5000)]), None);
    let first = InboundError::InflatedTooLong { max: 10 };
    assert_eq!(found(limits, &[at(11)]), Some(first));
}

/// What does not compress is a little longer on the wire, and is no reason to refuse it.
#[test]
fn the_limit_of_what_arrives_leaves_room_for_what_does_not_compress() {
    let stored = |count: u16| {
        let text = "a".repeat(count.into());
        let lengths = [count.to_le_bytes(), (!count).to_le_bytes()].concat();
        compressed(true, TEXT, &[&[0], &lengths[..], text.as_bytes(), &[0]].concat())
    };
    assert_eq!(found(within(5000), &[stored(5000)]), None);
    let too_long = InboundError::InflatedTooLong { max: 5000 };
    assert_eq!(found(within(5000), &[stored(5001)]), Some(too_long));
    // More than that is not waited for.
    let max = 5000 + 5000 / 64 + 64;
    let announced = |count: usize| {
        let mut frame = super::header(true, TEXT, count as u64);
        frame[0] |= 0x40;
        frame
    };
    assert_eq!(found(within(5000), &[announced(max)]), None);
    let bytes = max as u64 + 1;
    let refused = InboundError::MessageTooLong { bytes, max: 5000 };
    assert_eq!(found(within(5000), &[announced(max + 1)]), Some(refused));
}

#[test]
fn text_is_checked_once_it_is_inflated() {
    let broken = compressed(true, TEXT, &deflate(b"\xC3\x28"));
    assert_eq!(found(Limits::default(), &[broken]), Some(InboundError::TextNotUtf8));
    // Bytes that are no UTF-8 themselves are none of a text's.
    let good = compressed(true, TEXT, &deflate("é".repeat(50)));
    assert_eq!(found(Limits::default(), &[good]), None);
}

#[test]
fn what_is_no_deflate_ends_the_connection() {
    let noise = compressed(true, TEXT, &[0x07]);
    assert_eq!(found(Limits::default(), &[noise]), Some(InboundError::NotDeflate));
    assert_eq!(InboundError::NotDeflate.close_code(), 1007);
}

#[test]
fn binary_messages_are_taken_where_that_is_set() {
    let framing = Framing { is_binary_taken: true, ..Framing::default() };
    let frames = [
        whole(BINARY, b"\xFF\x00"),
        super::part(BINARY, b"\xFF"),
        whole(CONTINUE, b"\xFE"),
        compressed(true, BINARY, &deflate(b"\xFF\xFF")),
        whole(TEXT, "a"),
    ];
    let binary = |bytes: &[u8]| Message::Binary(Cow::Owned(bytes.to_vec()));
    let wanted = vec![binary(b"\xFF\x00"), binary(b"\xFF\xFE"), binary(b"\xFF\xFF"), text("a")];
    for step in [1, usize::MAX] {
        let received = receive(Limits::default(), framing, &frames.concat(), step);
        assert_eq!(received, (wanted.clone(), None));
    }
    let refused = compressed(true, BINARY, &deflate(b"a"));
    assert_eq!(found(Limits::default(), &[refused]), Some(InboundError::Binary));
}

#[test]
fn a_client_reads_frames_without_a_mask_alone() {
    let framing = Framing { role: Role::Client, ..Framing::default() };
    let server = [
        crate::outbound::text_frame("plain"),
        crate::outbound::message_frame(&deflate("packed"), false, true),
        crate::outbound::ping_frame(b"p"),
    ];
    for step in [1, usize::MAX] {
        let received = receive(Limits::default(), framing, &server.concat(), step);
        assert_eq!(received, (vec![text("plain"), text("packed"), ping(b"p")], None));
    }
    let masked = receive(Limits::default(), framing, &whole(TEXT, "a"), usize::MAX);
    assert_eq!(masked, (Vec::new(), Some(InboundError::Masked)));
    assert_eq!(InboundError::Masked.close_code(), 1002);
}

#[test]
fn a_client_s_frames_are_those_of_a_server_with_a_mask() {
    for count in [0, 5, 125, 126, 70_000] {
        let payload = "x".repeat(count);
        let frame = crate::outbound::text_frame(&payload);
        let masked = crate::outbound::Masked::new(&frame, MASK);
        assert_eq!(masked.as_ref(), whole(TEXT, &payload), "{count}");
    }
}
