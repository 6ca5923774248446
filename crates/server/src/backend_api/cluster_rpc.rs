//! Requests between nodes that share the broker. In: a request of another node. Out: the response
//! of this one; a request of a newer version, which this one does not know, has none. Nodes of two
//! versions may share a broker, so the texts of requests never change.

use std::fmt;
use std::sync::Arc;

use steadfast_protocol::ChannelName;

use crate::node::Node;

use super::{channels, connections};

/// A request that one node sends to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NodeRequest {
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

async fn response(node: &Node, request: &NodeRequest) -> Option<String> {
    match request {
        NodeRequest::Connections(query) => connections::part(node, query).await,
        NodeRequest::Connection(id) => {
            let row = connections::look(node, id);
            Some(row.map_or_else(|| "null".to_owned(), |row| row.get().to_owned()))
        }
        NodeRequest::Disconnect(id) => Some(connections::end(node, id, false).to_string()),
        NodeRequest::Reconnect(id) => Some(connections::end(node, id, true).to_string()),
        NodeRequest::Subscribers(names) => Some(channels::counts(node, names).await),
    }
}

#[cfg(test)]
mod tests {
    use steadfast_protocol::ChannelName;

    use super::NodeRequest;

    #[test]
    fn each_request_keeps_its_text() {
        let names = ["a:1", "b"].map(|name| ChannelName::new(name).unwrap());
        for (request, text) in [
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
