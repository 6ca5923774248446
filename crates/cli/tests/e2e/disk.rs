//! A server on a disk: killed and started again, with two at once, and with a disk that takes no
//! more. A full disk is a limit on the size of files, which anybody may set and lift.

use serde_json::{Value, json};
use steadfast_chaos::kills;
use steadfast_machine::Rng;
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::Process;
use crate::raw::Raw;
use crate::server::{Answer, Server, answer};
use crate::within;

/// Clients come back without waiting for others.
const ALONE: (&str, &str) = ("CRASH_WINDOW_MS", "0");
/// What a file may have at most, in bytes, while the disk is full.
const FULL: &str = "1000000";

fn text(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

#[tokio::test]
async fn a_subscriber_misses_nothing_over_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&["--dev", "--data-dir", text(&folder)], &[ALONE]).await;
    let url = server.url("");
    let mut subscriber = Process::start(&["subscribe", "demo:1", "--server", &url], &[]);
    subscriber.err.with("state: connected (was connecting): welcomed").await;
    for n in 1..=3 {
        server.publishes("demo:1", n).await;
        assert_eq!(subscriber.out.json().await["data"]["n"], n);
    }
    server.kill().await;
    subscriber.err.with("state: reconnecting (was connected): lost").await;
    server.restart().await;
    // While nobody is there, or while it comes back: the next line is the next event.
    let placed = server.publishes("demo:1", 4).await;
    let line = subscriber.out.json().await;
    assert_eq!((&line["offset"], &line["epoch"]), (&json!(4), &placed["epoch"]), "{line}");
    server.publishes_event("demo:1", &json!({"event": "complete", "final": true})).await;
    assert_eq!(subscriber.out.json().await["event"], "complete");
    assert_eq!(subscriber.code().await, Some(0));

    server.kill().await;
    server.restart().await;
    let page = server.polls("demo:1", "").await;
    assert_eq!((&page["final"], page["events"].as_array().unwrap().len()), (&json!(true), 5));
    let refused = server.posts("/v1/channels/demo:1/events", &json!({"event": "more"})).await;
    refused.assert_problem(409, "channel_finished");
}

/// The trial in short; `steadfast-chaos kills` has the long one.
#[tokio::test]
async fn what_was_answered_outlives_kills_under_load() {
    let server = env!("CARGO_BIN_EXE_steadfast").into();
    let settings = kills::Settings {
        server,
        broker: kills::Broker::Disk,
        rounds: 3,
        seed: 7,
        writers: 8,
        channels: 24,
    };
    let mut lines = Vec::new();
    let report = kills::run(&settings, |line| lines.push(line.to_owned())).await.unwrap();
    assert!(report.is_kept() && report.acked > 0, "{report}\n{lines:#?}");
    assert_eq!((report.rounds, report.kept), (3, report.acked));
}

#[tokio::test]
async fn a_second_server_on_the_directory_says_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["--dev", "--data-dir", text(&folder)], &[]).await;
    let address = ["--listen", "127.0.0.1:0", "--internal", "127.0.0.1:0"];
    let args = [&["serve", "--dev", "--data-dir", text(&folder)][..], &address].concat();
    let (code, _, error) = Process::start(&args, &[]).finish().await;
    assert_eq!(code, Some(1), "{error}");
    let holder = format!("in use by process {}", server.process.pid());
    assert!(error.contains(&holder), "{error}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_told_by_check_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let (config, file) = (folder.path().join("steadfast.toml"), folder.path().join("file"));
    std::fs::write(&config, "dev = true\n[broker]\nkind = 'disk'\ndata_dir = 'file'").unwrap();
    std::fs::write(&file, "").unwrap();
    let args = ["check", "--config", config.to_str().unwrap()];
    let (code, out, _) = Process::start(&args, &[]).finish().await;
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("steadfast.toml:4: `broker.data_dir`: "), "{out}");
    assert!(out.contains("file is not a directory; name a directory"), "{out}");
}

/// Publishes an event of so many bytes with a key.
async fn publishes(server: &Server, n: u64, bytes: usize) -> Answer {
    let url = server.internal_url("/v1/channels/full:1/events");
    let data = json!({"n": n, "text": noise(bytes)});
    let body = json!({"event": "progress", "data": data});
    answer(server.http.post(url).header("idempotency-key", n.to_string()).json(&body)).await
}

/// Text that no store makes shorter.
fn noise(bytes: usize) -> String {
    let mut rng = Rng::new(1);
    let letter = |_| char::from(b'0' + u8::try_from(rng.between(0, 40)).unwrap());
    (0..bytes).map(letter).collect()
}

async fn limits_files(server: &Server, bytes: &str) {
    let (size, pid) = (format!("--fsize={bytes}:"), server.process.pid().to_string());
    let done = Command::new("prlimit").args([&size, "--pid", &pid]).status().await.unwrap();
    assert!(done.success());
}

async fn expect_next(follower: &mut Raw, n: u64) {
    let event = follower.expect("event").await;
    assert_eq!((&event["offset"], &event["data"]["n"]), (&json!(n), &json!(n)), "{event}");
}

#[tokio::test]
async fn a_full_disk_refuses_publishers_announces_nothing_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--dev", "--data-dir", text(&folder)];
    // A write over the limit fails, as on a full disk, instead of ending the process.
    let server = Server::start_after("trap '' XFSZ", &flags, &[]).await;
    let mut follower = Raw::follow(&server, "link-0001", &[("full:1", json!("start"))]).await;
    follower.expect("subscribed").await;
    limits_files(&server, FULL).await;

    let mut n = 0;
    let refused = loop {
        n += 1;
        let answer = publishes(&server, n, 100_000).await;
        if answer.status != 201 {
            break answer;
        }
        assert_eq!(answer.json()["offset"], n);
        expect_next(&mut follower, n).await;
    };
    refused.assert_problem(503, "broker_unavailable");
    assert!((5..=10).contains(&n), "{n} events of 100,000 bytes in a file of {FULL}");
    let ready = server.looks("/readyz").await;
    ready.assert_problem(503, "broker_unavailable");
    assert!(ready.text.contains("takes no writes"), "{ready:?}");
    let stats = server.looks("/v1/stats").await.json();
    assert_eq!(stats["disk"]["failing"], true, "{stats}");
    assert_eq!(stats["connections"]["now"], 1, "links are kept");
    // What is there is served.
    let page = server.polls("full:1", "").await;
    assert_eq!(page["events"].as_array().map(Vec::len), Some(usize::try_from(n - 1).unwrap()));

    limits_files(&server, "unlimited").await;
    let healing = async {
        while server.looks("/readyz").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    within("a broker that is ready again", healing).await;
    for n in n..n + 3 {
        let answer = publishes(&server, n, 100_000).await;
        assert_eq!((answer.status, &answer.json()["offset"]), (201, &json!(n)), "{answer:?}");
        expect_next(&mut follower, n).await;
    }
    assert_eq!(server.looks("/v1/stats").await.json()["disk"]["failing"], false);
    let page: Value = server.polls("full:1", "").await;
    let offsets: Vec<u64> =
        page["events"].as_array().unwrap().iter().map(|e| e["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, (1..n + 3).collect::<Vec<u64>>());
}

/// With more threads one of them would keep a core busy while the disk is full, as long as nobody
/// makes room.
#[tokio::test]
async fn the_store_has_one_thread_and_its_directory_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&["--dev", "--data-dir", data.to_str().unwrap()], &[]).await;
    server.publishes("demo:1", 1).await;
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.process.pid())).unwrap();
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm"));
    let names: Vec<String> = tasks.map(|task| name(task.unwrap()).unwrap()).collect();
    let workers = names.iter().filter(|name| name.starts_with("fjall:worker")).count();
    assert_eq!(workers, 1, "{names:?}");
    let mode = std::fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
