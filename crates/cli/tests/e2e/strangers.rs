//! Peers without a valid token, and with one that asks for too much: what each may cost the server.

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::bad_input::{Calm, masked};
use crate::hostile::{memory_kib, upgraded};
use crate::raw::Raw;
use crate::tokens::{guarded, made};

/// P-10: before its token is known nobody has the server keep more than a first frame may have.
#[tokio::test]
async fn a_first_frame_at_its_limit_is_read_and_one_byte_more_is_refused() {
    let mut calm = Calm::with(&[("LIMITS__HELLO_BYTES_MAX", "2000")]).await;
    let hello = |bytes: usize| {
        let start = r#"{"type":"hello","link":"link-0001","generation":1,"more":""#;
        format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2))
    };
    let mut raw = Raw::open(&calm.server).await;
    raw.says_text(&hello(2000)).await;
    raw.expect("welcome").await;
    // Behind the first frame the limit is that of messages.
    raw.says_text(&format!(r#"{{"type":"ping","id":1,"more":"{}"}}"#, "x".repeat(100_000))).await;
    raw.expect("pong").await;
    let mut raw = Raw::open(&calm.server).await;
    raw.says_text(&hello(2001)).await;
    let closed = raw.closed().await;
    assert_eq!(closed, (4400, "the first frame has at most 2000 bytes".into()));
    calm.is_kept().await;
}

/// The sum of what strangers may leave unfinished is small.
#[tokio::test]
async fn unfinished_first_frames_cost_little() {
    let mut calm = Calm::measured(&[]).await;
    let pid = calm.server.process.pid();
    let before = memory_kib(pid, "VmRSS:");
    let mut strangers = Vec::new();
    for _ in 0..200 {
        let mut stream = upgraded(&calm.server).await;
        // A text frame of 1 MiB is announced, and all but its end is sent.
        let mut frame = vec![0x81, 0xff];
        frame.extend_from_slice(&(1_u64 << 20).to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.resize(frame.len() + (1 << 20) - 1, b'x');
        drop(stream.write_all(&frame).await);
        strangers.push(stream);
    }
    let grown = memory_kib(pid, "VmHWM:").saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB more");
    drop(strangers);
    calm.is_kept().await;
}

/// P-17: the token comes first, so that a stranger learns nothing of what else is wrong.
#[tokio::test]
async fn nothing_of_a_hello_is_read_before_its_token_is_accepted() {
    let server = guarded(&[]).await;
    let mut raw = Raw::open(&server).await;
    raw.says_text(r#"{"type":"hello","link":7,"generation":-1,"channels":{}}"#).await;
    assert_eq!(raw.closed().await.0, 4201);
    let token = made(&["--subscribe", "demo:*", "--ttl", "1h"]).await;
    let mut raw = Raw::open(&server).await;
    raw.says(&json!({"type": "hello", "link": 7, "token": token})).await;
    assert_eq!(raw.expect("error").await["code"], "bad_frame");
    assert_eq!(raw.closed().await.0, 4400);
}

/// P-69
#[tokio::test]
async fn pings_beyond_the_rate_end_the_session_that_sends_them() {
    let mut calm = Calm::with(&[]).await;
    let mut raw = calm.session().await;
    for _ in 0..201 {
        raw.writes(&masked(0x89, b"alive")).await;
    }
    assert_eq!(raw.closed().await.0, 4100);
    calm.is_kept().await;
}
