//! What operators meet: few descriptors, a log that machines read, a port that is taken, a node
//! that stops alone.

use std::path::Path;

use serde_json::{Value, json};
use steadfast_broker::testing::ReservedPort;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::process::Process;
use crate::raw::Raw;
use crate::server::Server;
use crate::wire::Wire;

const KEYS: [(&str, &str); 2] = [
    ("INTERNAL__KEY", "sixteen bytes and more of a key"),
    ("AUTH__HS256_KEY", "thirty-two bytes and more of another key"),
];

/// Descriptors that a process is given.
const FEW: usize = 128;

#[tokio::test]
async fn with_few_descriptors_the_internal_port_answers_and_one_line_says_so() {
    let script = format!("ulimit -n {FEW}");
    let mut server = Server::start_after(&script, &["--dev"], &[]).await;
    // More than there are descriptors for, all held.
    let mut held = Vec::new();
    for _ in 0..2 * FEW {
        held.push(TcpStream::connect(server.public).await.unwrap());
    }
    for _ in 0..3 {
        assert_eq!(server.looks("/livez").await.status, 200);
        assert_eq!(server.looks("/readyz").await.status, 200);
        assert_eq!(server.publishes("demo:1", 1).await["channel"], "demo:1");
    }
    let stats = server.looks("/v1/stats").await.json();
    let (sockets, refused) = (&stats["sockets"], &stats["connections"]["refused"]);
    assert!(sockets.as_u64() <= Some(FEW as u64 * 3 / 4), "{stats}");
    assert!(refused.as_u64() >= Some(1), "{stats}");
    drop(held);
    server.process.signal("TERM").await;
    server.process.code().await;
    let all = server.process.err.all().await;
    let warnings: Vec<_> = all.iter().filter(|line| line.contains("WARN")).collect();
    let [few, full] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(few.contains("too few files"), "{few}");
    assert!(full.contains("refused:") && full.contains("public.connections_max"), "{full}");
}

/// Other programs than a client may take the last descriptor: the broker, the log.
#[tokio::test]
async fn without_a_descriptor_left_accepting_pauses_and_goes_on_once_there_is_one() {
    let mut server = Server::dev().await;
    assert_eq!(server.looks("/livez").await.status, 200);
    let pid = server.process.pid().to_string();
    let limit = async |soft: usize| {
        let soft = format!("--nofile={soft}:");
        let status = Command::new("prlimit").args(["--pid", &pid, &soft]).status().await;
        assert!(status.unwrap().success());
    };
    limit(3).await;
    let (mut waiting, mut backend) =
        (Wire::open(server.public).await, Wire::open(server.internal).await);
    waiting.says("GET /v1/probe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
    backend.says("GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
    server.process.err.with("cannot accept connections").await;
    limit(1024).await;
    assert!(waiting.head().await.starts_with("HTTP/1.1 204 "));
    assert!(backend.head().await.starts_with("HTTP/1.1 200 "));
    server.process.signal("TERM").await;
    server.process.code().await;
    let all = server.process.err.all().await;
    let said = all.iter().filter(|line| line.contains("cannot accept connections")).count();
    assert_eq!(said, 1, "one line for many attempts");
}

/// P-55: nobody can go anywhere else before it is back.
#[tokio::test]
async fn a_node_without_others_does_not_wait_for_links_that_cannot_leave() {
    let hour = [("DRAIN__SPREAD_MS", "600000"), ("DRAIN__DEADLINE_MS", "3600000")];
    let mut server = Server::dev_with(&hour).await;
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", json!("start"))]).await;
    raw.expect("subscribed").await;
    server.process.signal("TERM").await;
    let away = raw.expect("go_away").await;
    assert_eq!(away["spread_ms"], 1_000, "{away}");
    assert_eq!(raw.closed().await.0, 1012);
    assert_eq!(server.process.code().await, Some(0));
}

#[tokio::test]
async fn every_line_of_the_log_is_an_object_and_none_says_where_the_sources_lay() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--data-dir", folder.path().to_str().unwrap()];
    let variables: Vec<(&str, &str)> = KEYS.to_vec();
    let mut server = Server::start(&flags, &variables).await;
    server.process.signal("TERM").await;
    assert_eq!(server.process.code().await, Some(0));
    let all = server.process.err.all().await;
    assert!(all.len() > 2, "{all:?}");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_str().unwrap();
    for line in &all {
        let object: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let names: Vec<&String> = object.as_object().unwrap().keys().collect();
        assert!(!names.iter().any(|name| name.starts_with("log.")), "{line}");
        assert!(!line.contains(here) && !line.contains("/registry/"), "{line}");
    }
    let listening = all.iter().find(|line| line.contains(r#""message":"listening""#)).unwrap();
    let listening: Value = serde_json::from_str(listening).unwrap();
    assert_eq!(listening["backends"], format!("http://{}", server.internal));
}

#[tokio::test]
async fn a_log_level_that_is_none_is_refused() {
    for wanted in ["loud", "info,loud", "steadfast_server=loud"] {
        let variables = [("STEADFAST_LOG", wanted)];
        let (code, _, err) = Process::start(&["serve", "--dev"], &variables).finish().await;
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains("loud") && err.contains("is no level"), "{err}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_once() {
    let server = Server::dev().await;
    let other = ReservedPort::take();
    let (taken, free) = (server.public.to_string(), other.address().to_string());
    let typed = ["serve", "--dev", "--listen", &taken, "--internal", &free];
    let (code, _, err) = Process::start(&typed, &[]).finish().await;
    assert_eq!(code, Some(1), "{err}");
    assert_eq!(err.matches("Address already in use").count(), 1, "{err}");
    assert!(err.contains(&taken), "{err}");
}

#[tokio::test]
async fn an_empty_variable_names_no_configuration() {
    let server = Server::dev_with(&[("CONFIG", "")]).await;
    assert_eq!(server.looks("/livez").await.status, 200);
    let variables = [("STEADFAST_CONFIG", "")];
    let (code, _, err) = Process::start(&["check"], &variables).finish().await;
    assert_eq!(code, Some(1));
    assert!(err.contains("there is no steadfast.toml"), "{err}");
}
