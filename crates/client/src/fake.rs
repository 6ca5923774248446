//! For tests: servers of one canned answer on a real socket, and WebSockets to talk over.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::WebSocketStream;

use crate::connector::Connector;
use crate::proxy::Proxies;
use crate::tls;
use crate::transport::SocketOptions;

/// Sockets of small messages.
pub(crate) const OPTIONS: SocketOptions =
    SocketOptions { message_bytes_max: 1000, is_compressed: true };

/// A way without proxies, which trusts nobody.
pub(crate) fn connector() -> Connector {
    Connector::new(tls::config(&[], false).unwrap(), Proxies::none())
}

/// A server that gives each request this answer and hangs up; its base URL.
pub(crate) async fn answering(answer: &'static str) -> String {
    let (listener, base) = listening().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            respond(stream, answer).await;
        }
    });
    base
}

/// The same for one request, which it tells.
pub(crate) async fn answering_once(answer: &'static str) -> (String, oneshot::Receiver<String>) {
    let (listener, base) = listening().await;
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = tell.send(respond(stream, answer).await);
    });
    (base, told)
}

/// A port and its base URL.
pub(crate) async fn listening() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, base)
}

/// The server's end of the next WebSocket.
pub(crate) async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = listener.accept().await.unwrap();
    tokio_tungstenite::accept_async(stream).await.unwrap()
}

/// Reads a request, answers it and hangs up; gives back the request.
pub(crate) async fn respond<S>(mut stream: S, answer: &str) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(&mut stream).await;
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    request
}

/// The head of a request; what is no text in it is replaced.
pub(crate) async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&request).into_owned()
}
