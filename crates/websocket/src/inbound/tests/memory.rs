//! What a connection holds: nothing when idle, never more than the limit.

use std::borrow::Cow;
use std::mem::size_of;

use super::{
    CLOSE, CONTINUE, Inbound, Limits, Message, PING, TEXT, close_payload, feed, header, part, text,
    whole,
};

#[test]
fn messages_that_lie_whole_in_the_bytes_are_borrowed() {
    let frames = [
        whole(TEXT, "whole"),
        whole(PING, "p"),
        part(TEXT, ""),
        whole(CONTINUE, "after nothing"),
        whole(CLOSE, close_payload(1000, b"bye")),
    ];
    let mut bytes = frames.concat();
    let mut inbound = Inbound::new(Limits::default());
    let mut feed = inbound.feed(&mut bytes);
    assert!(matches!(feed.poll(), Ok(Some(Message::Text(Cow::Borrowed("whole"))))));
    assert!(matches!(feed.poll(), Ok(Some(Message::Ping(Cow::Borrowed(b"p"))))));
    assert!(matches!(feed.poll(), Ok(Some(Message::Text(Cow::Borrowed("after nothing"))))));
    let reason = feed.poll();
    assert!(matches!(reason, Ok(Some(Message::Close { reason: Cow::Borrowed("bye"), .. }))));
    assert_eq!(inbound.capacity(), 0);
}

#[test]
fn a_payload_alone_in_the_next_bytes_is_borrowed() {
    let frame = whole(TEXT, "payload");
    let (header, payload) = frame.split_at(6);
    let mut inbound = Inbound::new(Limits::default());
    assert_eq!(feed(&mut inbound, header).0, []);
    assert_eq!(inbound.capacity(), 0);
    let mut payload = payload.to_vec();
    let mut feed = inbound.feed(&mut payload);
    assert!(matches!(feed.poll(), Ok(Some(Message::Text(Cow::Borrowed("payload"))))));
}

#[test]
fn no_buffer_is_held_before_or_after_an_unfinished_message() {
    let mut inbound = Inbound::new(Limits::default());
    assert_eq!(inbound.capacity(), 0);
    feed(&mut inbound, &part(TEXT, "a"));
    assert!(inbound.capacity() > 0);
    let ping = whole(PING, "abcd");
    feed(&mut inbound, &ping[..8]);
    feed(&mut inbound, &ping[8..]);
    assert_eq!(feed(&mut inbound, &whole(CONTINUE, "b")).0, [text("ab")]);
    assert_eq!(inbound.capacity(), 0);

    let frame = whole(TEXT, "payload");
    feed(&mut inbound, &frame[..10]);
    assert!(inbound.capacity() > 0);
    assert_eq!(feed(&mut inbound, &frame[10..]).0, [text("payload")]);
    assert_eq!(inbound.capacity(), 0);
}

#[test]
fn a_promise_of_a_long_message_costs_nothing() {
    let mut inbound = Inbound::new(Limits::default());
    feed(&mut inbound, &header(true, TEXT, 1024 * 1024));
    assert_eq!(inbound.capacity(), 0);
    feed(&mut inbound, b"four");
    assert!(inbound.capacity() < 64);
}

#[test]
fn a_buffer_never_outgrows_the_limit() {
    let limits = Limits { message_bytes_max: 1000, ..Limits::default() };
    let mut inbound = Inbound::new(limits);
    feed(&mut inbound, &part(TEXT, "x"));
    for _ in 1..999 {
        feed(&mut inbound, &part(CONTINUE, "x"));
        assert!(inbound.capacity() <= 1000);
    }
    assert_eq!(feed(&mut inbound, &whole(CONTINUE, "x")).0, [text(&"x".repeat(1000))]);

    for byte in whole(TEXT, "y".repeat(600)) {
        feed(&mut inbound, &[byte]);
        assert!(inbound.capacity() <= 600);
    }
}

#[test]
fn a_connection_without_a_buffer_is_small() {
    assert!(size_of::<Inbound>() <= 128, "{} bytes", size_of::<Inbound>());
}
