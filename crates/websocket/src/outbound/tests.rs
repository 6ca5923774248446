//! Each frame as the other side reads it.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::{close_frame, ping_frame, pong_frame, text_frame, text_header};

/// The opcode and payload of one whole frame, which must be final and unmasked.
fn read(frame: &[u8]) -> (OpCode, &[u8]) {
    let mut cursor = Cursor::new(frame);
    let (header, length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
    let expected = FrameHeader { opcode: header.opcode, ..FrameHeader::default() };
    assert_eq!(header, expected);
    let payload = &frame[usize::try_from(cursor.position()).unwrap()..];
    assert_eq!(payload.len() as u64, length);
    (header.opcode, payload)
}

#[test]
fn a_text_header_is_as_short_as_its_length_allows() {
    let cases: [(usize, &[u8]); 7] = [
        (0, &[0x81, 0]),
        (125, &[0x81, 125]),
        (126, &[0x81, 126, 0, 126]),
        (65_535, &[0x81, 126, 0xFF, 0xFF]),
        (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        (1 << 20, &[0x81, 127, 0, 0, 0, 0, 0, 0x10, 0, 0]),
        (u32::MAX as usize, &[0x81, 127, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
    ];
    for (payload_bytes, expected) in cases {
        assert_eq!(text_header(payload_bytes).as_ref(), expected, "{payload_bytes}");
    }
}

#[test]
fn a_text_frame_carries_its_text() {
    for text in ["", "hällo", &"x".repeat(70_000)] {
        assert_eq!(read(&text_frame(text)), (OpCode::Data(Data::Text), text.as_bytes()));
    }
}

#[test]
fn pings_and_pongs_carry_at_most_125_bytes() {
    let payload = [7; 126];
    for (given, carried) in [(0, 0), (1, 1), (125, 125), (126, 125)] {
        let carried = &payload[..carried];
        let frame = ping_frame(&payload[..given]);
        assert_eq!(read(&frame), (OpCode::Control(Control::Ping), carried));
        let frame = pong_frame(&payload[..given]);
        assert_eq!(read(&frame), (OpCode::Control(Control::Pong), carried));
    }
}

#[test]
fn a_close_carries_its_code_and_reason() {
    let frame = close_frame(1001, "Connection stale");
    let expected = [&1001_u16.to_be_bytes(), &b"Connection stale"[..]].concat();
    assert_eq!(read(&frame), (OpCode::Control(Control::Close), &expected[..]));
    assert_eq!(read(&close_frame(4000, "")).1, 4000_u16.to_be_bytes());
}

#[test]
fn a_close_reason_is_cut_at_123_bytes_between_characters() {
    let cases = [
        ("x".repeat(123), 123),
        ("x".repeat(124), 123),
        ("é".repeat(61), 122),
        ("é".repeat(62), 122),
        ("漢".repeat(42), 123),
        (format!("x{}", "𝄞".repeat(40)), 121),
    ];
    for (reason, kept) in cases {
        let frame = close_frame(1000, &reason);
        assert_eq!(&read(&frame).1[2..], &reason.as_bytes()[..kept]);
    }
}
