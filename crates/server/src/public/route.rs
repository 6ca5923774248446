//! Which request goes where. The origin is looked at first, the token by what needs one.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::answer::{finish, is_preflight, preflight, text};
use super::body::{Body, boxed, whole};
use super::{demo, poll, query, stream, upgrade};
use crate::connection::Peer;
use crate::node::{Counters, Node};
use crate::origin::is_loopback_host;
use crate::problem::{Code, Problem};
use crate::socket::upgrade::is_upgrade;

/// A place on the public port.
enum Place<'a> {
    Probe,
    Demo,
    Socket,
    Events(&'a str),
    Stream(&'a str),
    Unknown,
}

/// Answers one request.
pub(super) async fn answer(
    node: Arc<Node>,
    peer: Arc<Peer>,
    request: Request<Incoming>,
) -> Response<Body> {
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN).cloned();
    let (from, host) = (text(headers, header::ORIGIN), text(headers, header::HOST));
    let is_ours = !node.config.dev || host.is_none_or(is_loopback_host);
    let is_allowed = is_ours && node.origins.allow(from, host);
    let result = if is_allowed {
        dispatch(&node, peer, request).await
    } else {
        Err(Problem::new(Code::OriginRefused, "pages of this origin may not connect here"))
    };
    let mut response = result.unwrap_or_else(|problem| {
        Counters::add(&node.counters.rejected);
        boxed(problem.response())
    });
    finish(&node, origin.filter(|_| is_allowed), &mut response);
    response
}

async fn dispatch(
    node: &Arc<Node>,
    peer: Arc<Peer>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    if is_preflight(&request) {
        return Ok(preflight());
    }
    let path = request.uri().path().to_owned();
    let place = place(&path);
    if is_upgrade(request.headers()) || matches!(place, Place::Socket | Place::Unknown) {
        return unknown_or_socket(node, peer, request, &path);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Ok(wrong_method());
    }
    match place {
        Place::Probe => Ok(no_content()),
        Place::Demo if node.config.dev => Ok(demo::page()),
        Place::Events(segment) => {
            let channel = query::channel(segment)?;
            poll::answer(node, channel, &request).await
        }
        Place::Stream(segment) => {
            let channel = query::channel(segment)?;
            stream::answer(node, peer, channel, &request).await
        }
        Place::Demo | Place::Socket | Place::Unknown => Err(not_found()),
    }
}

/// WebSockets, on `/v1/ws`, on the older protocol's routes, and on paths that fit none.
fn unknown_or_socket(
    node: &Arc<Node>,
    peer: Arc<Peer>,
    request: Request<Incoming>,
    path: &str,
) -> Result<Response<Body>, Problem> {
    let is_ours = path == "/v1/ws" || upgrade::legacy_route(node, path).is_some();
    if is_upgrade(request.headers()) || is_ours {
        upgrade::answer(node, peer, request)
    } else {
        Err(not_found())
    }
}

fn place(path: &str) -> Place<'_> {
    match path {
        "/v1/probe" => Place::Probe,
        "/" => Place::Demo,
        "/v1/ws" => Place::Socket,
        _ => match path.strip_prefix("/v1/channels/").and_then(|rest| rest.split_once('/')) {
            Some((channel, "events")) => Place::Events(channel),
            Some((channel, "stream")) => Place::Stream(channel),
            Some(_) | None => Place::Unknown,
        },
    }
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(whole(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn wrong_method() -> Response<Body> {
    let problem = Problem::new(Code::MethodNotAllowed, "this place is read with GET");
    let mut response = boxed(problem.response());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    response
}

fn not_found() -> Problem {
    Problem::new(Code::NotFound, "there is nothing at this path on the public port")
}
