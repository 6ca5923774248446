//! The answer to a request that wants to become a WebSocket.
//!
//! In: the head of an HTTP request. Out: the response to send, which either switches protocols
//! or says what is missing. Must not know: routes, origins, tokens, sockets.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use steadfast_websocket::{accept_key, deflate};
use thiserror::Error;

/// The only version of the protocol there is.
const PROTOCOL_VERSION: &str = "13";

/// Why a request cannot become a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UpgradeRefusal {
    /// Another method than GET: 405.
    #[error("a WebSocket starts with GET")]
    Method,
    /// Another HTTP version than 1.1: 505.
    #[error("a WebSocket starts with HTTP/1.1")]
    HttpVersion,
    /// There is no `Connection: Upgrade` with `Upgrade: websocket`: 426.
    #[error("send Connection: Upgrade and Upgrade: websocket, and see that proxies keep them")]
    NotAnUpgrade,
    /// Another version of the protocol than 13: 426.
    #[error("send Sec-WebSocket-Version: 13")]
    ProtocolVersion,
    /// No key, several, or one that is not 16 bytes in base64: 400.
    #[error("send one Sec-WebSocket-Key of 16 random bytes in base64")]
    Key,
}

/// The response that turns the connection of `request` into a WebSocket (101), or why there is
/// none. No subprotocol is accepted, and no extension but compression where that `may` be.
pub fn accept<B>(request: &Request<B>, may_compress: bool) -> Result<Response<()>, UpgradeRefusal> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(UpgradeRefusal::Method);
    }
    if request.version() != Version::HTTP_11 {
        return Err(UpgradeRefusal::HttpVersion);
    }
    if !is_upgrade(headers) {
        return Err(UpgradeRefusal::NotAnUpgrade);
    }
    if only(headers, &header::SEC_WEBSOCKET_VERSION).is_none_or(|it| it != PROTOCOL_VERSION) {
        return Err(UpgradeRefusal::ProtocolVersion);
    }
    let key = only(headers, &header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key.as_bytes()));
    let accept = key.map(|key| accept_key(key.as_bytes()));
    let accept = accept.and_then(|accept| HeaderValue::try_from(accept).ok());
    let mut response = upgrading(StatusCode::SWITCHING_PROTOCOLS);
    let accept = accept.ok_or(UpgradeRefusal::Key)?;
    response.headers_mut().insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    let offers = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).iter();
    if may_compress && let Some(answer) = deflate::accept_offer(offers.map(HeaderValue::as_bytes)) {
        let answer = HeaderValue::from_static(answer);
        response.headers_mut().insert(header::SEC_WEBSOCKET_EXTENSIONS, answer);
    }
    Ok(response)
}

/// Whether a response agrees to compression.
pub fn is_compressed<B>(response: &Response<B>) -> bool {
    response.headers().contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
}

/// Whether a request asks for a WebSocket at all, whether it is valid or not.
pub fn is_upgrade(headers: &HeaderMap) -> bool {
    has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket")
}

impl UpgradeRefusal {
    /// The status of the response: 400, 405, 426 or 505.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::HttpVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::NotAnUpgrade | Self::ProtocolVersion => StatusCode::UPGRADE_REQUIRED,
            Self::Key => StatusCode::BAD_REQUEST,
        }
    }

    /// The response to send, with the headers that its status asks for and no body.
    pub fn response(self) -> Response<()> {
        match self {
            Self::Method => {
                let mut response = with_status(self.status());
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
                response
            }
            Self::HttpVersion | Self::Key => with_status(self.status()),
            Self::NotAnUpgrade | Self::ProtocolVersion => {
                let mut response = upgrading(self.status());
                let version = HeaderValue::from_static(PROTOCOL_VERSION);
                response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, version);
                response
            }
        }
    }
}

fn with_status(status: StatusCode) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    response
}

fn upgrading(status: StatusCode) -> Response<()> {
    let mut response = with_status(status);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
}

/// Whether a list header, over all its lines, contains `token`, in any case.
pub fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|it| it.trim().eq_ignore_ascii_case(token))
}

/// The value of a header that is present exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Whether this is base64 of 16 bytes: 22 characters and two of padding.
fn is_key(key: &[u8]) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(is_base64)
}

#[cfg(test)]
mod tests;
