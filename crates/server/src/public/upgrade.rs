//! From an HTTP request to a WebSocket: hyper is left behind, and the socket goes to its own task.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Parts};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use socket2::SockRef;
use steadfast_protocol::{ChannelName, Since};
use tokio::net::TcpStream;

use super::answer::bearer;
use super::body::{Body, boxed, whole};
use super::demo::Exposed;
use super::listen::Port;
use crate::config::{Route, RouteStart};
use crate::connection::{self, Line, Live, Peer, Purpose};
use crate::node::Node;
use crate::problem::{Code, Problem};
use crate::socket::{Shared, TryWrite, UpgradeRefusal, upgrade};

/// Answers a request that wants a WebSocket.
pub(super) fn answer(
    port: &Arc<Port>,
    peer: Arc<Peer>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let accepted = match upgrade::accept(&request) {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(refused(refusal)),
    };
    let node = &port.node;
    if node.is_draining() {
        let problem = Problem::new(Code::Draining, "this node is leaving; come back in a moment");
        return Err(problem.retry_after_s(1));
    }
    let purpose = purpose(node, &peer, &request);
    let upgrading = hyper::upgrade::on(&mut request);
    let beginning = Box::pin(begin(Arc::clone(port), peer, upgrading, purpose));
    tokio::spawn(async move {
        // Nothing of the beginning is kept while the link lives.
        let begun = beginning.await;
        if let Some(mut link) = begun {
            if link.live.run().await {
                drop(SockRef::from(&*link.socket).set_linger(Some(Duration::ZERO)));
            }
            drop(link);
        }
    });
    Ok(accepted.map(|()| whole("")))
}

/// What is wrong with the request, with the headers that say what would be right.
fn refused(refusal: UpgradeRefusal) -> Response<Body> {
    let code = match refusal {
        UpgradeRefusal::Method => Code::MethodNotAllowed,
        UpgradeRefusal::NotAnUpgrade | UpgradeRefusal::ProtocolVersion => Code::UpgradeRequired,
        UpgradeRefusal::HttpVersion | UpgradeRefusal::Key => Code::BadHandshake,
    };
    let mut response = boxed(Problem::new(code, refusal.to_string()).response());
    let (told, ()) = refusal.response().into_parts();
    response.headers_mut().extend(told.headers);
    response
}

/// The route of the older protocol that a path fits, and what stands for its braces.
pub(super) fn legacy_route<'a>(node: &'a Node, path: &'a str) -> Option<(&'a Route, &'a str)> {
    node.config.routes.iter().find_map(|route| {
        let (before, rest) = route.path.split_once('{')?;
        let (_, after) = rest.split_once('}')?;
        let id = path.strip_prefix(before)?.strip_suffix(after)?;
        (!id.is_empty() && !id.contains('/')).then_some((route, id))
    })
}

fn purpose(node: &Node, peer: &Peer, request: &Request<Incoming>) -> Purpose {
    let token = bearer(request.headers()).map(ToOwned::to_owned);
    let path = request.uri().path();
    if path == "/v1/ws" {
        return Purpose::Link { token, deadline: peer.deadline };
    }
    let Some((route, id)) = legacy_route(node, path) else { return Purpose::Nowhere };
    let id = percent_decode_str(id).decode_utf8_lossy();
    let Ok(channel) = ChannelName::new(&format!("{}:{id}", route.namespace)) else {
        return Purpose::Nowhere;
    };
    let since = match route.start {
        RouteStart::Now => Since::Now,
        RouteStart::Start => Since::Start,
    };
    Purpose::Legacy { channel, since, token }
}

/// A socket that has left HTTP, with its session and its place.
struct Link {
    live: Live<Shared>,
    socket: Arc<TcpStream>,
    _exposed: Option<Exposed>,
    _peer: Arc<Peer>,
}

async fn begin(
    port: Arc<Port>,
    peer: Arc<Peer>,
    upgrading: OnUpgrade,
    purpose: Purpose,
) -> Option<Link> {
    let Parts { io, read_buf, .. } = match upgrading.await.ok()?.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => parts,
        Err(_) => {
            tracing::error!("an upgraded connection is not the socket it was");
            return None;
        }
    };
    let socket = Arc::new(io.into_inner());
    let exposed = port.demo.as_ref().map(|demo| demo.barrier.expose(&socket));
    let line = Line {
        stream: Shared(Arc::clone(&socket)),
        // Even an empty one may hold the whole buffer that it was cut from.
        ahead: Bytes::copy_from_slice(&read_buf),
        shared: Some(Arc::clone(&socket) as Arc<dyn TryWrite>),
    };
    drop(read_buf);
    let live = connection::greet(Arc::clone(&port.node), line, purpose).await?;
    Some(Link { live, socket, _exposed: exposed, _peer: peer })
}
