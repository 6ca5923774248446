//! A node as a service: what a service manager is told and what it hands over, a configuration
//! that changes while links live, and a drain that is asked for.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;

use serde_json::json;
use tokio::net::UnixDatagram;

use crate::process::Process;
use crate::raw::Raw;
use crate::server::{Server, answer};
use crate::tokens::{BACKEND_KEY, made, with_key};
use crate::within;

/// What signs tokens in the tests.
const TOKEN_KEY: &str = "0123456789abcdef0123456789abcdef";
const ORIGIN: &str = "https://app.example";

fn written(folder: &Path, internal_key: &str, token_key: &str, more: &str) -> String {
    let path = folder.join("steadfast.toml");
    let text =
        format!("[internal]\nkey = '{internal_key}'\n[auth]\nhs256_key = '{token_key}'\n{more}");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The status of a poll by a page.
async fn of_page(server: &Server, token: &str) -> u16 {
    let request = server.http.get(server.url("/v1/channels/demo:1/events")).bearer_auth(token);
    answer(request.header("Origin", ORIGIN)).await.status
}

#[tokio::test]
async fn sighup_changes_keys_and_origins_and_drops_no_link() {
    let folder = tempfile::tempdir().unwrap();
    let config = written(folder.path(), BACKEND_KEY, TOKEN_KEY, "");
    let mut server = with_key(Server::start(&["--config", &config], &[]).await);
    let token = made(&["--subscribe", "demo:*", "--ttl", "1h"]).await;
    let mut raw = Raw::open(&server).await;
    let hello = json!({"type": "hello", "link": "link-0001", "generation": 1, "token": token,
        "channels": [{"channel": "demo:1"}]});
    raw.says(&hello).await;
    raw.expect("welcome").await;
    raw.expect("subscribed").await;
    assert_eq!(of_page(&server, &token).await, 403);

    let more = format!("[public]\nallowed_origins = ['{ORIGIN}']\n[limits]\nchannels_max = 7\n");
    let other = "another-key-of-the-backend";
    written(folder.path(), other, TOKEN_KEY, &more);
    server.process.signal("HUP").await;
    let line = server.process.err.with("the configuration is loaded").await;
    assert!(line.contains(r#""changed":"internal.key, public.allowed_origins""#), "{line}");
    let line = server.process.err.with("a restart is needed").await;
    assert!(line.contains(r#""settings":"limits.channels_max""#), "{line}");
    assert_eq!(of_page(&server, &token).await, 200);
    server.looks("/v1/stats").await.assert_problem(401, "key_wrong");
    server.key = Some(other);
    server.publishes("demo:1", 1).await;
    raw.expect_events(1..=1).await;

    // A bad file changes nothing; the token's key would have.
    written(folder.path(), other, &TOKEN_KEY.replace('0', "1"), "[limits]\nchanels_max = 1\n");
    server.process.signal("HUP").await;
    let line = server.process.err.with("nothing has changed").await;
    assert!(line.contains("steadfast.toml:6") && line.contains("channels_max"), "{line}");
    assert_eq!(of_page(&server, &token).await, 200);
    let ready = server.looks("/readyz").await.json();
    assert!(ready["warnings"][0].as_str().unwrap().contains("cannot be used"), "{ready}");

    written(folder.path(), other, &TOKEN_KEY.replace('0', "1"), "");
    server.process.signal("HUP").await;
    let line = server.process.err.with("the configuration is loaded").await;
    assert!(line.contains("auth.hs256_key, public.allowed_origins"), "{line}");
    assert_eq!(of_page(&server, &token).await, 403);
    let poll = server.http.get(server.url("/v1/channels/demo:1/events")).bearer_auth(&token);
    answer(poll).await.assert_problem(401, "token_forged");
    server.publishes("demo:1", 2).await;
    raw.expect_events(2..=2).await;
    let metrics = server.looks("/metrics").await.text;
    for line in ["{result=\"changed\"} 2", "{result=\"failed\"} 1"] {
        assert!(metrics.contains(&format!("steadfast_config_reloads_total{line}")), "{metrics}");
    }
}

/// The next state of each kind that the manager was told.
async fn told(manager: &UnixDatagram, expected: &[&str]) {
    let mut seen: Vec<String> = Vec::new();
    let reading = async {
        while !expected.iter().all(|one| seen.iter().any(|state| state.starts_with(one))) {
            let mut datagram = [0; 512];
            let length = manager.recv(&mut datagram).await.unwrap();
            let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
            seen.extend(text.lines().map(str::to_owned));
        }
    };
    within(&format!("{expected:?}"), reading).await;
}

#[tokio::test]
async fn the_service_manager_is_told_of_each_phase_and_that_the_process_lives() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    let config = written(folder.path(), BACKEND_KEY, TOKEN_KEY, "");
    let script = format!("export NOTIFY_SOCKET='{}' WATCHDOG_USEC=100000", socket.display());
    let mut server = with_key(Server::start_after(&script, &["--config", &config], &[]).await);
    told(&manager, &["READY=1"]).await;
    told(&manager, &["WATCHDOG=1"]).await;
    told(&manager, &["WATCHDOG=1"]).await;
    server.process.signal("HUP").await;
    told(&manager, &["RELOADING=1", "MONOTONIC_USEC="]).await;
    told(&manager, &["READY=1"]).await;
    server.process.signal("TERM").await;
    told(&manager, &["STOPPING=1", "EXTEND_TIMEOUT_USEC=2800000"]).await;
    assert_eq!(server.process.code().await, Some(0));
}

fn listening() -> (OwnedFd, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener.into(), address)
}

#[tokio::test]
async fn sockets_that_the_service_manager_has_opened_are_served() {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (names, is_swapped) in [("", false), ("internal:public", true)] {
        let [(first, one), (second, two)] = [listening(), listening()];
        let script = format!("export LISTEN_FDS=2 LISTEN_PID=$$ LISTEN_FDNAMES='{names}'");
        // Nothing listens here, and the settings are not asked.
        let args = ["serve", "--dev", "--listen", "127.0.0.1:1", "--internal", "127.0.0.1:2"];
        let mut process = Process::start_on([first, second], &script, &args, &[]);
        process.err.with("backends").await;
        let (public, internal) = if is_swapped { (two, one) } else { (one, two) };
        for (address, path, status) in
            [(public, "/v1/probe", 204), (internal, "/livez", 200), (public, "/livez", 404)]
        {
            let answer = answer(http.get(format!("http://{address}{path}"))).await;
            assert_eq!(answer.status, status, "{names:?} {path}");
        }
        process.signal("TERM").await;
        assert_eq!(process.code().await, Some(0));
    }
}

#[tokio::test]
async fn a_drain_that_is_asked_for_lets_links_polls_and_streams_go_and_the_process_stays() {
    let mut server = Server::dev().await;
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", json!("start"))]).await;
    raw.expect("subscribed").await;
    let waiting = server.polls("demo:2", "offset=latest&wait=50");
    let stream = server.asked("/v1/channels/demo:3/stream");
    let draining = async {
        server.is_followed(3).await;
        server.posts("/v1/drain", &json!({})).await
    };
    let (page, stream, draining) = tokio::join!(waiting, stream, draining);
    assert_eq!(draining.status, 202, "{draining:?}");
    assert_eq!(
        (&draining.json()["connections"], &draining.json()["other_nodes"]),
        (&json!(3), &json!(0))
    );
    assert!(page["next_poll_ms"].as_u64() >= Some(1_000), "{page}");
    assert_eq!(stream.status, 200, "{stream:?}");
    assert_eq!(raw.expect("go_away").await["spread_ms"], 1_000);
    assert_eq!(raw.closed().await.0, 1012);
    server.process.err.with("drained").await;
    server.looks("/readyz").await.assert_problem(503, "draining");
    assert_eq!(server.looks("/livez").await.status, 200);
    server.process.signal("TERM").await;
    assert_eq!(server.process.code().await, Some(0));
}
