//! The commands against a server that dies, restarts and leaves: `steadfast subscribe` holds, and
//! `steadfast publish` feeds it a job's lines as they come.

use serde_json::{Value, json};
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Error;

use crate::process::Process;
use crate::raw::Raw;
use crate::server::{Server, answer};
use crate::within;

/// Clients come back without waiting for others.
const ALONE: (&str, &str) = ("CRASH_WINDOW_MS", "0");

async fn subscriber(server: &Server, channels: &[&str]) -> Process {
    let url = server.url("");
    let args = [&["subscribe"], channels, &["--server", &url]].concat();
    let mut subscriber = Process::start(&args, &[]);
    subscriber.err.with("state: connected (was connecting): welcomed").await;
    subscriber
}

async fn publish(server: &Server, args: &[&str]) -> Value {
    let url = server.internal_url("");
    let args = [&["publish"], args, &["--server", &url]].concat();
    let (code, out, error) = Process::start(&args, &[]).finish().await;
    assert_eq!(code, Some(0), "{error}");
    serde_json::from_str(&out).unwrap()
}

/// The next line, which must be this event.
async fn hears(subscriber: &mut Process, placed: &Value, event: &str, data: Value) {
    let line = subscriber.out.json().await;
    for field in ["channel", "epoch", "offset"] {
        assert_eq!(line[field], placed[field], "{line}");
    }
    assert_eq!((&line["event"], &line["data"]), (&json!(event), &data), "{line}");
    assert!(line["time"].as_str().is_some(), "{line}");
}

#[tokio::test]
async fn a_subscriber_outlives_a_crash_and_tells_what_was_lost() {
    let mut server = Server::dev_with(&[ALONE]).await;
    let mut subscriber = subscriber(&server, &["demo:1"]).await;
    let first = publish(&server, &["demo:1", "progress", "{\"n\":1}"]).await;
    hears(&mut subscriber, &first, "progress", json!({"n": 1})).await;

    server.kill().await;
    subscriber.err.with("state: reconnecting (was connected): lost").await;
    server.restart().await;
    subscriber.err.with("state: connected (was reconnecting): welcomed").await;
    let gap = subscriber.out.json().await;
    assert_eq!(gap["channel"], "demo:1", "{gap}");
    assert_eq!(gap["gap"]["cause"], "epoch_changed", "{gap}");
    assert_eq!(gap["gap"]["from"], json!({"epoch": first["epoch"], "offset": 1}), "{gap}");
    assert_eq!(gap["gap"]["to"]["offset"], 0, "{gap}");

    let second = publish(&server, &["demo:1", "progress", "{\"n\":2}"]).await;
    assert_eq!(gap["gap"]["to"]["epoch"], second["epoch"], "{gap}");
    hears(&mut subscriber, &second, "progress", json!({"n": 2})).await;
    let last = publish(&server, &["demo:1", "complete", "{\"n\":3}", "--final"]).await;
    hears(&mut subscriber, &last, "complete", json!({"n": 3})).await;
    assert_eq!(subscriber.code().await, Some(0));
    subscriber.err.with("): finished").await;
}

#[tokio::test]
async fn a_subscriber_resumes_where_it_is_told_and_ends_with_its_last_channel() {
    let server = Server::dev().await;
    let mut placed = Vec::new();
    for n in 1..=4 {
        placed.push(server.publishes("demo:1", n).await);
    }
    server.publishes_event("demo:1", &json!({"event": "complete", "final": true})).await;
    let since = format!("{}:2", placed[0]["epoch"].as_str().unwrap());
    let url = server.url("");
    let args = ["subscribe", "demo:1", "demo:1", "--since", &since, "--server", &url];
    let mut subscriber = Process::start(&args, &[]);
    for n in 3..=4 {
        hears(&mut subscriber, &placed[n - 1], "progress", json!({"n": n})).await;
    }
    assert_eq!(subscriber.out.json().await["event"], "complete");
    let (code, rest, _) = subscriber.finish().await;
    assert_eq!((code, rest.as_str()), (Some(0), ""));
}

/// Two processes would overwrite each other's positions, and one that starts again would go on
/// where the other one was.
#[tokio::test]
async fn a_file_of_positions_is_used_by_one_process_at_a_time() {
    let server = Server::dev().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("build.json");
    let file = file.to_str().unwrap();
    let mut first = subscriber(&server, &["demo:1", "--resume", file]).await;
    let url = server.url("");
    let args = ["subscribe", "demo:2", "--resume", file, "--server", &url];
    let (code, out, err) = Process::start(&args, &[]).finish().await;
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains(&format!("{file} is in use by another process")), "{err}");

    let placed = server.publishes("demo:1", 1).await;
    hears(&mut first, &placed, "progress", json!({"n": 1})).await;
    first.signal("INT").await;
    assert_eq!(first.code().await, Some(0));
    let second = server.publishes("demo:1", 2).await;
    let mut again = subscriber(&server, &["demo:1", "--resume", file]).await;
    hears(&mut again, &second, "progress", json!({"n": 2})).await;
    // However a process ends, its lock ends with it.
    again.kill().await;
    subscriber(&server, &["demo:1", "--resume", file]).await;
}

#[tokio::test]
async fn ctrl_c_ends_a_subscriber_politely() {
    let server = Server::dev().await;
    let mut subscriber = subscriber(&server, &["demo:1"]).await;
    subscriber.signal("INT").await;
    subscriber.err.with("): closed").await;
    assert_eq!(subscriber.code().await, Some(0));
}

/// The lines of a job appear as the job writes them, not when it is done.
#[tokio::test]
async fn lines_are_published_as_they_are_written() {
    let server = Server::dev().await;
    let mut subscriber = subscriber(&server, &["job:1"]).await;
    let internal = server.internal_url("");
    let args = ["publish", "job:1", "progress", "-", "--final", "--server", &internal];
    let mut publisher = Process::start(&args, &[]);
    for n in 1..=3 {
        publisher.types(&format!("{{\"n\": {n}}}")).await;
        // The last line waits: it may be the final one. The one before is out.
        if n > 1 {
            assert_eq!(subscriber.out.json().await["data"], json!({"n": n - 1}));
        }
    }
    publisher.types("this is no JSON").await;
    let (code, _, error) = publisher.finish().await;
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("line 4 is left out"), "{error}");
    assert!(error.contains("published 3 events to job:1"), "{error}");
    assert_eq!(subscriber.out.json().await["data"], json!({"n": 3}));
    assert_eq!(subscriber.code().await, Some(0));
}

/// What a real tool says of this workspace, piped through.
#[tokio::test]
async fn a_real_jobs_output_arrives_unchanged() {
    let server = Server::dev().await;
    let mut subscriber = subscriber(&server, &["build:1"]).await;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let script = format!(
        "{:?} metadata --no-deps --offline --format-version 1 | \
         {:?} publish build:1 metadata - --final --server {}",
        env!("CARGO"),
        env!("CARGO_BIN_EXE_steadfast"),
        server.internal_url("")
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(root).env_remove("STEADFAST_KEY").kill_on_drop(true);
    let status = within("the end of the job", shell.status()).await.unwrap();
    assert!(status.success());
    let event = subscriber.out.json().await;
    assert_eq!(event["event"], "metadata");
    let packages = event["data"]["packages"].as_array().unwrap();
    assert!(packages.iter().any(|package| package["name"] == "steadfast"));
    assert_eq!(subscriber.code().await, Some(0));
}

/// P-55
#[tokio::test]
async fn a_server_that_leaves_says_so_and_its_subscribers_come_back() {
    let settings = [ALONE, ("DRAIN__SPREAD_MS", "300"), ("DRAIN__DEADLINE_MS", "1500")];
    let mut server = Server::dev_with(&settings).await;
    let mut subscriber = subscriber(&server, &["demo:1"]).await;
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", json!("start"))]).await;
    raw.expect("subscribed").await;
    let first = server.publishes("demo:1", 1).await;
    raw.expect_events(1..=1).await;
    hears(&mut subscriber, &first, "progress", json!({"n": 1})).await;

    server.process.signal("TERM").await;
    let away = raw.expect("go_away").await;
    assert_eq!((&away["after_ms"], &away["spread_ms"]), (&json!(0), &json!(300)), "{away}");
    assert!(away["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{away}");
    assert_eq!(server.looks("/livez").await.status, 200);
    assert_eq!(server.looks("/readyz").await.status, 503);
    // Who stays is served to the end.
    server.publishes("demo:1", 2).await;
    raw.expect_events(2..=2).await;
    assert_eq!(raw.closed().await.0, 1012);
    assert_eq!(server.process.code().await, Some(0));

    server.restart().await;
    subscriber.err.with("state: connected (was reconnecting): welcomed").await;
    let last = json!({"event": "complete", "data": {"n": 3}, "final": true});
    let placed = server.publishes_event("demo:1", &last).await;
    loop {
        let line = subscriber.out.json().await;
        if line["event"] == "complete" {
            assert_eq!(line["epoch"], placed["epoch"], "{line}");
            break;
        }
    }
    assert_eq!(subscriber.code().await, Some(0));
}

/// `kill -9` in the middle of a stream of events, again and again: what was acked by a server that
/// still lives is there, and what went with a dead one is told.
#[tokio::test]
async fn every_crash_is_told_once_and_nothing_comes_twice() {
    let mut server = Server::dev_with(&[ALONE]).await;
    let mut subscriber = subscriber(&server, &["demo:1"]).await;
    for round in 0..3 {
        let mut epoch = Value::Null;
        for n in 1..=20 {
            let placed = server.publishes("demo:1", n).await;
            hears(&mut subscriber, &placed, "progress", json!({"n": n})).await;
            epoch = placed["epoch"].clone();
        }
        server.kill().await;
        server.restart().await;
        let gap = subscriber.out.json().await;
        assert_eq!(gap["gap"]["from"], json!({"epoch": epoch, "offset": 20}), "{round}: {gap}");
        assert_eq!(gap["gap"]["cause"], "epoch_changed", "{round}: {gap}");
    }
}

/// P-52
#[tokio::test]
async fn an_operator_moves_a_subscriber_on_or_ends_it() {
    let server = Server::dev_with(&[ALONE]).await;
    let mut subscriber = subscriber(&server, &["demo:1"]).await;
    for (query, state) in [
        ("?reconnect=true", "state: connected (was reconnecting): welcomed"),
        ("", "state: disconnected (was connected): rejected"),
    ] {
        let connections = server.connections().await;
        let path = format!("/v1/connections/{}{query}", connections[0]["id"].as_str().unwrap());
        let gone = answer(server.http.delete(server.internal_url(&path))).await;
        assert_eq!(gone.status, 204, "{gone:?}");
        subscriber.err.with(state).await;
    }
    assert_eq!(subscriber.code().await, Some(1));
}

/// Streams and waiting polls do not keep a leaving server.
#[tokio::test]
async fn a_server_that_leaves_lets_streams_and_polls_go() {
    // Far from the deadline: they end within the spread. P-77, P-83
    let settings = [("DRAIN__SPREAD_MS", "300"), ("DRAIN__DEADLINE_MS", "3600000")];
    let mut server = Server::dev_with(&settings).await;
    let stream = server.http.get(server.url("/v1/channels/demo:1/stream")).send();
    let mut stream = stream.await.unwrap();
    assert!(within("a greeting", stream.chunk()).await.unwrap().is_some());
    let polling = server.polls("demo:1", "wait=50");
    let leaving = async {
        server.is_followed(2).await;
        server.process.signal("TERM").await;
    };
    let (page, ()) = tokio::join!(polling, leaving);
    assert_eq!(page["events"], json!([]), "{page}");
    let pause = page["next_poll_ms"].as_u64().unwrap();
    assert!((1_000..=1_300).contains(&pause), "{page}");
    let end = async { while stream.chunk().await.is_ok_and(|chunk| chunk.is_some()) {} };
    within("the end of the stream", end).await;
    assert_eq!(server.process.code().await, Some(0));
}

/// P-77, P-84: nobody spins on a node that leaves, and no `EventSource` dies of it.
#[tokio::test]
async fn a_server_that_leaves_says_to_each_when_to_come_back() {
    let settings = [("DRAIN__SPREAD_MS", "9000"), ("DRAIN__DEADLINE_MS", "3600000")];
    let mut server = Server::dev_with(&settings).await;
    let mut raw = Raw::follow(&server, "link-0001", &[]).await;
    server.process.signal("TERM").await;
    raw.expect("go_away").await;
    let mut pauses = std::collections::BTreeSet::new();
    for query in ["wait=25", "wait=0", "wait=25&offset=latest", "wait=50", "wait=1", "wait=2"] {
        let polled = server.asked(&format!("/v1/channels/demo:1/events?{query}")).await;
        assert_eq!((polled.status, polled.header("connection")), (200, "close"), "{polled:?}");
        let pause = polled.json()["next_poll_ms"].as_u64().unwrap();
        // There is no other node: the spread is 1 s whatever is set.
        assert!((1_000..=2_000).contains(&pause), "{query}: {pause}");
        pauses.insert(pause);
    }
    assert!(pauses.len() > 1, "all were told to come back together: {pauses:?}");
    for path in ["/v1/channels/demo:1/stream", "/v1/channels/demo:1/stream?offset=latest"] {
        let stream = server.asked(path).await;
        assert_eq!((stream.status, stream.header("connection")), (200, "close"), "{stream:?}");
        assert_eq!(stream.header("content-type"), "text/event-stream");
        let retry = stream.text.lines().find_map(|line| line.strip_prefix("retry: ")).unwrap();
        assert!((1_000..=9_000).contains(&retry.parse().unwrap()), "{}", stream.text);
        assert!(!stream.text.contains("data"), "{}", stream.text);
    }
    let refused = Raw::ask(server.public, "/v1/ws", &[]).await;
    let Err(Error::Http(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.status(), 503);
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=9).contains(&seconds), "{seconds}");
    // With the last link gone there is nothing to wait for.
    raw.closes().await;
    assert_eq!(server.process.code().await, Some(0));
}
