//! `steadfast subscribe` by TLS: what ends it stands in front of the real server, behind it a
//! network that cuts and blocks.

use serde_json::json;

use crate::front::{Authority, Front};
use crate::process::Process;
use crate::proxy::{Mode, Proxy};
use crate::server::Server;

/// A server, the network before it, and TLS before that.
struct Path {
    server: Server,
    network: Proxy,
    front: Front,
}

impl Path {
    async fn new(authority: &Authority) -> Self {
        // Clients come back without waiting for others.
        let server = Server::dev_with(&[("CRASH_WINDOW_MS", "0")]).await;
        let network = Proxy::start(server.public).await;
        let front = Front::start(authority, network.address).await;
        Self { server, network, front }
    }

    fn subscriber(&self, trusted: &Authority) -> Process {
        let (url, file) = (self.front.url(), trusted.file());
        Process::start(&["subscribe", "demo:1", "--server", &url, "--ca", &file], &[])
    }

    /// Publishes the last event, which the subscriber prints and ends with.
    async fn ends(&self, subscriber: &mut Process, n: u64) {
        let last = json!({"event": "complete", "data": {"n": n}, "final": true});
        self.server.publishes_event("demo:1", &last).await;
        assert_eq!(subscriber.out.json().await["data"], json!({"n": n}));
        assert_eq!(subscriber.code().await, Some(0));
    }
}

#[tokio::test]
async fn events_come_by_tls_and_a_cut_is_resumed() {
    let authority = Authority::new();
    let path = Path::new(&authority).await;
    let mut subscriber = path.subscriber(&authority);
    subscriber.err.with("state: connected (was connecting): welcomed").await;
    path.server.publishes("demo:1", 1).await;
    assert_eq!(subscriber.out.json().await["data"], json!({"n": 1}));

    path.network.cut_all();
    subscriber.err.with("state: reconnecting (was connected): lost").await;
    path.server.publishes("demo:1", 2).await;
    subscriber.err.with("state: connected (was reconnecting): welcomed").await;
    let event = subscriber.out.json().await;
    assert_eq!((&event["offset"], &event["data"]), (&json!(2), &json!({"n": 2})), "{event}");
    path.ends(&mut subscriber, 3).await;
}

#[tokio::test]
async fn polls_go_by_tls_too() {
    let authority = Authority::new();
    let path = Path::new(&authority).await;
    path.network.set(Mode::Forbid);
    let mut subscriber = path.subscriber(&authority);
    subscriber.err.with("state: fallback (was reconnecting): websocket_blocked").await;
    path.server.publishes("demo:1", 1).await;
    assert_eq!(subscriber.out.json().await["data"], json!({"n": 1}));
    path.ends(&mut subscriber, 2).await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_and_the_link_goes_on_trying() {
    let (theirs, ours) = (Authority::new(), Authority::new());
    let path = Path::new(&theirs).await;
    let mut subscriber = path.subscriber(&ours);
    let cause = subscriber.err.with("cause: ").await;
    let begins = format!("cause: the certificate shown for {} ", &path.front.url()[8..]);
    assert!(cause.starts_with(&begins) && cause.contains("not to be trusted"), "{cause}");
    assert!(subscriber.err.next().await.contains("--ca FILE"));
    subscriber.err.with("state: reconnecting (was connecting): unreachable").await;

    // Each attempt is an attempt and a probe.
    path.front.is_dialled(3).await;
    assert_eq!(path.network.asked(), [""; 0], "nothing was said to a stranger");
    subscriber.signal("INT").await;
    subscriber.err.with("state: disconnected (was reconnecting): closed").await;
    assert_eq!(subscriber.finish().await.0, Some(0));
}

#[tokio::test]
async fn a_file_that_has_no_certificate_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let file = path.to_str().unwrap();
    let args = ["subscribe", "demo:1", "--server", "https://127.0.0.1:1", "--ca", file];
    let (code, out, error) = Process::start(&args, &[]).finish().await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("ca.pem cannot be read"), "{error}");
    std::fs::write(&path, "no certificate").unwrap();
    let (code, _, error) = Process::start(&args, &[]).finish().await;
    assert_eq!(code, Some(1));
    assert!(error.contains("root certificate") && error.contains("PEM"), "{error}");
}
