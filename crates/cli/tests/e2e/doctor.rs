//! The examination of a way to a server: whole, blocked, cut, behind TLS, and with a token.

use serde_json::Value;

use crate::front::{Authority, Front};
use crate::process::Process;
use crate::proxy::{Mode, Proxy};
use crate::server::Server;
use crate::tokens::{guarded, made};

/// Starts an examination whose findings are JSON.
fn examines(url: &str, more: &[&str]) -> Process {
    Process::start(&[&["doctor", url, "--json"], more].concat(), &[])
}

/// All findings of an examination, and its exit code.
async fn examined(url: &str, more: &[&str]) -> (Vec<Value>, Option<i32>) {
    let (code, out, _) = examines(url, more).finish().await;
    (out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), code)
}

/// How a check ended.
fn outcome<'a>(findings: &'a [Value], check: &str) -> &'a str {
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("no {check} in {findings:?}"))["outcome"].as_str().unwrap()
}

#[tokio::test]
async fn nothing_is_wrong_with_a_server_on_this_machine() {
    let server = Server::dev().await;
    let (findings, code) = examined(&server.url(""), &["--idle", "1"]).await;
    let passed =
        ["dns", "tcp", "http", "clock", "upgrade", "stream", "session", "echo", "poll", "idle"];
    for check in passed {
        assert_eq!(outcome(&findings, check), "passed", "{findings:?}");
    }
    assert_eq!((outcome(&findings, "origin"), code), ("skipped", Some(0)));
}

#[tokio::test]
async fn a_refused_origin_is_told_with_the_setting() {
    let server = Server::dev().await;
    let origin = "https://app.example.org";
    let (findings, code) = examined(&server.url(""), &["--idle", "0", "--origin", origin]).await;
    assert_eq!((outcome(&findings, "origin"), code), ("failed", Some(1)));
    let finding = findings.iter().find(|finding| finding["check"] == "origin").unwrap();
    let remedy = finding["remedies"][0].as_str().unwrap();
    assert!(remedy.contains("public.allowed_origins = [\"https://app.example.org\"]"), "{remedy}");
}

#[tokio::test]
async fn a_proxy_that_lets_no_websocket_through_is_found() {
    let server = Server::dev().await;
    let proxy = Proxy::start(server.public).await;
    proxy.set(Mode::Forbid);
    let (findings, code) = examined(&proxy.url(), &["--idle", "1"]).await;
    assert_eq!((outcome(&findings, "upgrade"), code), ("failed", Some(1)));
    assert_eq!(["http", "poll"].map(|check| outcome(&findings, check)), ["passed"; 2]);
    assert_eq!(["session", "idle"].map(|check| outcome(&findings, check)), ["skipped"; 2]);
    let finding = findings.iter().find(|finding| finding["check"] == "upgrade").unwrap();
    assert!(finding["remedies"].as_array().unwrap().len() > 5, "{finding}");
}

#[tokio::test]
async fn a_path_that_cuts_idle_links_is_found() {
    let server = Server::dev().await;
    let proxy = Proxy::start(server.public).await;
    let mut doctor = examines(&proxy.url(), &["--idle", "5"]);
    doctor.out.with("\"echo\"").await;
    // The upgrade and the session before were asked for, too.
    let cuts = async {
        for asked in 3.. {
            proxy.is_asked_for_sockets(asked).await;
            while server.connections().await.is_empty() {
                tokio::task::yield_now().await;
            }
            proxy.cut_all();
        }
    };
    let finding = tokio::select! {
        finding = doctor.out.with("\"idle\"") => finding,
        () = cuts => unreachable!("cuts go on"),
    };
    let finding: Value = serde_json::from_str(&finding).unwrap();
    assert_eq!(finding["outcome"], "failed", "{finding}");
    assert!(finding["text"].as_str().unwrap().contains("is closed after"), "{finding}");
    assert_eq!(doctor.code().await, Some(1));
}

#[tokio::test]
async fn a_token_is_asked_for_and_one_that_is_given_is_used() {
    let server = guarded(&[]).await;
    let (findings, code) = examined(&server.url(""), &["--idle", "0"]).await;
    assert_eq!(["stream", "session"].map(|check| outcome(&findings, check)), ["skipped"; 2]);
    assert_eq!(code, Some(0));
    let token = made(&["--subscribe", "doctor"]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, token).unwrap();
    let more = ["--idle", "1", "--token-file", path.to_str().unwrap()];
    let (findings, code) = examined(&server.url(""), &more).await;
    for check in ["stream", "session", "echo", "poll", "idle"] {
        assert_eq!(outcome(&findings, check), "passed", "{findings:?}");
    }
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_said_and_its_authority_can_be_given() {
    let server = Server::dev().await;
    let authority = Authority::new();
    let front = Front::start(&authority, server.public).await;
    let (findings, code) = examined(&front.url(), &["--idle", "0"]).await;
    let last = findings.last().unwrap();
    assert_eq!((outcome(&findings, "http"), code), ("failed", Some(1)), "{last}");
    assert!(last["text"].as_str().unwrap().contains("certificate"), "{last}");
    let (findings, code) =
        examined(&front.url(), &["--idle", "0", "--ca", &authority.file()]).await;
    assert_eq!((outcome(&findings, "session"), code), ("passed", Some(0)), "{findings:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_ends_the_examination_early() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (findings, code) = examined(&url, &[]).await;
    assert_eq!((outcome(&findings, "tcp"), findings.len(), code), ("failed", 2, Some(1)));
}
