//! The rules of RFC 6455 and the limits, each broken once. P-53

use super::{
    BINARY, CLOSE, CONTINUE, Inbound, InboundError, Limits, Message, PING, PONG, TEXT, close,
    close_payload, feed, feed_all, header, part, ping, receive, text, whole,
};

fn error(frames: &[Vec<u8>]) -> InboundError {
    error_within(Limits::default(), frames)
}

fn error_within(limits: Limits, frames: &[Vec<u8>]) -> InboundError {
    let (messages, error) = receive(limits, frames);
    // A close that breaks a rule is still one.
    assert!(messages.is_empty() || messages == [close(None, "")], "{messages:?}");
    error.expect("an error")
}

fn messages(frames: &[Vec<u8>]) -> Vec<Message<'static>> {
    let (messages, error) = receive(Limits::default(), frames);
    assert_eq!(error, None);
    messages
}

fn with_first_byte(byte: u8, mut frame: Vec<u8>) -> Vec<u8> {
    frame[0] = byte;
    frame
}

#[test]
fn every_breach_of_the_protocol_closes_with_1002() {
    use InboundError as E;
    let short = || whole(TEXT, "hi");
    let mut unmasked = vec![0x81, 2];
    unmasked.extend(b"hi");
    let not_minimal_16 = [vec![0x81, 0xFE, 0, 125, 0, 0, 0, 0], vec![b'a'; 125]].concat();
    let not_minimal_64 = [0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0].to_vec();
    let cases: Vec<(Vec<Vec<u8>>, E)> = vec![
        (vec![unmasked], E::Unmasked),
        (vec![vec![0x89, 0x00]], E::Unmasked),
        (vec![with_first_byte(0xC1, short())], E::ReservedBits),
        (vec![with_first_byte(0xA1, short())], E::ReservedBits),
        (vec![with_first_byte(0x91, short())], E::ReservedBits),
        (vec![with_first_byte(0xC9, whole(PING, ""))], E::ReservedBits),
        (vec![not_minimal_16], E::LengthNotMinimal { bytes: 125 }),
        (vec![not_minimal_64], E::LengthNotMinimal { bytes: 0xFFFF }),
        (vec![part(PING, "a")], E::ControlFragmented),
        (vec![part(PONG, "a")], E::ControlFragmented),
        (vec![part(CLOSE, "")], E::ControlFragmented),
        (vec![whole(PING, [0; 126])], E::ControlTooLong { bytes: 126 }),
        (vec![whole(PONG, [0; 126])], E::ControlTooLong { bytes: 126 }),
        (vec![whole(CLOSE, [0; 126])], E::ControlTooLong { bytes: 126 }),
        (vec![header(true, PING, 70_000)], E::ControlTooLong { bytes: 70_000 }),
        (vec![whole(CONTINUE, "a")], E::ContinuationUnexpected),
        (vec![part(CONTINUE, "a")], E::ContinuationUnexpected),
        (vec![part(TEXT, "a"), whole(TEXT, "b")], E::MessageUnfinished),
        (vec![part(TEXT, ""), part(TEXT, "b")], E::MessageUnfinished),
        (vec![part(TEXT, "a"), whole(BINARY, "b")], E::MessageUnfinished),
        (vec![whole(CLOSE, [3])], E::CloseCodeCut),
    ];
    for (frames, expected) in cases {
        let found = error(&frames);
        assert_eq!((found, found.close_code()), (expected, 1002), "{frames:02x?}");
    }
}

#[test]
fn every_reserved_opcode_is_refused_with_1002() {
    for opcode in (3..=7).chain(11..=15) {
        let found = error(&[with_first_byte(0x80 | opcode, whole(TEXT, "hi"))]);
        assert_eq!(found, InboundError::ReservedOpcode { opcode });
        assert_eq!(found.close_code(), 1002);
    }
}

#[test]
fn a_continuation_after_the_last_fragment_is_refused() {
    let frames = [part(TEXT, "a"), whole(CONTINUE, "b"), whole(CONTINUE, "c")];
    let (messages, error) = receive(Limits::default(), &frames);
    assert_eq!(messages, [text("ab")]);
    assert_eq!(error, Some(InboundError::ContinuationUnexpected));
}

#[test]
fn close_codes_that_must_not_be_sent_are_refused() {
    let illegal = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];
    for code in illegal {
        let found = error(&[whole(CLOSE, close_payload(code, b""))]);
        assert_eq!(found, InboundError::CloseCodeIllegal { code });
    }
}

#[test]
fn close_codes_that_may_be_sent_are_handed_on_with_their_reason() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        let frame = whole(CLOSE, close_payload(code, "tschüß".as_bytes()));
        assert_eq!(messages(&[frame]), [close(Some(code), "tschüß")]);
    }
}

#[test]
fn a_close_may_be_empty_or_full() {
    assert_eq!(messages(&[whole(CLOSE, "")]), [close(None, "")]);
    let reason = "r".repeat(123);
    let full = whole(CLOSE, close_payload(1000, reason.as_bytes()));
    assert_eq!(messages(&[full]), [close(Some(1000), &reason)]);
}

#[test]
fn a_binary_message_is_refused_with_1003_from_its_header_alone() {
    for frame in [header(true, BINARY, 9), header(false, BINARY, 9), whole(BINARY, "")] {
        let found = error(&[frame]);
        assert_eq!((found, found.close_code()), (InboundError::Binary, 1003));
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_with_1007() {
    let surrogate = [0xED, 0xA0, 0x80];
    let cases = [
        vec![whole(TEXT, [0xFF])],
        vec![whole(TEXT, surrogate)],
        vec![whole(TEXT, [0xC3])],
        vec![part(TEXT, "é"), whole(CONTINUE, [0xC3])],
        vec![part(TEXT, [0xC3]), whole(CONTINUE, "")],
    ];
    for frames in cases {
        let found = error(&frames);
        assert_eq!((found, found.close_code()), (InboundError::TextNotUtf8, 1007));
    }
}

#[test]
fn a_close_reason_that_is_not_utf8_is_refused_with_1007() {
    let found = error(&[whole(CLOSE, close_payload(1000, &[0xC3]))]);
    assert_eq!((found, found.close_code()), (InboundError::ReasonNotUtf8, 1007));
}

#[test]
fn a_character_may_be_cut_by_a_fragment() {
    let (first, second) = "é".as_bytes().split_at(1);
    assert_eq!(messages(&[part(TEXT, first), whole(CONTINUE, second)]), [text("é")]);
}

#[test]
fn control_frames_between_fragments_come_first() {
    let frames = [
        part(TEXT, "one "),
        whole(PING, "p"),
        part(CONTINUE, ""),
        whole(PONG, "ignored"),
        whole(PING, [7; 125]),
        whole(CONTINUE, "message"),
        whole(TEXT, ""),
        part(TEXT, "cut off"),
        whole(CLOSE, close_payload(1001, b"bye")),
    ];
    let expected = [
        ping(b"p"),
        Message::Pong,
        ping(&[7; 125]),
        text("one message"),
        text(""),
        close(Some(1001), "bye"),
    ];
    assert_eq!(messages(&frames), expected);
}

#[test]
fn a_message_may_be_as_long_as_the_limit_and_no_longer() {
    use InboundError::MessageTooLong;
    let limits = Limits { message_bytes_max: 300, ..Limits::default() };
    let full = "x".repeat(300);
    assert_eq!(receive(limits, &[whole(TEXT, &full)]).0, [text(&full)]);
    let too_long = error_within(limits, &[header(true, TEXT, 301)]);
    assert_eq!(too_long, MessageTooLong { bytes: 301, max: 300 });
    assert_eq!(too_long.close_code(), 1009);

    let in_fragments = [part(TEXT, &full[..200]), whole(CONTINUE, &full[200..])];
    assert_eq!(receive(limits, &in_fragments).0, [text(&full)]);
    let too_long = error_within(limits, &[part(TEXT, &full[..200]), header(false, CONTINUE, 101)]);
    assert_eq!(too_long, MessageTooLong { bytes: 301, max: 300 });
}

#[test]
fn an_absurd_length_is_refused_from_the_header() {
    let mut inbound = Inbound::new(Limits::default());
    let (messages, error) = feed(&mut inbound, &header(true, TEXT, u64::MAX));
    assert_eq!(messages, []);
    assert_eq!(error.map(InboundError::close_code), Some(1009));
    assert_eq!(inbound.capacity(), 0);
    let sum = error_within(Limits::default(), &[part(TEXT, "a"), header(true, CONTINUE, u64::MAX)]);
    assert_eq!(sum.close_code(), 1009);
}

#[test]
fn a_message_may_have_as_many_empty_fragments_as_the_limit_and_no_more() {
    let limits = Limits { empty_fragments_max: 3, ..Limits::default() };
    let mut frames = vec![part(TEXT, ""), part(CONTINUE, ""), part(CONTINUE, "a")];
    frames.push(whole(CONTINUE, ""));
    let twice = [frames.clone(), frames.clone()].concat();
    assert_eq!(receive(limits, &twice).0, [text("a"), text("a")]);

    frames.insert(1, part(CONTINUE, ""));
    let found = error_within(limits, &frames);
    assert_eq!(found, InboundError::TooManyEmptyFragments { max: 3 });
    assert_eq!(found.close_code(), 1009);
}

#[test]
fn nothing_is_read_after_a_close_or_an_error() {
    for last in [whole(CLOSE, ""), whole(BINARY, "x")] {
        let mut inbound = Inbound::new(Limits::default());
        assert!(!inbound.has_ended());
        feed(&mut inbound, &[part(TEXT, "pending"), last].concat());
        assert!(inbound.has_ended());
        assert_eq!(feed(&mut inbound, &whole(TEXT, "late")), (vec![], None));
        assert_eq!(inbound.capacity(), 0);
    }
}

/// P-57: however the text is cut, and whatever is still to come of it.
#[test]
fn text_that_can_no_longer_be_utf8_is_refused_while_it_arrives() {
    let good = "κόσμε".as_bytes();
    for bad in [&b"\xf4\x90"[..], b"\xed\xa0", b"\xc0", b"\xff", b"\xe2\x28"] {
        let begun = [good, bad].concat();
        // In a fragment, with more fragments to come.
        let found = error(&[part(TEXT, &begun)]);
        assert_eq!((found, found.close_code()), (InboundError::TextNotUtf8, 1007));
        let found = error(&[part(TEXT, good), part(CONTINUE, ""), part(CONTINUE, bad)]);
        assert_eq!(found, InboundError::TextNotUtf8);
        // In one frame, of which only this much has come.
        let mut whole = whole(TEXT, [&begun[..], &[b'x'; 100]].concat());
        whole.truncate(whole.len() - 100);
        assert_eq!(error(&[whole]), InboundError::TextNotUtf8);
    }
    // A character that is cut is waited for, byte by byte, until the message ends.
    for end in 1..good.len() {
        let (first, second) = good.split_at(end);
        let frames = [part(TEXT, first), whole(PING, ""), whole(CONTINUE, second)];
        assert_eq!(messages(&frames), [ping(b""), text("κόσμε")]);
    }
    assert_eq!(error(&[part(TEXT, b"\xe2"), whole(CONTINUE, "")]), InboundError::TextNotUtf8);
}

/// P-57: so that TCP can end with the close, whatever came before it.
#[test]
fn a_close_behind_an_error_is_seen() {
    let limits = Limits { message_bytes_max: 1_000, ..Limits::default() };
    let unmasked = vec![0x81, 0x7E, 0x01, 0x00];
    let breaches: [Vec<u8>; 9] = [
        [unmasked, vec![b'x'; 256]].concat(),
        with_first_byte(0xC1, whole(TEXT, "rsv")),
        with_first_byte(0x83, whole(TEXT, "reserved opcode")),
        with_first_byte(0x8B, whole(TEXT, "")),
        part(PING, "a fragment"),
        whole(CONTINUE, "of nothing"),
        whole(BINARY, vec![0x88; 300]),
        whole(TEXT, [0xff; 500]),
        whole(TEXT, vec![b'x'; 70_000]),
    ];
    for breach in breaches {
        let behind = [whole(TEXT, "more"), whole(PING, "p"), whole(BINARY, vec![1; 200])];
        let bytes = [&breach[..], &behind.concat(), &whole(CLOSE, close_payload(1002, b"bye"))];
        let bytes = bytes.concat();
        for chunk in [bytes.len(), 1_000, 7, 1] {
            let (rest, error) = feed_all(limits, bytes.chunks(chunk));
            assert!(error.is_some());
            assert_eq!(rest, [close(None, "")], "{error:?}");
        }
    }
    // A close frame that is itself the breach is one all the same.
    let mut inbound = Inbound::new(limits);
    feed(&mut inbound, &whole(CLOSE, close_payload(1005, b"")));
    assert!(inbound.has_closed());
}

#[test]
fn the_first_message_has_a_limit_of_its_own_that_ends_with_it() {
    let limits = Limits { first_message_bytes_max: 10, ..Limits::default() };
    let frames = [whole(PING, [b'p'; 20]), whole(TEXT, [b'a'; 10]), whole(TEXT, [b'b'; 11])];
    let (messages, error) = receive(limits, &frames);
    assert_eq!((messages.len(), error), (3, None));
    for frames in
        [vec![whole(TEXT, [b'a'; 11])], vec![part(TEXT, "aaaaaa"), whole(CONTINUE, "aaaaa")]]
    {
        let error = error_within(limits, &frames);
        assert_eq!(error, InboundError::MessageTooLong { bytes: 11, max: 10 });
    }
}
