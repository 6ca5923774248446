//! Announcements: what the node's sessions are told, in which order.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::future::join_all;
use steadfast_history::{HistoryConfig, ReservedTotals};
use steadfast_hub::{Encoding, Grants, Opening, Outgoing, SessionKey, Transport};
use steadfast_protocol::{ChannelRequest, CloseCode, LinkId, Since, Timestamp};

use super::{ALL, Arm, Kind, channel, contract, event, last};

contract! {
    events_are_announced_in_order_once;
    a_follower_of_a_deleted_channel_is_told_of_the_gap;
    what_others_read_changes_no_epoch_that_somebody_follows;
    as_many_followed_names_keep_their_epoch_as_may_be_and_one_more_loses_it;
    what_others_read_changes_no_epoch_while_a_link_is_cut;
}

/// Listeners so far: each is a link of its own.
static COUNT: AtomicU64 = AtomicU64::new(1);

/// A session that follows one channel.
pub(crate) struct Listener<'a> {
    arm: &'a Arm,
    link: LinkId,
    key: SessionKey,
    heard: Vec<String>,
    events: Vec<(u64, String)>,
}

impl<'a> Listener<'a> {
    pub(crate) fn to(arm: &'a Arm, name: &str) -> Self {
        let wish = ChannelRequest { id: None, channel: channel(name), since: Since::Start };
        let link = LinkId::new(&format!("listener-{}", COUNT.fetch_add(1, Relaxed))).unwrap();
        let opening = Opening {
            link: link.clone(),
            address: None,
            identity: None,
            generation: 1,
            transport: Transport::WebSocket,
            encoding: Encoding::Frames,
            client: None,
            grants: Grants::everything(),
            expires: None,
            heartbeat: None,
            channels: vec![wish],
            time: Timestamp(0),
        };
        let key = arm.node.open(opening);
        Self { arm, link, key, heard: Vec::new(), events: Vec::new() }
    }

    /// Its link.
    pub(crate) const fn link(&self) -> &LinkId {
        &self.link
    }

    /// Does what there is to do now.
    pub(crate) async fn looks(&mut self) -> bool {
        let work = self.arm.node.with(|hub, now| hub.take(now, self.key));
        let is_idle = work.frames.is_empty() && work.read.is_none();
        self.heard.extend(work.frames.iter().filter_map(brief));
        self.events.extend(work.frames.iter().filter_map(told));
        if let Some(read) = work.read {
            let page = self.arm.broker.read(&read.channel, &read.since, read.limit).await;
            self.arm.node.with(|hub, now| hub.page(now, self.key, &read, page));
        }
        is_idle
    }

    /// Waits until `wanted` was heard, all of it told so far.
    pub(crate) async fn until(&mut self, wanted: &str) -> Vec<String> {
        while !self.heard.iter().any(|said| said == wanted) {
            if self.looks().await {
                self.arm.node.changed.notified().await;
            }
        }
        std::mem::take(&mut self.heard)
    }

    /// The events it was told since it began, each with its offset and data.
    pub(crate) fn events(self) -> Vec<(u64, String)> {
        self.events
    }
}

fn parsed(item: &Outgoing) -> Option<serde_json::Value> {
    let Outgoing::Text(text) = item else { return None };
    Some(serde_json::from_slice(text).unwrap())
}

/// The offset and the data of an event.
fn told(item: &Outgoing) -> Option<(u64, String)> {
    let frame = parsed(item)?;
    Some((frame["offset"].as_u64()?, frame.get("data")?.to_string()))
}

fn brief(item: &Outgoing) -> Option<String> {
    if let Outgoing::Close { code, .. } = item {
        return Some(format!("closed {}", code.0));
    }
    let frame = parsed(item)?;
    match frame["type"].as_str().unwrap() {
        "event" => Some(frame["offset"].to_string()),
        "subscribed" if frame["gap"].is_object() => {
            Some(format!("gap {}", frame["gap"]["cause"].as_str().unwrap()))
        }
        "welcome" => None,
        word => Some(word.to_owned()),
    }
}

async fn events_are_announced_in_order_once(kind: Kind) {
    let arm = Arm::new(kind).await;
    let mut listener = Listener::to(&arm, "a");
    assert_eq!(listener.until("subscribed").await, ["subscribed"]);
    join_all((0..60).map(|_| arm.put(event("a")))).await;
    arm.put(event("b")).await;
    arm.put(last("a")).await;
    let offsets = (1..=61).map(|offset| offset.to_string());
    let expected: Vec<String> = offsets.chain(["finished".to_owned()]).collect();
    assert_eq!(listener.until("finished").await, expected);
}

async fn a_follower_of_a_deleted_channel_is_told_of_the_gap(kind: Kind) {
    let arm = Arm::new(kind).await;
    let mut listener = Listener::to(&arm, "a");
    arm.put(event("a")).await;
    assert_eq!(listener.until("1").await, ["subscribed", "1"]);
    assert!(arm.broker.delete(&channel("a")).await.unwrap());
    assert_eq!(listener.until("gap epoch_changed").await, ["gap epoch_changed"]);
    arm.put(event("a")).await;
    assert_eq!(listener.until("1").await, ["1"]);
}

/// Many names, more than are remembered.
async fn others_read(arm: &Arm) {
    for n in 0..50 {
        assert_eq!(arm.read(&format!("read-{n}"), Since::Now, ALL).await.head, 0);
    }
}

/// P-22
async fn what_others_read_changes_no_epoch_that_somebody_follows(kind: Kind) {
    let arm = Arm::with(kind, &HistoryConfig { channels_max: 3, ..HistoryConfig::default() }).await;
    let mut listener = Listener::to(&arm, "a");
    assert_eq!(listener.until("subscribed").await, ["subscribed"]);
    others_read(&arm).await;
    arm.put(event("a")).await;
    assert_eq!(listener.until("1").await, ["1"], "without a gap");
}

async fn as_many_followed_names_keep_their_epoch_as_may_be_and_one_more_loses_it(kind: Kind) {
    let config =
        HistoryConfig { channels_max: 1, reserved_epochs_max: 3, ..HistoryConfig::default() };
    let arm = Arm::with(kind, &config).await;
    let mut listeners = Vec::new();
    for name in ["a", "b", "c"] {
        let mut listener = Listener::to(&arm, name);
        assert_eq!(listener.until("subscribed").await, ["subscribed"]);
        listeners.push(listener);
    }
    assert_eq!(arm.broker.reserved_epochs(), ReservedTotals { names: 3, dropped: 0 });
    let mut one_more = Listener::to(&arm, "d");
    assert_eq!(one_more.until("subscribed").await, ["subscribed"]);
    assert_eq!(arm.broker.reserved_epochs(), ReservedTotals { names: 3, dropped: 1 });
    arm.put(event("d")).await;
    assert_eq!(one_more.until("1").await, ["1"], "without a gap");
}

/// P-22
async fn what_others_read_changes_no_epoch_while_a_link_is_cut(kind: Kind) {
    let arm = Arm::with(kind, &HistoryConfig { channels_max: 3, ..HistoryConfig::default() }).await;
    let mut listener = Listener::to(&arm, "a");
    assert_eq!(listener.until("subscribed").await, ["subscribed"]);
    let position = arm.read("a", Since::Now, ALL).await.start;
    arm.node.with(|hub, now| hub.closed(now, listener.key, CloseCode::ABNORMAL, "cut"));
    others_read(&arm).await;
    arm.put(event("a")).await;
    let page = arm.read("a", Since::After(position), ALL).await;
    assert_eq!((page.gap, page.events.len()), (None, 1));
}
