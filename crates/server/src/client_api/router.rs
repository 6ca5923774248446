//! Routes the requests of the public port. The origin is checked first, the token by each route
//! that needs one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body as HttpBody, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::body::{Body, boxed, whole};
use super::detach::{Departure, Exchange, RequestClient, RequestOutcome};
use super::headers::{finish, is_preflight, preflight, text, wrong_method};
use super::listener::PublicPort;
use super::{demo, event_stream, poll, poll_many, poll_query, tickets, upgrade};
use crate::auth::origin::is_loopback_host;
use crate::net::access_limits::Refusal;
use crate::net::socket::upgrade::is_upgrade;
use crate::node::{Counters, Node};
use crate::problem::{Code, Problem};
use crate::session::{AddressPermit, ConnectionGuard};

/// A route of the public port.
enum RouteTarget<'a> {
    Probe,
    Demo,
    Socket,
    Polls,
    Tickets,
    Events(&'a str),
    Stream(&'a str),
    Unknown,
}

/// Answers a request.
pub(super) async fn answer(
    port: Arc<PublicPort>,
    peer: Arc<ConnectionGuard>,
    exchange: &Exchange,
    request: Request<Incoming>,
) -> Response<Body> {
    let node = &port.node;
    let headers = request.headers();
    let origin = headers.get(header::ORIGIN).cloned();
    let is_allowed = is_allowed(node, headers);
    let wants_token = wants_token(request.uri().path());
    if is_allowed && is_upgrade(headers) && is_blocked(&port) {
        return demo::refusal();
    }
    let client = node.access.client(peer.address(), headers);
    let broken = broken(&request);
    let mut is_last = broken.is_some();
    let result = if let Some(problem) = broken {
        Err(problem)
    } else if let Err(refusal) = peer.request(client) {
        Err(refused(&port, &peer, refusal, &mut is_last))
    } else if is_allowed {
        let outcome = dispatch(&port, client, request).await;
        if wants_token && outcome.as_ref().is_ok_and(RequestOutcome::is_served) {
            peer.show_token();
        }
        outcome
    } else {
        Err(refused_origin(&port, headers))
    };
    let origin = origin.filter(|_| is_allowed);
    let mut response = match result {
        Ok(RequestOutcome::Whole(response)) => response,
        Ok(RequestOutcome::Leaving(leave)) => match permitted(node, &peer, client) {
            Ok(client) => return exchange.leave(Departure { leave, origin, client }).await,
            Err(refusal) => boxed(refused(&port, &peer, refusal, &mut is_last).response()),
        },
        Err(problem) => {
            Counters::add(&node.counters.rejected);
            boxed(checked(&port, &peer, client, problem, &mut is_last).response())
        }
    };
    if is_last || peer.is_closing(node.clock.after(Duration::ZERO)) {
        // What follows this head is not read as another request.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    finish(node, origin, &mut response);
    response
}

/// The refusal of a request or connection by a limit. A connection that no other client shares ends
/// with it, so that what comes next costs its sender a new one.
fn refused(
    port: &PublicPort,
    peer: &ConnectionGuard,
    refusal: Refusal,
    is_last: &mut bool,
) -> Problem {
    port.node.access.count(refusal);
    *is_last |= !peer.is_shared();
    refusal.problem()
}

/// The client of a request that goes on for long. Behind a proxy it counts as a connection.
fn permitted(
    node: &Arc<Node>,
    peer: &ConnectionGuard,
    address: IpAddr,
) -> Result<RequestClient, Refusal> {
    let permit = if peer.is_shared() { AddressPermit::take(node, address)? } else { None };
    Ok(RequestClient { address, _permit: permit })
}

/// The problem itself; or, where it is one of too many refused tokens, that.
fn checked(
    port: &PublicPort,
    peer: &ConnectionGuard,
    client: IpAddr,
    problem: Problem,
    is_last: &mut bool,
) -> Problem {
    let node = &port.node;
    if problem.status() != StatusCode::UNAUTHORIZED {
        return problem;
    }
    match node.access.failed_token(node.clock.now(), client) {
        Ok(()) => problem,
        Err(refusal) => refused(port, peer, refusal, is_last),
    }
}

/// What is wrong with a request on any route; its connection is closed.
fn broken<B: HttpBody>(request: &Request<B>) -> Option<Problem> {
    if has_unwanted_body(request) {
        let detail = "a request of this kind has no body: leave out Content-Length and \
            Transfer-Encoding";
        return Some(Problem::new(Code::BadBody, detail));
    }
    let is_old = request.version() < Version::HTTP_11;
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let is_named = hosts == 1 || is_old && hosts == 0;
    (!is_named).then(|| {
        let detail = format!("a request has one `Host` header, this one has {hosts}");
        Problem::new(Code::BadHost, detail)
    })
}

/// Whether there is exactly one `Host`, as RFC 9112 (section 3.2) requires.
pub(super) fn names_a_host(headers: &HeaderMap) -> bool {
    headers.get_all(header::HOST).iter().count() == 1
}

/// Whether a request has a body on a route that reads none. The body would stay on the connection
/// and be read as the next request or, after an upgrade, as frames.
fn has_unwanted_body<B: HttpBody>(request: &Request<B>) -> bool {
    let takes_none = matches!(*request.method(), Method::GET | Method::HEAD);
    (takes_none || is_upgrade(request.headers())) && !request.body().is_end_stream()
}

/// The handler that takes over the socket of a WebSocket request; `None` if the request gets an
/// ordinary response.
pub(super) fn granted(
    port: &Arc<PublicPort>,
    peer: &ConnectionGuard,
    request: &Request<()>,
) -> Option<Departure> {
    let headers = request.headers();
    if !is_upgrade(headers) || !is_allowed(&port.node, headers) || is_blocked(port) {
        return None;
    }
    let client = port.node.access.client(peer.address(), headers);
    match upgrade::answer(port, client, request) {
        Ok(RequestOutcome::Leaving(leave)) => {
            let client = permitted(&port.node, peer, client).ok()?;
            Some(Departure { leave, origin: headers.get(header::ORIGIN).cloned(), client })
        }
        Ok(RequestOutcome::Whole(_)) | Err(_) => None,
    }
}

/// Checks the origin of the request, if it has one.
fn is_allowed(node: &Node, headers: &HeaderMap) -> bool {
    let (from, host) = (text(headers, header::ORIGIN), text(headers, header::HOST));
    let is_ours = !node.config.dev || host.is_none_or(is_loopback_host);
    is_ours && node.origins.read().allow(from, host)
}

/// The refusal of an origin, which is logged once for each.
fn refused_origin(port: &PublicPort, headers: &HeaderMap) -> Problem {
    let node = &port.node;
    let (from, host) = (text(headers, header::ORIGIN), text(headers, header::HOST));
    let detail = match (from, host) {
        (_, Some(host)) if node.config.dev && !is_loopback_host(host) => {
            format!("in --dev this node answers to loopback names alone, not to `{host}`")
        }
        (Some(from), _) => {
            format!("pages of `{from}` may not connect here: add it to `public.allowed_origins`")
        }
        (None, _) => "pages of this origin may not connect here".to_owned(),
    };
    if port.refused.is_new(from.or(host).unwrap_or_default()) {
        tracing::warn!(origin = from, host, "{detail}");
    }
    Problem::new(Code::OriginRefused, detail)
}

/// Whether to answer as a proxy would that blocks WebSocket.
fn is_blocked(port: &PublicPort) -> bool {
    port.demo.as_ref().is_some_and(|demo| demo.barrier.is_up())
}

async fn dispatch(
    port: &Arc<PublicPort>,
    client: IpAddr,
    request: Request<Incoming>,
) -> Result<RequestOutcome, Problem> {
    if is_preflight(&request) {
        return Ok(preflight(&request).into());
    }
    let node = &port.node;
    let path = request.uri().path().to_owned();
    let place = place(&path);
    if is_upgrade(request.headers()) || matches!(place, RouteTarget::Socket | RouteTarget::Unknown)
    {
        return unknown_or_socket(port, client, &request, &path);
    }
    if matches!(place, RouteTarget::Demo) {
        let demo = port.demo.as_ref().ok_or_else(not_found)?;
        return demo.answer(node, request).await.map(RequestOutcome::from);
    }
    if matches!(place, RouteTarget::Tickets) {
        return tickets::answer(node, client, &request).await.map(RequestOutcome::from);
    }
    if matches!(place, RouteTarget::Polls) {
        return poll_many::answer(node, client, request).await;
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let detail = "this path takes GET only";
        return Ok(wrong_method(detail, "GET, HEAD, OPTIONS").into());
    }
    match place {
        RouteTarget::Probe => Ok(no_content().into()),
        RouteTarget::Events(segment) => {
            let channel = poll_query::channel(segment)?;
            poll::answer(node, client, channel, &request).await
        }
        RouteTarget::Stream(segment) => {
            let channel = poll_query::channel(segment)?;
            event_stream::answer(node, client, channel, &request).await
        }
        RouteTarget::Demo
        | RouteTarget::Polls
        | RouteTarget::Tickets
        | RouteTarget::Socket
        | RouteTarget::Unknown => Err(not_found()),
    }
}

/// WebSocket requests: on `/v1/ws`, on the older protocol's routes, and on paths without a route.
fn unknown_or_socket(
    port: &Arc<PublicPort>,
    client: IpAddr,
    request: &Request<Incoming>,
    path: &str,
) -> Result<RequestOutcome, Problem> {
    let is_ours = path == "/v1/ws" || upgrade::legacy_route(&port.node, path).is_some();
    if is_upgrade(request.headers()) || is_ours {
        upgrade::answer(port, client, request)
    } else {
        Err(not_found())
    }
}

/// Whether what is served on a path is served for a valid token alone.
fn wants_token(path: &str) -> bool {
    match place(path) {
        RouteTarget::Tickets
        | RouteTarget::Polls
        | RouteTarget::Events(_)
        | RouteTarget::Stream(_) => true,
        RouteTarget::Probe | RouteTarget::Demo | RouteTarget::Socket | RouteTarget::Unknown => {
            false
        }
    }
}

fn place(path: &str) -> RouteTarget<'_> {
    match path {
        "/v1/probe" => RouteTarget::Probe,
        "/" => RouteTarget::Demo,
        "/v1/ws" => RouteTarget::Socket,
        "/v1/poll" => RouteTarget::Polls,
        "/v1/tickets" => RouteTarget::Tickets,
        _ if path.starts_with("/demo/") => RouteTarget::Demo,
        _ => match path.strip_prefix("/v1/channels/").and_then(|rest| rest.split_once('/')) {
            Some((channel, "events")) => RouteTarget::Events(channel),
            Some((channel, "stream")) => RouteTarget::Stream(channel),
            Some(_) | None => RouteTarget::Unknown,
        },
    }
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(whole(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

pub(super) fn not_found() -> Problem {
    Problem::new(Code::NotFound, "the public port has no route at this path")
}
