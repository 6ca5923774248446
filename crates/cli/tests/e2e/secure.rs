//! `steadfast subscribe` by TLS: what ends it is the real server, or stands in front of it, with a
//! network behind that cuts and blocks.

use std::io;
use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, HandshakeKind};

use crate::front::{Authority, Front};
use crate::process::Process;
use crate::proxy::{Mode, Proxy};
use crate::server::Server;
use crate::within;

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

/// A server that speaks TLS itself.
async fn speaking(authority: &Authority) -> Server {
    let [certificate, key] = authority.signs();
    let settings = [("PUBLIC__TLS_CERT_FILE", &*certificate), ("PUBLIC__TLS_KEY_FILE", &*key)];
    Server::dev_with(&settings).await
}

#[tokio::test]
async fn events_come_by_the_servers_own_tls() {
    let authority = Authority::new();
    let server = speaking(&authority).await;
    let (url, file) = (format!("https://{}", server.public), authority.file());
    let arguments = ["subscribe", "demo:1", "--server", &url, "--ca", &file];
    let mut subscriber = Process::start(&arguments, &[]);
    subscriber.err.with("state: connected (was connecting): welcomed").await;
    for n in 1..=3 {
        server.publishes("demo:1", n).await;
        assert_eq!(subscriber.out.json().await["data"], json!({"n": n}));
    }
    let last = json!({"event": "complete", "data": {"n": 4}, "final": true});
    server.publishes_event("demo:1", &last).await;
    assert_eq!(subscriber.out.json().await["data"], json!({"n": 4}));
    assert_eq!(subscriber.code().await, Some(0));
}

#[tokio::test]
async fn a_client_that_comes_back_needs_no_second_handshake() {
    let authority = Authority::new();
    let server = speaking(&authority).await;
    let connector = authority.connector();
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let stream = TcpStream::connect(server.public).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        let request = b"GET /v1/probe HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // The server closes; whether with a goodbye of TLS is not asked here.
        let _ended = within("the end of the answer", stream.read_to_end(&mut answer)).await;
        assert!(answer.starts_with(b"HTTP/1.1 204 "), "{}", String::from_utf8_lossy(&answer));
        kinds.push(stream.get_ref().1.handshake_kind());
    }
    assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]);
}

/// Opens a connection by TLS.
async fn dials(connector: &TlsConnector, to: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(to).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    within("a TLS handshake", connector.connect(name, stream)).await
}

/// What is answered to a request on such a connection, if anything; the connection stays open.
async fn asks(stream: &mut TlsStream<TcpStream>, path: &str) -> io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = vec![0; 4096];
    let count = within("an answer", stream.read(&mut answer)).await?;
    Ok(String::from_utf8_lossy(&answer[..count]).into_owned())
}

fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_the_old_ones_go_on() {
    let authority = Authority::new();
    let mut server = speaking(&authority).await;
    // Each with a memory of its own, so that no ticket stands in for the certificate.
    let mut old = dials(&authority.connector(), server.public).await.unwrap();
    let before = shown(&old);
    assert!(asks(&mut old, "/v1/probe").await.unwrap().starts_with("HTTP/1.1 204 "));
    let [certificate, _] = authority.signs();
    server.process.signal("HUP").await;
    server.process.err.with("the certificate has changed").await;
    let new = dials(&authority.connector(), server.public).await.unwrap();
    assert_ne!(shown(&new), before);
    assert!(asks(&mut old, "/v1/probe").await.unwrap().starts_with("HTTP/1.1 204 "));

    std::fs::write(&certificate, "no certificate").unwrap();
    server.process.signal("HUP").await;
    let warning = server.process.err.with("the old certificate stays").await;
    assert!(warning.contains("has no certificate"), "{warning}");
    let newest = dials(&authority.connector(), server.public).await.unwrap();
    assert_eq!(shown(&newest), shown(&new));
    let ready = server.looks("/readyz").await.json();
    let warnings = ready["warnings"].to_string();
    assert!(warnings.contains("the old certificate of the public port stays"), "{ready}");
    let metrics = server.looks("/metrics").await.text;
    for result in ["changed", "failed"] {
        let line = format!("steadfast_tls_reloads_total{{port=\"public\",result=\"{result}\"}} 1");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn tls_is_1_2_or_1_3_and_what_is_spoken_in_it_http_1_1() {
    let authority = Authority::new();
    let server = speaking(&authority).await;
    for version in rustls::ALL_VERSIONS {
        let protocols = ["h2", "http/1.1"];
        let connector = authority.connector_for(&[version], &protocols);
        let stream = dials(&connector, server.public).await.unwrap();
        let session = stream.get_ref().1;
        assert_eq!(session.protocol_version(), Some(version.version));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    let connector = authority.connector_for(rustls::ALL_VERSIONS, &["h2"]);
    let refused = dials(&connector, server.public).await.unwrap_err().to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
}

/// Whether the internal port answers such a client.
async fn is_served(connector: &TlsConnector, server: &Server) -> bool {
    match dials(connector, server.internal).await {
        // With TLS 1.3 a client hears of a refusal after its handshake.
        Ok(mut stream) => asks(&mut stream, "/livez")
            .await
            .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")),
        Err(_) => false,
    }
}

#[tokio::test]
async fn the_internal_port_may_want_a_certificate_of_its_clients() {
    let (authority, theirs, others) = (Authority::new(), Authority::new(), Authority::new());
    let [certificate, key] = authority.signs();
    let ca = theirs.file();
    for (wanted, without) in [("required", false), ("optional", true)] {
        let settings = [
            ("INTERNAL__TLS_CERT_FILE", &*certificate),
            ("INTERNAL__TLS_KEY_FILE", &*key),
            ("INTERNAL__TLS_CLIENT_CA_FILE", &*ca),
            ("INTERNAL__TLS_CLIENT_CERTIFICATES", wanted),
        ];
        let server = Server::dev_with(&settings).await;
        assert!(is_served(&authority.connector_as_client_of(&theirs), &server).await);
        assert_eq!(is_served(&authority.connector(), &server).await, without, "{wanted}");
        assert!(!is_served(&authority.connector_as_client_of(&others), &server).await);
    }
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
