//! The headers of every response of the public port, and the responses to CORS preflight requests.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use steadfast_protocol::ChannelName;

use super::body::{Body, boxed, whole};
use super::{poll_query, tickets};
use crate::auth::admission::Admission;
use crate::node::Node;
use crate::problem::{Code, Problem};

/// Shows that the response is from a Steadfast server and not from something in between. P-75
pub(super) const NODE: HeaderName = HeaderName::from_static("steadfast-node");

/// How long a browser may cache a preflight response, in seconds.
const PREFLIGHT_AGE_S: &str = "600";

/// Adds the common headers. `origin` is the request's, if its pages may read the response.
pub(super) fn finish<B>(node: &Node, origin: Option<HeaderValue>, response: &mut Response<B>) {
    let headers = response.headers_mut();
    if let Ok(name) = HeaderValue::from_str(&node.config.node.name) {
        headers.insert(NODE, name);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if node.is_draining() {
        // The next request then opens a connection of its own, which a load balancer leads
        // elsewhere.
        headers.entry(header::CONNECTION).or_insert(HeaderValue::from_static("close"));
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let exposed = HeaderValue::from_static("Steadfast-Node, Retry-After");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// The headers that a page may send if its preflight request names none.
const HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Last-Event-ID, Cache-Control, Content-Type");

/// The response to a preflight request of an allowed origin. All headers are permitted: libraries
/// add some, for tracing say, and none does harm.
pub(super) fn preflight<B>(request: &Request<B>) -> Response<Body> {
    let mut response = Response::new(whole(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let asked = request.headers().get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
    for allowed in asked {
        headers.append(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed.clone());
    }
    headers.entry(header::ACCESS_CONTROL_ALLOW_HEADERS).or_insert(HEADERS);
    let asked = HeaderValue::from_name(header::ACCESS_CONTROL_REQUEST_HEADERS);
    headers.append(header::VARY, asked);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_AGE_S));
    response
}

/// The refusal of a request whose method the path does not have. `allowed` are the methods that it
/// has.
pub(super) fn wrong_method(detail: &str, allowed: &'static str) -> Response<Body> {
    let mut response = boxed(Problem::new(Code::MethodNotAllowed, detail).response());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Whether a request is a preflight.
pub(super) fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// A header as text. One that is not text counts as empty, which is never valid.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What the token of a request permits, if that includes following `channel`.
pub(super) async fn permit<B>(
    node: &Node,
    channel: &ChannelName,
    request: &Request<B>,
) -> Result<Admission, Problem> {
    permitted(node.admit(bearer(request.headers())).await?, channel)
}

/// The same for a request that may have a ticket in place of a token. A look by `HEAD` uses none
/// up, so it needs a token.
pub(super) async fn permit_ticket<B>(
    node: &Node,
    channel: &ChannelName,
    request: &Request<B>,
) -> Result<Admission, Problem> {
    match (bearer(request.headers()), poll_query::ticket(request.uri().query())) {
        (None, Some(ticket)) if *request.method() == Method::GET => {
            permitted(tickets::redeem(node, &ticket).await?, channel)
        }
        (_, _) => permit(node, channel, request).await,
    }
}

fn permitted(admission: Admission, channel: &ChannelName) -> Result<Admission, Problem> {
    if admission.grants.may_subscribe(channel) {
        Ok(admission)
    } else {
        let detail = "the token does not permit following this channel";
        Err(Problem::new(Code::Forbidden, detail))
    }
}
