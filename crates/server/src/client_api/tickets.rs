//! Gives tickets for tokens and takes them, so that a page's own `WebSocket` and `EventSource`,
//! which send no headers, need no token in a URL. In: a token, or a ticket. Out: a ticket, or what
//! its token permits.

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::body::{Body, whole};
use super::headers::{bearer, wrong_method};
use crate::auth::admission::Admission;
use crate::auth::tickets::TICKET_LIFE;
use crate::auth::token::{Claims, TokenError};
use crate::backend_api::cluster_rpc::NodeRequest;
use crate::node::Node;
use crate::problem::Problem;

/// The longest ticket, in bytes: the run of a node, and a random number.
const TICKET_BYTES_MAX: usize = 64;

/// Answers with a ticket.
pub(super) async fn answer(
    node: &Node,
    client: IpAddr,
    request: &Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    if request.method() != Method::POST {
        return Ok(wrong_method("a ticket is asked for with POST", "POST, OPTIONS"));
    }
    let ticket = issue(node, client, bearer(request.headers())).await?;
    let body = json!({"ticket": ticket, "expires_in_ms": TICKET_LIFE.0});
    let mut response = Response::new(whole(body.to_string()));
    *response.status_mut() = StatusCode::CREATED;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// A ticket for a token; in `--dev`, where everybody may do everything, for none.
async fn issue(node: &Node, client: IpAddr, token: Option<&str>) -> Result<String, TokenError> {
    let claims = if node.config.dev {
        Claims::default()
    } else {
        let claims = node.claims(token).await?;
        node.admission(claims.clone())?;
        claims
    };
    let (Ok(high), Ok(low)) = (getrandom::u64(), getrandom::u64()) else {
        return Err(TokenError::TicketsFull);
    };
    let run = node.broker.node_id().map_or("0", |own| own.run.as_str());
    let ticket = format!("{run}.{high:016x}{low:016x}");
    let holder = node.access.limited(client);
    let is_kept = node.tickets.put(node.clock.now(), &ticket, claims, holder);
    if is_kept { Ok(ticket) } else { Err(TokenError::TicketsFull) }
}

/// What the token permits that a ticket was given for. The node that issued the ticket is asked for
/// it, so it is good once among all nodes.
pub(crate) async fn redeem(node: &Node, ticket: &str) -> Result<Admission, TokenError> {
    let is_text = |byte: u8| byte == b'.' || byte.is_ascii_hexdigit();
    if ticket.len() > TICKET_BYTES_MAX || !ticket.bytes().all(is_text) {
        return Err(TokenError::TicketUnknown);
    }
    let run = ticket.split('.').next().unwrap_or_default();
    let claims = if node.broker.node_id().is_none_or(|own| own.run == run) {
        node.tickets.take(node.clock.now(), ticket)
    } else {
        let _asking = node.tickets.asking.try_acquire().map_err(|_| TokenError::TicketsFull)?;
        let request = NodeRequest::RedeemTicket(ticket.to_owned()).to_string();
        let responses = node.broker.request(&request, Some(run)).await;
        responses.received.first().and_then(|(_, body)| serde_json::from_str(body).ok()?)
    };
    let claims = claims.ok_or(TokenError::TicketUnknown)?;
    if node.config.dev {
        return Ok(Admission::everything());
    }
    // The token may have ended since.
    node.check_end(&claims)?;
    node.admission(claims)
}
