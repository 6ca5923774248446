//! Requests to a server that gives one canned answer after another.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;

use std::time::Duration;

use super::{ATTEMPT_TIMEOUT, Failure, NO_ANSWER, Post};
use crate::publish::retry::Schedule;

const OK: &str = "HTTP/1.1 201 Made\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
const BUSY: &str = "HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const HANG_UP: &str = "";

const QUICK: Schedule = Schedule {
    patience: Duration::from_mins(1),
    pause_min: Duration::from_millis(1),
    pause_max: Duration::from_millis(20),
};

/// A server of these answers; its URL, and the requests it got.
async fn answering(answers: &'static [&'static str]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (requests_in, requests) = mpsc::channel(10);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"end\"}") {
                request.push(stream.read_u8().await.unwrap());
            }
            requests_in.send(String::from_utf8(request).unwrap()).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (base, requests)
}

async fn sent(answers: &'static [&'static str]) -> (anyhow::Result<Vec<u8>>, Vec<String>) {
    let (base, mut requests) = answering(answers).await;
    let post = Post { schedule: QUICK, ..Post::new(&base, Some("key")).unwrap() };
    let answer = post.send(&["v1", "a:b", "events"], "{\"data\":\"end\"}", Some("once")).await;
    let mut got = Vec::new();
    while let Ok(request) = requests.try_recv() {
        got.push(request);
    }
    (answer, got)
}

#[tokio::test]
async fn a_request_carries_its_keys() {
    let (answer, requests) = sent(&[OK]).await;
    assert_eq!(answer.unwrap(), b"{}");
    assert!(requests[0].starts_with("POST /v1/a:b/events HTTP/1.1\r\n"), "{}", requests[0]);
    for header in ["authorization: Bearer key", "idempotency-key: once", "application/json"] {
        assert!(requests[0].contains(header), "{}", requests[0]);
    }
}

#[tokio::test]
async fn the_same_request_is_repeated_until_it_is_answered() {
    let (answer, requests) = sent(&[BUSY, HANG_UP, OK]).await;
    assert_eq!(answer.unwrap(), b"{}");
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.contains("idempotency-key: once")));
}

#[tokio::test]
async fn what_cannot_succeed_is_said_at_once() {
    let refused = "HTTP/1.1 409 No\r\nconnection: close\r\n\r\n\
        {\"code\":\"channel_finished\",\"title\":\"Over\",\"detail\":\"done\"}";
    let (answer, _) = sent(Box::leak(Box::new([refused]))).await;
    let text = answer.unwrap_err().to_string();
    assert!(text.contains("Over: done (channel_finished)"), "{text}");
    let (answer, _) = sent(&["HTTP/1.1 401 Who\r\ncontent-length: 0\r\n\r\n"]).await;
    assert!(answer.unwrap_err().to_string().contains("STEADFAST_KEY"));
}

#[tokio::test]
async fn nobody_there_is_a_refused_connection() {
    // Its port is taken, so that nobody else listens there, but it does not listen itself.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base = format!("http://{}", silent.local_addr().unwrap());
    let post = Post::new(&base, None).unwrap();
    let outcome = post.attempt(&["v1"], "{}", None, ATTEMPT_TIMEOUT).await;
    let Err(Failure::ForNow(why, Duration::ZERO)) = outcome else { panic!("it was taken") };
    assert!(why.contains("Connection refused"), "{why}");
}

/// Attempts that fail at once, in virtual time.
#[tokio::test(start_paused = true)]
async fn what_is_not_taken_is_given_up_in_the_end() {
    let post = Post::new("http://127.0.0.1:1", None).unwrap();
    let mut count = 0;
    let refused = async |_| {
        count += 1;
        Err(Failure::ForNow("refused".into(), Duration::ZERO))
    };
    let text = post.repeat(refused).await.unwrap_err().to_string();
    assert!(text.contains(&format!("within 60s: refused ({count} times); is the")), "{text}");
    assert!(count > 8, "{count}");
}

/// The first attempts are refused; the last one is cut short by the deadline.
#[tokio::test(start_paused = true)]
async fn the_cause_that_was_seen_is_told_and_not_the_deadline() {
    let schedule = Schedule { patience: Duration::from_secs(10), ..Schedule::default() };
    let post = Post { schedule, ..Post::new("http://127.0.0.1:1", None).unwrap() };
    let mut count = 0;
    let attempt = async |timeout| {
        count += 1;
        if count <= 3 {
            return Err(Failure::ForNow("refused".into(), Duration::ZERO));
        }
        tokio::time::sleep(timeout).await;
        Err(Failure::ForNow(NO_ANSWER.into(), Duration::ZERO))
    };
    let text = post.repeat(attempt).await.unwrap_err().to_string();
    assert!(text.contains("within 10s: refused (3 times); is the"), "{text}");
}

#[test]
fn only_http_is_spoken() {
    for bad in ["https://x", "localhost:8081", "", "ftp://x"] {
        assert!(Post::new(bad, None).is_err(), "{bad}");
    }
}
