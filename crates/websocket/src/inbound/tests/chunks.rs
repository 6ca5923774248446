//! However the bytes are split, the same messages come out, and nothing panics.

use proptest::collection::vec;
use proptest::prelude::*;
use tungstenite::protocol::frame::coding::OpCode;

use super::{
    CLOSE, CONTINUE, Inbound, Limits, Message, PING, PONG, TEXT, close, close_payload, feed,
    feed_all, part, ping, text, whole,
};

fn conversation() -> (Vec<u8>, Vec<Message<'static>>) {
    let long = "ü".repeat(150);
    let longer = "y".repeat(70_000);
    let frames = [
        whole(TEXT, "first"),
        whole(PING, "p"),
        whole(TEXT, &long),
        part(TEXT, "in "),
        whole(PING, ""),
        part(CONTINUE, "three "),
        whole(CONTINUE, "parts"),
        whole(PONG, "pong"),
        whole(TEXT, ""),
        whole(TEXT, &longer),
        whole(CLOSE, close_payload(1000, b"done")),
    ];
    let messages = vec![
        text("first"),
        ping(b"p"),
        text(&long),
        ping(b""),
        text("in three parts"),
        Message::Pong,
        text(""),
        text(&longer),
        close(Some(1000), "done"),
    ];
    (frames.concat(), messages)
}

#[test]
fn every_split_in_two_gives_the_same_messages() {
    let (bytes, messages) = conversation();
    // The last 70,000 bytes are one message: the edges of it are enough.
    let splits = (0..600).chain(bytes.len() - 100..=bytes.len());
    for split in splits {
        let (first, second) = bytes.split_at(split);
        let received = feed_all(Limits::default(), [first, second]);
        assert_eq!(received, (messages.clone(), None), "split at {split}");
    }
}

#[test]
fn byte_by_byte_gives_the_same_messages() {
    let (bytes, messages) = conversation();
    assert_eq!(feed_all(Limits::default(), bytes.chunks(1)), (messages, None));
}

#[test]
fn a_feed_stopped_early_goes_on_where_it_stopped() {
    let mut bytes = [whole(TEXT, "a"), whole(TEXT, "b"), part(TEXT, "c")].concat();
    let mut inbound = Inbound::new(Limits::default());
    let mut messages = Vec::new();
    let mut from = 0;
    while from < bytes.len() {
        let mut feed = inbound.feed(&mut bytes[from..]);
        messages.extend(feed.poll().unwrap().map(super::owned));
        from += feed.consumed();
    }
    assert_eq!(messages, [text("a"), text("b")]);
    assert_eq!(feed(&mut inbound, &whole(CONTINUE, "d")).0, [text("cd")]);
}

/// What a well-behaved client says, and how it chops it into fragments.
#[derive(Debug, Clone)]
enum Said {
    Text(String, Vec<usize>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => (".{0,200}", vec(0..800_usize, 0..4)).prop_map(|(it, cuts)| Said::Text(it, cuts)),
        1 => "[a-z]{125,140}".prop_map(|text| Said::Text(text, vec![])),
        1 => vec(any::<u8>(), 0..=125).prop_map(Said::Ping),
        1 => vec(any::<u8>(), 0..=125).prop_map(Said::Pong),
    ]
}

/// The frames of one message, with a pong between any two fragments.
fn encode(said: &Said) -> (Vec<u8>, Vec<Message<'static>>) {
    match said {
        Said::Ping(payload) => (whole(PING, payload), vec![ping(payload)]),
        Said::Pong(payload) => (whole(PONG, payload), vec![Message::Pong]),
        Said::Text(it, cuts) => {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (it.len() + 1)).collect();
            cuts.sort_unstable();
            let (mut bytes, mut opcode, mut from) = (Vec::new(), TEXT, 0);
            for cut in &cuts {
                bytes.extend(part(opcode, &it.as_bytes()[from..*cut]));
                bytes.extend(whole(PONG, ""));
                (opcode, from) = (CONTINUE, *cut);
            }
            bytes.extend(whole(opcode, &it.as_bytes()[from..]));
            let mut messages = vec![Message::Pong; cuts.len()];
            messages.push(text(it));
            (bytes, messages)
        }
    }
}

/// Cuts `bytes` into chunks of the given sizes, over and over.
fn chunked<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let (mut chunks, mut rest) = (Vec::new(), bytes);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, after) = rest.split_at(rest.len().min(*size));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

proptest! {
    #[test]
    fn what_a_client_says_comes_out_in_any_chunks(
        said in vec(said(), 0..12),
        sizes in vec(1..90_usize, 1..20),
    ) {
        let (mut bytes, mut messages) = (Vec::new(), Vec::new());
        for (more_bytes, more_messages) in said.iter().map(encode) {
            bytes.extend(more_bytes);
            messages.extend(more_messages);
        }
        let mut inbound = Inbound::new(Limits::default());
        let mut received = Vec::new();
        for chunk in chunked(&bytes, &sizes) {
            let (more, error) = feed(&mut inbound, chunk);
            prop_assert_eq!(error, None);
            received.extend(more);
        }
        prop_assert_eq!(received, messages);
        prop_assert_eq!(inbound.capacity(), 0);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_chunks_never_matter(
        bytes in vec(any::<u8>(), 0..400),
        sizes in vec(1..40_usize, 1..8),
    ) {
        check_arbitrary(&bytes, &sizes)?;
    }

    #[test]
    fn arbitrary_frames_never_panic_and_chunks_never_matter(
        frames in vec((0..16_u8, any::<bool>(), vec(any::<u8>(), 0..130)), 0..20),
        sizes in vec(1..40_usize, 1..8),
    ) {
        let encode = |(opcode, is_final, payload): &(u8, bool, Vec<u8>)| {
            super::frame(*is_final, OpCode::from(*opcode), payload)
        };
        let bytes: Vec<u8> = frames.iter().flat_map(encode).collect();
        check_arbitrary(&bytes, &sizes)?;
    }
}

fn check_arbitrary(bytes: &[u8], sizes: &[usize]) -> Result<(), TestCaseError> {
    let limits = Limits { message_bytes_max: 150, empty_fragments_max: 2, ..Limits::default() };
    let mut inbound = Inbound::new(limits);
    let mut received = (Vec::new(), None);
    for chunk in chunked(bytes, sizes) {
        let (more, error) = feed(&mut inbound, chunk);
        received.0.extend(more);
        received.1 = received.1.or(error);
        prop_assert!(inbound.capacity() <= limits.message_bytes_max + 125);
    }
    prop_assert_eq!(received, feed_all(limits, [bytes]));
    Ok(())
}
