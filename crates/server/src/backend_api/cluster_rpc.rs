//! Requests between nodes that share the broker. In: a request of another node. Out: the response
//! of this one; a request of a newer version, which this one does not know, has none. Nodes of two
//! versions may share a broker, so the texts of requests never change.

use std::fmt;
use std::sync::Arc;

use steadfast_protocol::{ChannelName, UserId};

use crate::auth::revocations::Revocation;
use crate::node::Node;

use super::{channels, connections, revocations, users};

/// A request that one node sends to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NodeRequest {
    /// Part of a page of sessions, by the query of the URI.
    Connections(String),
    /// One session, by its id.
    Connection(String),
    /// The end of a session, by its id.
    Disconnect(String),
    /// The end of a session whose client is to reconnect, by its id.
    Reconnect(String),
    /// How many sessions follow each of these channels.
    Subscribers(Vec<ChannelName>),
    /// The end of a user's sessions.
    DisconnectUser(UserId),
    /// The end of a user's sessions, whose clients are to reconnect.
    ReconnectUser(UserId),
    /// Tokens that count no more.
    Revoke(Revocation),
    /// All revocations, if their digest is not this one.
    Revocations(u64),
    /// The claims of a ticket, which is used up by this.
    RedeemTicket(String),
}

impl NodeRequest {
    /// Parses the text of a request; `None` if this version does not know it.
    fn parse(text: &str) -> Option<Self> {
        let (kind, about) = text.split_once(' ')?;
        match kind {
            "connections" => Some(Self::Connections(about.to_owned())),
            "connection" => Some(Self::Connection(about.to_owned())),
            "disconnect" => Some(Self::Disconnect(about.to_owned())),
            "reconnect" => Some(Self::Reconnect(about.to_owned())),
            "subscribers" => {
                let names: Result<_, _> = about.split(',').map(ChannelName::new).collect();
                names.ok().map(Self::Subscribers)
            }
            "disconnect-user" => UserId::new(about).ok().map(Self::DisconnectUser),
            "reconnect-user" => UserId::new(about).ok().map(Self::ReconnectUser),
            "revoke" => serde_json::from_str(about).ok().map(Self::Revoke),
            "revocations" => u64::from_str_radix(about, 16).ok().map(Self::Revocations),
            "redeem-ticket" => Some(Self::RedeemTicket(about.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for NodeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connections(query) => write!(f, "connections {query}"),
            Self::Connection(id) => write!(f, "connection {id}"),
            Self::Disconnect(id) => write!(f, "disconnect {id}"),
            Self::Reconnect(id) => write!(f, "reconnect {id}"),
            Self::Subscribers(names) => {
                // The name of a channel has no comma.
                let names: Vec<&str> = names.iter().map(ChannelName::as_str).collect();
                write!(f, "subscribers {}", names.join(","))
            }
            Self::DisconnectUser(user) => write!(f, "disconnect-user {user}"),
            Self::ReconnectUser(user) => write!(f, "reconnect-user {user}"),
            Self::Revoke(one) => {
                write!(f, "revoke {}", serde_json::to_string(one).map_err(|_| fmt::Error)?)
            }
            Self::RedeemTicket(ticket) => write!(f, "redeem-ticket {ticket}"),
            Self::Revocations(digest) => write!(f, "revocations {digest:016x}"),
        }
    }
}

/// Responds to the requests of other nodes, without end.
pub(crate) async fn respond(node: Arc<Node>) {
    loop {
        let request = node.broker.next_request().await;
        let Some(known) = NodeRequest::parse(&request.body) else {
            let kind = request.body.split(' ').next();
            tracing::debug!(kind, "ignored a request that this version does not know");
            continue;
        };
        if let Some(body) = response(&node, &known).await {
            node.broker.respond(&request, &body).await;
        }
    }
}

async fn response(node: &Arc<Node>, request: &NodeRequest) -> Option<String> {
    match request {
        NodeRequest::Connections(query) => connections::part(node, query).await,
        NodeRequest::Connection(id) => {
            let row = connections::look(node, id);
            Some(row.map_or_else(|| "null".to_owned(), |row| row.get().to_owned()))
        }
        NodeRequest::Disconnect(id) => Some(connections::end(node, id, false).to_string()),
        NodeRequest::Reconnect(id) => Some(connections::end(node, id, true).to_string()),
        NodeRequest::Subscribers(names) => Some(channels::counts(node, names).await),
        NodeRequest::DisconnectUser(user) => Some(users::end(node, user, false).await.to_string()),
        NodeRequest::ReconnectUser(user) => Some(users::end(node, user, true).await.to_string()),
        NodeRequest::Revoke(one) => revocations::receive(node, one.clone()).await,
        NodeRequest::RedeemTicket(ticket) => {
            serde_json::to_string(&node.tickets.take(node.clock.now(), ticket)).ok()
        }
        NodeRequest::Revocations(digest) => Some(revocations::list(node, *digest)),
    }
}

#[cfg(test)]
mod tests {
    use steadfast_protocol::{ChannelName, UserId};

    use super::{NodeRequest, Revocation};

    #[test]
    fn each_request_keeps_its_text() {
        let names = ["a:1", "b"].map(|name| ChannelName::new(name).unwrap());
        let ada = UserId::new("ada b|é").unwrap();
        let sub = Some(ada.clone());
        let revocation = Revocation { sub, jti: None, before: Some(7), expires: 9 };
        for (request, text) in [
            (NodeRequest::DisconnectUser(ada.clone()), "disconnect-user ada b|é"),
            (NodeRequest::ReconnectUser(ada), "reconnect-user ada b|é"),
            (NodeRequest::Revoke(revocation), r#"revoke {"sub":"ada b|é","before":7,"expires":9}"#),
            (NodeRequest::RedeemTicket("0a.1b".into()), "redeem-ticket 0a.1b"),
            (NodeRequest::Revocations(255), "revocations 00000000000000ff"),
            (NodeRequest::Connections("limit=2&channel=a".into()), "connections limit=2&channel=a"),
            (NodeRequest::Connections(String::new()), "connections "),
            (NodeRequest::Connection("0-1-1.ff".into()), "connection 0-1-1.ff"),
            (NodeRequest::Disconnect("0-1-1.ff".into()), "disconnect 0-1-1.ff"),
            (NodeRequest::Reconnect("0-1-1.ff".into()), "reconnect 0-1-1.ff"),
            (NodeRequest::Subscribers(names.to_vec()), "subscribers a:1,b"),
        ] {
            assert_eq!(request.to_string(), text);
            assert_eq!(NodeRequest::parse(text), Some(request));
        }
        for unknown in ["", "connections", "members a", "subscribers ", "subscribers a,b c"] {
            assert_eq!(NodeRequest::parse(unknown), None, "{unknown}");
        }
    }
}
