//! A node's part of a page of sessions. In: the query, which is the same for every node. Out: rows
//! of this node, as many as fit the page and a message. Nodes are ordered by their runs, so each
//! node knows whether the page starts before, in or after its part.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use steadfast_hub::{ConnectionView, Transport};
use steadfast_protocol::codec::json::LinkGrade;
use steadfast_protocol::{ChannelName, LinkId, UserId};

use super::session_id::SessionId;
use super::view::Connection;
use crate::backend_api::query::Query;
use crate::node::Node;
use crate::problem::Problem;

/// The parameters of a listing.
pub(super) const PARAMETERS: [&str; 9] =
    ["after", "limit", "address", "channel", "grade", "link", "platform", "transport", "user"];
/// Slots that are read under one lock of a hub.
pub(in crate::backend_api) const SLOTS_PER_LOCK: u32 = 256;
/// The bytes of a part without its rows.
const FRAME_BYTES: usize = 64;

/// Some of a node's sessions, in order.
#[derive(Debug, Default)]
pub(super) struct NodePage {
    /// The rows, each with the id of its session.
    pub(super) rows: Vec<(String, Box<RawValue>)>,
    /// Whether the node has more of them.
    pub(super) has_more: bool,
}

/// The same, as another node receives it.
#[derive(Debug, Serialize, Deserialize)]
struct RpcPage {
    rows: Vec<Box<RawValue>>,
    has_more: bool,
}

/// The filter of a listing.
#[derive(Debug)]
struct Filter {
    addresses: Option<IpNet>,
    grade: Option<LinkGrade>,
    platform: Option<Box<str>>,
    channel: Option<ChannelName>,
    link: Option<LinkId>,
    transport: Option<Transport>,
    user: Option<UserId>,
}

impl NodePage {
    /// Reads this node's part.
    pub(super) async fn of(node: &Node, query: &Query) -> Result<Self, Problem> {
        let after =
            query.parsed("after", |id| SessionId::of(node, id).ok_or("not a connection's id"));
        let start = match (after?, node.broker.node_id()) {
            (None, _) => (0, 0),
            (Some(SessionId::Here(shard, key)), _) => (shard, key.index.saturating_add(1)),
            (Some(SessionId::There(run)), Some(own)) if run < own.run => (0, 0),
            // The nodes before it have been listed; a node that shares no broker is the only one.
            (Some(SessionId::There(_)), _) => (usize::MAX, 0),
        };
        let (limit, filter) = (query.limit()?, Filter::read(query)?);
        let mut found = matches(node, start, limit + 1, &filter).await;
        let mut part = Self { has_more: found.len() > limit, ..Self::default() };
        found.truncate(limit);
        let room = node.broker.response_bytes_max().saturating_sub(FRAME_BYTES);
        let mut bytes = 0;
        for (at, view) in found {
            let id = SessionId::id(node, at, view.session);
            let Some(row) = Connection::new(node, at, view).row() else { continue };
            bytes += row.get().len() + 1;
            // There is at least one row, so that the next page starts after it.
            if bytes > room && !part.rows.is_empty() {
                part.has_more = true;
                break;
            }
            part.rows.push((id, row));
        }
        Ok(part)
    }

    /// The text for another node.
    pub(super) fn text(self) -> Option<String> {
        let rows = self.rows.into_iter().map(|(_, row)| row).collect();
        serde_json::to_string(&RpcPage { rows, has_more: self.has_more }).ok()
    }

    /// Parses the text of another node.
    pub(super) fn read(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Named {
            id: String,
        }
        let RpcPage { rows, has_more } = serde_json::from_str(text).ok()?;
        let named = |row: Box<RawValue>| {
            let Named { id } = serde_json::from_str(row.get()).ok()?;
            Some((id, row))
        };
        Some(Self { rows: rows.into_iter().map(named).collect::<Option<_>>()?, has_more })
    }
}

/// The first `count` sessions from `start` on that the filter accepts, each with its shard.
async fn matches(
    node: &Node,
    start: (usize, u32),
    count: usize,
    filter: &Filter,
) -> Vec<(usize, ConnectionView)> {
    let mut found = Vec::new();
    let (from, first) = start;
    for (at, shard) in node.shards.iter().enumerate().skip(from) {
        if filter.link.as_ref().is_some_and(|link| !Arc::ptr_eq(node.shard_of(link), shard)) {
            continue;
        }
        let mut slot = if at == from { first } else { 0 };
        loop {
            let slots = slot..slot.saturating_add(SLOTS_PER_LOCK);
            slot = slots.end;
            let (views, end) = shard.with(|hub, now| (hub.connections(now, slots), hub.slots()));
            let views = views.into_iter().filter(|view| filter.fits(view));
            found.extend(views.map(|view| (at, view)));
            if found.len() >= count {
                return found;
            }
            if slot >= end {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    found
}

impl Filter {
    fn read(query: &Query) -> Result<Self, Problem> {
        let transport = query.parsed("transport", |word| {
            let mut known = Transport::ALL.into_iter();
            known.find(|one| one.as_str() == word).ok_or("one of `websocket`, `sse` and `poll`")
        });
        let grade = query.parsed("grade", |word| {
            let known = "one of `excellent`, `good`, `fair`, `poor`, `bad` and `unknown`";
            LinkGrade::of(word).ok_or(known)
        });
        Ok(Self {
            addresses: query.parsed("address", addresses)?,
            grade: grade?,
            platform: query.text("platform").map(|text| text.to_lowercase().into()),
            channel: query.parsed("channel", ChannelName::new)?,
            link: query.parsed("link", LinkId::new)?,
            transport: transport?,
            user: query.parsed("user", UserId::new)?,
        })
    }

    fn fits(&self, view: &ConnectionView) -> bool {
        self.channel.as_ref().is_none_or(|channel| view.channels.contains(channel))
            && self.link.as_ref().is_none_or(|link| view.link == *link)
            && self.transport.is_none_or(|transport| view.transport == transport)
            && self.user.as_ref().is_none_or(|user| view.user.as_ref() == Some(user))
            && self.grade.is_none_or(|grade| view.grade == grade)
            && self.addresses.is_none_or(|net| {
                view.address.is_some_and(|address| net.contains(&address.to_canonical()))
            })
            && self.platform.as_ref().is_none_or(|platform| {
                let client = view.client.as_ref();
                client.is_some_and(|one| one.platform.to_lowercase().contains(&**platform))
            })
    }
}

/// One address, or a network as `10.1.0.0/16`.
fn addresses(text: &str) -> Result<IpNet, &'static str> {
    let one = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    one.or_else(|_| text.parse()).map_err(|_| "an address, or a network as `10.1.0.0/16`")
}

#[cfg(test)]
mod tests {
    use super::NodePage;

    #[test]
    fn a_part_is_read_as_it_was_written_and_nothing_else_is_taken_for_one() {
        let text = r#"{"rows":[{"id":"0-1-1.ff","link":"x y"}],"has_more":true}"#;
        let part = NodePage::read(text).unwrap();
        assert_eq!((part.rows[0].0.as_str(), part.has_more), ("0-1-1.ff", true));
        assert_eq!(part.text().unwrap(), text);
        for bad in ["", "null", "{}", r#"{"rows":[{}],"has_more":false}"#] {
            assert!(NodePage::read(bad).is_none(), "{bad}");
        }
    }
}
