//! Ids of sessions. In: an id, as operators write it. Out: which session of which node it names. If
//! nodes share the broker, an id ends with the node's run, so that every node knows which one to
//! send a request to, and none takes a session of an earlier run for one of its own.

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
        let (local, run) = match (id.split_once('.'), node.broker.node_id()) {
            (Some((local, run)), _) => (local, Some(run)),
            (None, None) => (id, None),
            // Which node it is of is not said.
            (None, Some(_)) => return None,
        };
        let here = here(local)?;
        let is_own = run == node.broker.node_id().map(|own| own.run.as_str());
        match run {
            Some(run) if !is_own => {
                let is_run = run.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
                (is_run && !run.is_empty()).then(|| Self::There(run.to_owned()))
            }
            Some(_) | None => Some(here),
        }
    }

    /// The id of a session of this node.
    pub(super) fn id(node: &Node, shard: usize, key: SessionKey) -> String {
        let local = Node::connection_id(shard, key);
        node.broker.node_id().map_or_else(|| local.clone(), |own| format!("{local}.{}", own.run))
    }
}

/// The part of an id before the run. The node may have no such shard.
fn here(local: &str) -> Option<SessionId> {
    let number = |text: &str| {
        // A sign would be read as well.
        let is_number = text.bytes().all(|b| b.is_ascii_hexdigit());
        is_number.then(|| u32::from_str_radix(text, 16).ok()).flatten()
    };
    let mut parts = local.splitn(3, '-').map(number);
    let (shard, index, serial) = (parts.next()??, parts.next()??, parts.next()??);
    Some(SessionId::Here(usize::try_from(shard).ok()?, SessionKey { index, serial }))
}
