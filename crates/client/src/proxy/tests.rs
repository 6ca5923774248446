//! A proxy of a few lines, and what goes through it.

use hyper_util::client::proxy::matcher::Matcher;
use steadfast_link::DialFailure;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::Proxies;
use crate::connector::Connector;
use crate::dial_error::DialError;
use crate::endpoint::Endpoint;
use crate::fake::{OPTIONS, accept, answering_once, listening, request};
use crate::poll::Http;
use crate::tls;
use crate::transport::dial;

const USER: &str = "Aladdin:open%20sesame";
const BASIC: &str = "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";

/// A proxy that leads every tunnel to `server`; what it was asked.
async fn tunnelling(server: String) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let (tell, told) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tell.send(request(&mut stream).await).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 Go on\r\n\r\n").await.unwrap();
            let mut server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut stream, &mut server).await });
        }
    });
    (place, told)
}

fn connector(proxy: &str, no: &str) -> Connector {
    let proxies = Proxies(Matcher::builder().all(proxy).no(no).build());
    Connector::new(tls::config(&[], false).unwrap(), proxies)
}

fn far() -> Endpoint {
    Endpoint::new("http://steadfast.example:8080").unwrap()
}

#[tokio::test]
async fn a_socket_goes_through_a_tunnel_and_shows_who_it_is() {
    let (listener, base) = listening().await;
    let (proxy, mut asked) = tunnelling(base.replace("http://", "")).await;
    let connector = connector(&format!("http://{USER}@{proxy}"), "");
    assert!(!format!("{connector:?}").contains("sesame"));
    let endpoint = far();
    let (dialed, _server) = tokio::join!(dial(&connector, &endpoint, OPTIONS), accept(&listener));
    dialed.unwrap();
    let asked = asked.recv().await.unwrap();
    assert!(asked.starts_with("CONNECT steadfast.example:8080 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains(BASIC), "{asked}");
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_whatever_is_asked() {
    let endpoint = Endpoint::new("https://steadfast.example").unwrap();
    let (base, request) = answering_once("HTTP/1.1 403 No\r\n\r\n").await;
    assert!(!Http::new(connector(&base, ""), endpoint).probe().await);
    assert!(request.await.unwrap().starts_with("CONNECT steadfast.example:443 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_plain_request_is_handed_to_the_proxy_whole() {
    let (base, request) = answering_once("HTTP/1.1 204 None\r\nsteadfast-node: a\r\n\r\n").await;
    let connector = connector(&base.replace("http://", &format!("http://{USER}@")), "");
    assert!(Http::new(connector, far()).probe().await);
    let request = request.await.unwrap();
    assert!(request.starts_with("GET http://steadfast.example:8080/v1/probe HTTP/1.1\r\n"));
    assert!(request.to_lowercase().contains(&BASIC.to_lowercase()), "{request}");
}

#[tokio::test]
async fn a_proxy_that_opens_no_tunnel_blocks_and_one_that_is_away_does_not() {
    let error = async |proxy: &str| dial(&connector(proxy, ""), &far(), OPTIONS).await.unwrap_err();
    for answer in ["407 Who", "403 No", "502 Where"] {
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").leak();
        let (base, _request) = answering_once(answer).await;
        let error = error(&base.replace("http://", &format!("http://{USER}@"))).await;
        assert!(matches!(error, DialError::ProxyRefused { .. }), "{error:?}");
        assert_eq!(error.failure(), DialFailure::Blocked);
        assert!(!format!("{error:?} {error}").contains("sesame"));
    }
    let (listener, base) = listening().await;
    drop(listener);
    let away = error(&base).await;
    assert!(matches!(away, DialError::ProxyUnreachable { .. }), "{away:?}");
    assert_eq!(away.failure(), DialFailure::Unreachable);
    let socks = error("socks5://127.0.0.1:1").await;
    assert!(matches!(socks, DialError::ProxyScheme { .. }), "{socks:?}");
}

#[test]
fn some_servers_are_reached_without_one() {
    let proxies = Proxies(Matcher::builder().all("http://proxy:1").no("near.example").build());
    let has_one = |url: &str| proxies.before(&Endpoint::new(url).unwrap()).is_some();
    assert!(has_one("http://far.example") && has_one("wss://far.example"));
    assert!(!has_one("http://near.example") && !has_one("https://a.near.example"));
    assert!(!has_one("http://localhost:8080") && !has_one("http://[::1]"));
    let secure = Proxies(Matcher::builder().https("http://proxy:1").build());
    assert!(secure.before(&Endpoint::new("wss://far.example").unwrap()).is_some());
    assert!(secure.before(&far()).is_none());
}
