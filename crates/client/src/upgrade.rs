//! The request that makes a WebSocket of a stream. In: a stream to the server. Out: the stream with
//! what came behind the answer, and what was agreed; or why there is none. HTTP itself is hyper's.
//! Must not know: what is said on a WebSocket.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS};
use http::header::{SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use steadfast_websocket::accept_key;
use steadfast_websocket::deflate::{self, AnswerError};

use crate::connector::Stream;
use crate::endpoint::Endpoint;

/// A stream that has become a WebSocket.
pub(crate) struct Upgraded {
    pub(crate) stream: Stream,
    /// What came behind the answer.
    pub(crate) ahead: Bytes,
    /// Whether both sides may send compressed messages.
    pub(crate) is_compressed: bool,
}

/// Why a stream has not become a WebSocket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    /// Nothing was answered, or no HTTP.
    #[error("the request for a WebSocket was not answered by HTTP")]
    Http(#[source] hyper::Error),
    /// Another status than 101.
    #[error("the request for a WebSocket was answered with {}", .0.status)]
    Refused(Box<Parts>),
    /// An answer of 101 that is none to this request.
    #[error("the answer switches protocols, but to no WebSocket: {0} is missing or wrong")]
    NoWebSocket(HeaderName),
    /// The server agreed to something else than was offered.
    #[error("the answer is not within the offer of compression")]
    Extensions(#[source] AnswerError),
    /// The request could not be made.
    #[error("the request for a WebSocket could not be made")]
    Request(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// Asks for a WebSocket; with compression, where that is wanted and the server agrees.
pub(crate) async fn upgrade(
    stream: Stream,
    endpoint: &Endpoint,
    offers_compression: bool,
) -> Result<Upgraded, UpgradeError> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| unmade(io::Error::other(error)))?;
    let key = STANDARD.encode(key);
    let request = request(endpoint, &key, offers_compression).map_err(unmade)?;

    let opened = http1::Builder::new().handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await;
    let (mut sender, connection) = opened.map_err(UpgradeError::Http)?;
    let mut connection = Box::pin(connection.without_shutdown());
    let mut finished = None;
    let answer = {
        let mut answer = Box::pin(sender.send_request(request));
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => break answer,
                parts = &mut connection, if finished.is_none() => finished = Some(parts),
            }
        }
    };
    let (head, _) = answer.map_err(UpgradeError::Http)?.into_parts();
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(UpgradeError::Refused(Box::new(head)));
    }
    let is_compressed = check(&head.headers, &key, offers_compression)?;
    let parts = match finished {
        Some(parts) => parts,
        None => connection.await,
    };
    let parts = parts.map_err(UpgradeError::Http)?;
    Ok(Upgraded { stream: parts.io.into_inner(), ahead: parts.read_buf, is_compressed })
}

fn unmade(error: impl std::error::Error + Send + Sync + 'static) -> UpgradeError {
    UpgradeError::Request(Arc::new(error))
}

fn request(
    endpoint: &Endpoint,
    key: &str,
    offers_compression: bool,
) -> Result<Request<Empty<Bytes>>, http::Error> {
    let mut request = Request::get(endpoint.socket_path())
        .header(HOST, endpoint.authority())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, key);
    if offers_compression {
        request = request.header(SEC_WEBSOCKET_EXTENSIONS, deflate::OFFER);
    }
    request.body(Empty::new())
}

/// Checks an answer of 101; whether it agrees to compression.
fn check(headers: &HeaderMap, key: &str, offers_compression: bool) -> Result<bool, UpgradeError> {
    let has = |name: HeaderName, wanted: &str| {
        let values = headers.get_all(&name).iter().filter_map(|value| value.to_str().ok());
        let mut words = values.flat_map(|value| value.split(','));
        let found = words.any(|word| word.trim().eq_ignore_ascii_case(wanted));
        if found { Ok(()) } else { Err(UpgradeError::NoWebSocket(name)) }
    };
    has(UPGRADE, "websocket")?;
    has(CONNECTION, "upgrade")?;
    let accept = headers.get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if accept != Some(accept_key(key.as_bytes()).as_bytes()) {
        return Err(UpgradeError::NoWebSocket(SEC_WEBSOCKET_ACCEPT));
    }
    let lines = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().map(HeaderValue::as_bytes);
    match deflate::read_answer(lines).map_err(UpgradeError::Extensions)? {
        true if !offers_compression => Err(UpgradeError::Extensions(AnswerError::NotOffered)),
        agreed => Ok(agreed),
    }
}
