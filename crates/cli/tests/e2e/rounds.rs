//! Two hands at one socket: the shard writes events, the session's own task answers and pings. No
//! byte of one may land inside a frame of the other, least of all where the socket is often full.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::raw::Raw;
use crate::server::Server;

const BATCHES: u64 = 60;
const BATCH: u64 = 20;

/// Events of very different sizes, up to `bytes_max`, each with its own number.
fn batch(number: u64, bytes_max: u64) -> Value {
    let event = |at: u64| {
        let n = number * BATCH + at + 1;
        let pad = "x".repeat(usize::try_from(n * 3_737 % bytes_max).unwrap());
        json!({"channel": "rounds:1", "event": "progress", "data": {"n": n, "pad": pad}})
    };
    json!({ "events": (0..BATCH).map(event).collect::<Vec<Value>>() })
}

/// Nothing is lost, repeated or out of order either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_is_often_full_gets_whole_frames_in_order() {
    let server = Server::dev().await;
    let mut reader = Raw::open_narrow(&server).await;
    reader.hello("link-rounds-1", 1, &[("rounds:1", json!("start"))]).await;
    reader.expect("welcome").await;
    reader.expect("subscribed").await;
    let publishing = async {
        for number in 0..BATCHES {
            let answer = server.posts("/v1/events", &batch(number, 3_000)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    };
    let reading = async {
        let (mut next, mut acks, mut asked) = (1, 0, 0);
        while next <= BATCHES * BATCH || acks < asked {
            let frame = reader.hears().await;
            if frame["type"] == "heartbeat_ack" {
                acks += 1;
                continue;
            }
            if frame["type"] == "subscribed" {
                continue;
            }
            assert_eq!(frame["type"], "event", "{frame}");
            assert_eq!(frame["offset"], next, "{frame}");
            assert_eq!(frame["data"]["n"], next, "{frame}");
            next += 1;
            if next % 10 == 0 {
                reader.sends(Message::Ping(next.to_string().into())).await;
            }
            // Below what a session may say at once.
            if next % 20 == 0 {
                reader.says(&json!({"type": "heartbeat", "id": next})).await;
                asked += 1;
            }
        }
    };
    tokio::join!(publishing, reading);
    reader.closes().await;
}

/// How many messages wait in the server for the session of a link.
async fn queued(server: &Server, link: &str) -> u64 {
    let connections = server.connections().await;
    let connection = connections.iter().find(|connection| connection["link"] == link).unwrap();
    connection["queued"].as_u64().unwrap()
}

/// A session whose socket is full, so that the shard has written a part of a frame only and more
/// frames wait, closes: what was begun is finished, and then the close frame comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_comes_behind_whole_frames() {
    let server = Server::dev().await;
    let (mut number, mut session, mut full) = (0, 0, 0);
    while full < 5 {
        session += 1;
        assert!(session <= 50, "the socket of {full} sessions alone was full");
        // Not a narrow one, which would take longer to read all than the server waits.
        let mut reader = Raw::open(&server).await;
        let link = format!("link-rounds-{session}");
        reader.hello(&link, 1, &[("rounds:1", json!("now"))]).await;
        reader.expect("welcome").await;
        reader.expect("subscribed").await;
        let before = number * BATCH;
        // The reader does not read.
        while queued(&server, &link).await == 0 {
            let answer = server.posts("/v1/events", &batch(number, 50_000)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            number += 1;
        }
        let (frames, code) = reader.frames_before_close().await;
        assert_eq!(code, 1000);
        // What waited may have been on its way to a socket that had room.
        full += u64::from((frames.len() as u64) < number * BATCH - before);
        for (at, frame) in (before + 1..).zip(&frames) {
            assert_eq!((&frame["type"], &frame["offset"]), (&json!("event"), &json!(at)));
            assert_eq!(frame["data"]["n"], at, "{frame}");
        }
    }
}
