//! Ids of sessions. In: an id, as operators write it. Out: which session of which node it names. If
//! nodes share the broker, an id ends with the node's run, so that every node knows which one to
//! send a request to, and none takes a session of an earlier run for one of its own.

use std::sync::Arc;

use steadfast_hub::SessionKey;

use crate::node::Node;

/// The longest id, in bytes.
const ID_BYTES_MAX: usize = 60;

/// The session that an id names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionId {
    /// A session of this node: its shard, and its key there.
    Here(usize, SessionKey),
    /// A session of the node with this run.
    There(String),
}

impl SessionId {
    /// Parses an id; `None` if it is not valid.
    pub(super) fn of(node: &Node, id: &str) -> Option<Self> {
        if id.len() > ID_BYTES_MAX {
            return None;
        }
        let Some(own) = node.broker.node_id() else { return here(node, id) };
        let (local, run) = id.split_once('.')?;
        if run == own.run {
            return here(node, local);
        }
        let is_id = |text: &str| text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
        (is_id(local) && is_id(run)).then(|| Self::There(run.to_owned()))
    }

    /// The id of a session of this node.
    pub(super) fn id(node: &Node, shard: usize, key: SessionKey) -> String {
        let local = Node::connection_id(shard, key);
        node.broker.node_id().map_or_else(|| local.clone(), |own| format!("{local}.{}", own.run))
    }
}

fn here(node: &Node, local: &str) -> Option<SessionId> {
    let (shard, key) = node.connection_of(local)?;
    let at = node.shards.iter().position(|one| Arc::ptr_eq(one, shard))?;
    Some(SessionId::Here(at, key))
}
