//! Turns an HTTP request into a WebSocket: hyper gives up the socket, and a task of its own serves
//! it.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::{Request, Response, header};
use percent_encoding::percent_decode_str;
use steadfast_protocol::{ChannelName, Since};

use super::body::{Body, boxed};
use super::demo::Exposed;
use super::detach::{DetachedSocket, RequestClient, RequestOutcome};
use super::headers::{bearer, text};
use super::listener::PublicPort;
use super::poll_query;
use super::unavailable;
use crate::client_api::delivered_finals::Follower;
use crate::config::{Route, RouteStart};
use crate::net::socket::{Stream, UpgradeRefusal, upgrade};
use crate::node::Node;
use crate::problem::{Code, Problem};
use crate::session::{
    self, ConnectionGuard, Purpose, SessionOrigin, UpgradedSocket, WelcomedSocket,
};

/// Answers a request for a WebSocket.
pub(super) fn answer<B>(
    port: &Arc<PublicPort>,
    client: IpAddr,
    request: &Request<B>,
) -> Result<RequestOutcome, Problem> {
    let accepted = match upgrade::accept(request, port.node.config.compression.enabled) {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(refused(refusal).into()),
    };
    let node = &port.node;
    if node.is_draining() {
        return Err(unavailable::problem(node));
    }
    let purpose = purpose(node, client, request);
    Ok(RequestOutcome::Leaving(Box::new(move |left| {
        let beginning = Box::pin(begin(left, accepted, purpose));
        tokio::spawn(async move {
            // Nothing that only the handshake needs is kept while the link lives.
            let mut begun = beginning.await;
            if let Some(link) = &mut begun
                && link.live.run().await
            {
                link.live.break_off();
            }
            drop(begun);
        });
    })))
}

/// The refusal of the request, with the headers that say what would be valid.
fn refused(refusal: UpgradeRefusal) -> Response<Body> {
    let code = match refusal {
        UpgradeRefusal::Method => Code::MethodNotAllowed,
        UpgradeRefusal::NotAnUpgrade | UpgradeRefusal::ProtocolVersion => Code::UpgradeRequired,
        UpgradeRefusal::HttpVersion => Code::HttpVersion,
        UpgradeRefusal::Key => Code::BadHandshake,
    };
    let mut response = boxed(Problem::new(code, refusal.to_string()).response());
    let (told, ()) = refusal.response().into_parts();
    response.headers_mut().extend(told.headers);
    response
}

/// The route of the older protocol that matches a path, and the values of its parameters.
pub(super) fn legacy_route<'a>(node: &'a Node, path: &'a str) -> Option<(&'a Route, &'a str)> {
    node.config.routes.iter().find_map(|route| {
        let (before, rest) = route.path.split_once('{')?;
        let (_, after) = rest.split_once('}')?;
        let id = path.strip_prefix(before)?.strip_suffix(after)?;
        (!id.is_empty() && !id.contains('/')).then_some((route, id))
    })
}

fn purpose<B>(node: &Node, client: IpAddr, request: &Request<B>) -> Purpose {
    let token = bearer(request.headers()).map(ToOwned::to_owned);
    let ticket = poll_query::ticket(request.uri().query());
    let path = request.uri().path();
    if path == "/v1/ws" {
        return Purpose::Link { token, ticket };
    }
    let Some((route, id)) = legacy_route(node, path) else { return Purpose::Nowhere };
    let id = percent_decode_str(id).decode_utf8_lossy();
    let Ok(channel) = ChannelName::new(&format!("{}:{id}", route.namespace)) else {
        return Purpose::Nowhere;
    };
    let (since, follower) = match route.start {
        RouteStart::Now => (Since::Now, None),
        RouteStart::Start => {
            let agent = text(request.headers(), header::USER_AGENT).unwrap_or_default();
            (Since::Start, Some(Follower::new(channel.clone(), client, agent).into()))
        }
    };
    Purpose::Legacy { channel, since, follower, token, ticket }
}

/// A socket that hyper has given up, with its session and its connection count.
struct AcceptedUpgrade {
    live: WelcomedSocket<Stream>,
    _exposed: Option<Exposed>,
    _peer: Arc<ConnectionGuard>,
    _client: RequestClient,
}

/// Switches protocols and opens the session. `None` if that fails; the peer has been told why, if
/// possible.
async fn begin(
    mut left: DetachedSocket,
    accepted: Response<()>,
    purpose: Purpose,
) -> Option<AcceptedUpgrade> {
    let is_compressed = upgrade::is_compressed(&accepted);
    let head = left.head(accepted);
    left.write(&head).await.ok()?;
    let DetachedSocket { port, peer, client, socket, ahead, .. } = left;
    let exposed = port.demo.as_ref().and_then(|demo| demo.barrier.expose(&socket));
    let shared = socket.shared();
    let upgraded = UpgradedSocket { stream: socket, ahead, shared, is_compressed };
    let from = SessionOrigin { address: client.address, deadline: peer.deadline };
    let live = session::greet(Arc::clone(&port.node), upgraded, purpose, from).await?;
    Some(AcceptedUpgrade { live, _exposed: exposed, _peer: peer, _client: client })
}
