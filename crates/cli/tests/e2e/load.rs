//! `steadfast bench` against the real server: counts that must add up, and what it says where it
//! cannot run. Times are never looked at.

use serde_json::Value;
use steadfast_broker::testing::ReservedPort;

use crate::process::Process;
use crate::server::Server;

/// What a run printed as JSON, and its exit code.
async fn bench(server: &Server, args: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, Value) {
    let (clients, backends) = (server.url(""), server.internal_url(""));
    let places = ["--server", &clients, "--internal", &backends, "--json"];
    let all: Vec<&str> = ["bench"].iter().chain(args).chain(&places).copied().collect();
    let (code, out, err) = Process::start(&all, variables).finish().await;
    let report = serde_json::from_str(&out);
    (code, report.unwrap_or_else(|error| panic!("{error}: {out}{err}")))
}

fn assert_whole(report: &Value, links: u64, members: u64) {
    let (connects, found) = (&report["connects"], &report["deliveries"]);
    assert_eq!(connects["live"], links, "{report:#}");
    assert_eq!(connects["failed"], serde_json::json!({}), "{report:#}");
    let published = found["published"].as_u64().unwrap();
    assert!(published > 0, "{report:#}");
    assert_eq!(found["delivered"], published * members, "{report:#}");
    for fault in ["lost", "doubled", "out_of_order", "held_back", "unanswered"] {
        assert_eq!(found[fault], 0, "{fault}: {report:#}");
    }
    // Each delivery brings at least its data.
    assert!(found["bytes"].as_u64().unwrap() > published * members * 150, "{report:#}");
}

#[tokio::test]
async fn every_event_reaches_every_link() {
    let server = Server::dev().await;
    let pid = server.process.pid().to_string();
    let typed =
        ["--links", "100", "--rate", "20", "--seconds", "1", "--server-pid", &pid, "--hold", "0"];
    let (code, report) = bench(&server, &typed, &[]).await;
    assert_eq!(code, Some(0), "{report:#}");
    assert_whole(&report, 100, 100);
    assert!(report["memory"]["idle_bytes"].as_u64().unwrap() > 0, "{report:#}");
    assert!(report["cpu"]["seconds"].as_f64().is_some(), "{report:#}");
    let stats = server.looks("/v1/stats").await.json();
    let delivered = &report["deliveries"]["delivered"];
    assert_eq!(stats["events"]["deliveries"], *delivered, "{stats:#}");
}

#[tokio::test]
async fn links_of_several_processes_and_channels_get_their_own_events() {
    let server = Server::dev().await;
    let typed = [
        "channels",
        "--links",
        "60",
        "--channels",
        "20",
        "--in-flight",
        "30",
        "--seconds",
        "1",
        "--processes",
        "3",
    ];
    let (code, report) = bench(&server, &typed, &[]).await;
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(report["processes"], 3);
    assert_whole(&report, 60, 3);
}

#[tokio::test]
async fn links_that_the_server_does_not_take_are_counted_with_the_reason() {
    let server = Server::dev_with(&[("PUBLIC__CONNECTIONS_MAX", "10")]).await;
    let (code, report) = bench(&server, &["storm", "--links", "12", "--seconds", "1"], &[]).await;
    assert_eq!(code, Some(1), "{report:#}");
    let failed = report["connects"]["failed"].as_object().unwrap();
    let count: u64 = failed.values().map(|count| count.as_u64().unwrap()).sum();
    let live = report["connects"]["live"].as_u64().unwrap();
    assert_eq!(live + count, 12, "{report:#}");
    // The first look at the address may still have a place of its own.
    assert!((9..=10).contains(&live), "{report:#}");
    assert_eq!(report["deliveries"]["delivered"], report["deliveries"]["expected"]);
}

#[tokio::test]
async fn a_server_that_wants_secrets_gets_them_or_the_reason_is_said() {
    let settings = [
        ("INTERNAL__KEY", "an-internal-key-of-the-test"),
        ("AUTH__HS256_KEY", "a-signing-key-for-tokens-of-this-test"),
    ];
    let server = Server::start(&[], &settings).await;
    let variables = [("STEADFAST_AUTH__HS256_KEY", settings[1].1)];
    let typed = ["token", "--subscribe", "bench:*", "--ttl", "1h"];
    let (code, token, err) = Process::start(&typed, &variables).finish().await;
    assert_eq!(code, Some(0), "{err}");
    let secrets = [("STEADFAST_TOKEN", token.trim()), ("STEADFAST_KEY", settings[0].1)];
    let few = ["--links", "5", "--in-flight", "1", "--seconds", "1"];
    let (code, report) = bench(&server, &few, &secrets).await;
    assert_eq!(code, Some(0), "{report:#}");
    assert_whole(&report, 5, 5);
    for (variables, said) in [(&secrets[1..], "--token-file"), (&secrets[..1], "--key-file")] {
        let (clients, backends) = (server.url(""), server.internal_url(""));
        let places = ["bench", "--server", &clients, "--internal", &backends];
        let typed: Vec<&str> = places.iter().chain(&few).copied().collect();
        let (code, out, err) = Process::start(&typed, variables).finish().await;
        assert_eq!(code, Some(1), "{out}{err}");
        assert!(err.contains(said), "{err}");
    }
}

#[tokio::test]
async fn what_cannot_run_says_what_to_do() {
    let free = ReservedPort::take();
    let nobody = format!("http://{}", free.address());
    for (typed, said) in [
        (vec!["bench", "--server", &nobody], "is the server running there?"),
        (vec!["bench", "--server", "https://127.0.0.1"], "write one such as"),
        (vec!["bench", "--bytes", "79"], "80 to 524288"),
    ] {
        let (code, out, err) = Process::start(&typed, &[]).finish().await;
        assert_eq!((code, &*out), (Some(1), ""), "{err}");
        assert!(err.contains(said), "{err}");
    }
    let server = Server::dev().await;
    let (clients, backends) = (server.url(""), server.internal_url(""));
    let places = ["bench", "--server", &clients, "--internal", &backends];
    for (flags, said) in [
        (["--links", "0"], "1 to 1000000"),
        (["--channels", "2000"], "1 to 1000"),
        (["--server-pid", "4294967295"], "is it running here?"),
    ] {
        let typed: Vec<&str> = places.iter().chain(&flags).copied().collect();
        let (code, _, err) = Process::start(&typed, &[]).finish().await;
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains(said), "{err}");
    }
}

#[tokio::test]
async fn where_descriptors_run_out_there_are_more_processes_or_the_limit_is_said() {
    let server = Server::dev().await;
    let (clients, backends) = (server.url(""), server.internal_url(""));
    let typed = ["bench", "--server", &clients, "--internal", &backends, "--links", "60"];
    let load = ["--in-flight", "1", "--seconds", "1", "--json"];
    let mut run = Process::start_after("ulimit -n 64", &[&typed[..], &load].concat(), &[]);
    let (code, out, err) = run.finish().await;
    assert_eq!(code, Some(0), "{out}{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["processes"], 2, "{report:#}");
    assert_whole(&report, 60, 60);
    let (code, _, err) =
        Process::start_after("ulimit -n 64", &[&typed[..], &["--processes", "1"]].concat(), &[])
            .finish()
            .await;
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("let there be 2"), "{err}");
}
