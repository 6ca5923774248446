//! Opening a WebSocket. In: an endpoint. Out: an open socket with small buffers and a limit to its
//! messages, or which kind of failure it was. Says nothing on the socket.

use http::StatusCode;
use http::header::LOCATION;
use steadfast_link::DialFailure;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

use crate::answer::{is_ours, retry_after_ms};
use crate::connector::{Connector, Stream};
use crate::dial_error::DialError;
use crate::endpoint::Endpoint;

/// What is read from, or held for, a socket at a time, in bytes.
const BUFFER_BYTES: usize = 8 * 1024;
/// What may wait to be written beyond that, in bytes: one large hello.
const WRITE_BYTES_MAX: usize = 1024 * 1024;

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<Stream>;

/// Opens a WebSocket whose messages have at most `message_bytes_max` bytes.
pub(crate) async fn dial(
    connector: &Connector,
    endpoint: &Endpoint,
    message_bytes_max: usize,
) -> Result<Socket, DialError> {
    let (host, _) = endpoint.address();
    let refused = |error: Error| {
        let failure = failure(&error, &host);
        DialError::Upgrade { place: endpoint.place(), source: error.into(), failure }
    };
    let stream = connector.through(endpoint).await?;
    let request = endpoint.socket().into_client_request().map_err(refused)?;
    let config = config(message_bytes_max);
    let opened = client_async_with_config(request, stream, Some(config)).await;
    opened.map(|(socket, _)| socket).map_err(refused)
}

fn config(message_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BYTES_MAX)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
}

fn failure(error: &Error, host: &str) -> DialFailure {
    match error {
        Error::Http(answer) => refusal(answer, host),
        // Nothing was answered: the path or the server, not a word from either.
        Error::Io(_)
        | Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Tls(_)
        | Error::Protocol(ProtocolError::HandshakeIncomplete) => DialFailure::Unreachable,
        // Something was answered that is no WebSocket.
        Error::Protocol(_)
        | Error::Capacity(_)
        | Error::WriteBufferFull(_)
        | Error::Utf8(_)
        | Error::AttackAttempt
        | Error::Url(_)
        | Error::HttpFormat(_) => DialFailure::Blocked,
    }
}

fn refusal(answer: &Response, host: &str) -> DialFailure {
    if !is_ours(answer.headers()) {
        return if is_portal(answer, host) { DialFailure::Portal } else { DialFailure::Blocked };
    }
    match answer.status() {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            DialFailure::Busy { retry_after_ms: retry_after_ms(answer.headers()) }
        }
        // Our server saw no upgrade in what was one: something in between took it out.
        StatusCode::UPGRADE_REQUIRED => DialFailure::Blocked,
        status if status.is_client_error() => DialFailure::Refused,
        _ => DialFailure::Unreachable,
    }
}

/// Whether something else asks for a sign-in: by the status made for it, or by sending the link to
/// another site for now. A site that moves about its own names is no portal.
fn is_portal(answer: &Response, host: &str) -> bool {
    let sends_elsewhere = match answer.status() {
        StatusCode::NETWORK_AUTHENTICATION_REQUIRED => return true,
        StatusCode::FOUND | StatusCode::SEE_OTHER | StatusCode::TEMPORARY_REDIRECT => true,
        _ => false,
    };
    let to = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let to = to.and_then(|to| Url::parse(to).ok());
    let is_foreign = |to: &Url| {
        to.host_str().is_some_and(|other| !other.ends_with(host) && !host.ends_with(other))
    };
    sends_elsewhere && to.as_ref().is_some_and(is_foreign)
}

#[cfg(test)]
mod tests {
    use super::dial;
    use crate::endpoint::Endpoint;
    use crate::fake::{answering, connector};
    use steadfast_link::DialFailure;
    use tokio::net::TcpListener;

    async fn dialed(answer: &'static str) -> DialFailure {
        let base = answering(answer).await;
        let endpoint = Endpoint::new(&base).unwrap();
        dial(&connector(), &endpoint, 1024).await.unwrap_err().failure()
    }

    #[tokio::test]
    async fn an_answer_of_our_server_is_told_from_one_of_something_else() {
        let node = "Steadfast-Node: a\r\ncontent-length: 0\r\n\r\n";
        let ours = |head: &str| -> &'static str { format!("HTTP/1.1 {head}\r\n{node}").leak() };
        let busy = DialFailure::Busy { retry_after_ms: 7_000 };
        assert_eq!(dialed(ours("503 Busy\r\nRetry-After: 7")).await, busy);
        assert_eq!(dialed(ours("429 Slow\r\nretry-after: 7")).await, busy);
        assert_eq!(dialed(ours("401 Who")).await, DialFailure::Refused);
        assert_eq!(dialed(ours("403 No")).await, DialFailure::Refused);
        assert_eq!(dialed(ours("426 Upgrade")).await, DialFailure::Blocked);
        assert_eq!(dialed(ours("500 Oh")).await, DialFailure::Unreachable);
        for other in [
            "HTTP/1.1 403 No\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
            "HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 302 Here\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 302 Here\r\nlocation: https://127.0.0.1/v1/ws\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 301 Moved\r\nlocation: https://new.example/\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
            "HTTP/1.1 101 Odd\r\n\r\n",
            "SSH-2.0-OpenSSH\r\n\r\n",
        ] {
            assert_eq!(dialed(other).await, DialFailure::Blocked, "{other}");
        }
        for portal in [
            "HTTP/1.1 302 Log in\r\nlocation: http://portal/\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 511 Network Authentication Required\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert_eq!(dialed(portal).await, DialFailure::Portal, "{portal}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_unreachable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::new(&format!("http://{}", listener.local_addr().unwrap()));
        drop(listener);
        let error = dial(&connector(), &endpoint.unwrap(), 1024).await.unwrap_err();
        assert_eq!(error.failure(), DialFailure::Unreachable);
        assert_eq!(dialed("").await, DialFailure::Unreachable);
    }
}
