//! Opening a WebSocket. In: an endpoint. Out: both halves of an open socket with a limit to its
//! messages, or which kind of failure it was. Says nothing on the socket.

use http::StatusCode;
use http::header::LOCATION;
use http::response::Parts;
use steadfast_link::DialFailure;
use url::Url;

use crate::answer::{is_ours, retry_after_ms};
use crate::connector::Connector;
use crate::dial_error::DialError;
use crate::endpoint::Endpoint;
use crate::upgrade::{UpgradeError, upgrade};
use crate::websocket::{SocketReader, SocketWriter, halves};

/// What a WebSocket may carry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketOptions {
    /// The longest message that is taken, in bytes; of a compressed one both as it comes and
    /// inflated.
    pub(crate) message_bytes_max: usize,
    /// Whether compression is offered.
    pub(crate) is_compressed: bool,
}

/// An open WebSocket.
pub(crate) type Socket = (SocketReader, SocketWriter);

/// Opens a WebSocket.
pub(crate) async fn dial(
    connector: &Connector,
    endpoint: &Endpoint,
    options: SocketOptions,
) -> Result<Socket, DialError> {
    let (host, _) = endpoint.address();
    let stream = connector.through(endpoint).await?;
    match upgrade(stream, endpoint, options.is_compressed).await {
        Ok(upgraded) => Ok(halves(upgraded, options.message_bytes_max)),
        Err(error) => {
            let failure = failure(&error, &host);
            Err(DialError::Upgrade { place: endpoint.place(), source: error.into(), failure })
        }
    }
}

fn failure(error: &UpgradeError, host: &str) -> DialFailure {
    match error {
        UpgradeError::Refused(answer) => refusal(answer, host),
        // Something was answered that is no HTTP.
        UpgradeError::Http(error) if error.is_parse() => DialFailure::Blocked,
        // Nothing was answered: the path or the server, not a word from either.
        UpgradeError::Http(_) => DialFailure::Unreachable,
        // Something was answered that is no WebSocket.
        UpgradeError::NoWebSocket(_) | UpgradeError::Extensions(_) | UpgradeError::Request(_) => {
            DialFailure::Blocked
        }
    }
}

fn refusal(answer: &Parts, host: &str) -> DialFailure {
    if !is_ours(&answer.headers) {
        return if is_portal(answer, host) { DialFailure::Portal } else { DialFailure::Blocked };
    }
    match answer.status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            DialFailure::Busy { retry_after_ms: retry_after_ms(&answer.headers) }
        }
        // Our server saw no upgrade in what was one: something in between took it out.
        StatusCode::UPGRADE_REQUIRED => DialFailure::Blocked,
        status if status.is_client_error() => DialFailure::Refused,
        _ => DialFailure::Unreachable,
    }
}

/// Whether something else asks for a sign-in: by the status made for it, or by sending the link to
/// another site for now. A site that moves about its own names is no portal.
fn is_portal(answer: &Parts, host: &str) -> bool {
    let sends_elsewhere = match answer.status {
        StatusCode::NETWORK_AUTHENTICATION_REQUIRED => return true,
        StatusCode::FOUND | StatusCode::SEE_OTHER | StatusCode::TEMPORARY_REDIRECT => true,
        _ => false,
    };
    let to = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let to = to.and_then(|to| Url::parse(to).ok());
    let is_foreign = |to: &Url| {
        to.host_str().is_some_and(|other| !other.ends_with(host) && !host.ends_with(other))
    };
    sends_elsewhere && to.as_ref().is_some_and(is_foreign)
}

#[cfg(test)]
mod tests {
    use super::{SocketOptions, dial};
    use crate::endpoint::Endpoint;
    use crate::fake::{answering, connector};
    use steadfast_link::DialFailure;
    use tokio::net::TcpListener;

    const OPTIONS: SocketOptions = SocketOptions { message_bytes_max: 1024, is_compressed: true };

    async fn dialed(answer: &'static str) -> DialFailure {
        let base = answering(answer).await;
        let endpoint = Endpoint::new(&base).unwrap();
        dial(&connector(), &endpoint, OPTIONS).await.unwrap_err().failure()
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
        let error = dial(&connector(), &endpoint.unwrap(), OPTIONS).await.unwrap_err();
        assert_eq!(error.failure(), DialFailure::Unreachable);
        assert_eq!(dialed("").await, DialFailure::Unreachable);
    }
}
