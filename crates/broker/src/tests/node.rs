//! The node's side of the updates: a hub, driven by the test.

use std::sync::Arc;

use parking_lot::Mutex;
use steadfast_hub::{Hub, HubConfig, Opening, Output, SessionKey};
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, Generation, LinkKey};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::update_bus::{ChannelUpdate, UpdateBus, UpdatePermit, UpdateSink};

/// A hub that handles updates at once, within [`UpdateSink::send`].
#[derive(Debug)]
pub(crate) struct TestNode {
    clock: Clock,
    hub: Mutex<Hub>,
    /// Told of each change.
    pub(crate) changed: Notify,
}

impl TestNode {
    /// A node without sessions, and the bus that leads to it.
    pub(crate) fn start(clock: Clock) -> (Arc<Self>, UpdateBus) {
        let hub = Mutex::new(Hub::new(HubConfig::default(), clock.now()));
        let node = Arc::new(Self { clock, hub, changed: Notify::new() });
        let sink: Arc<dyn UpdateSink> = Arc::clone(&node) as _;
        (node, UpdateBus::new(sink))
    }

    /// Begins a session.
    pub(crate) fn open(&self, opening: Opening) -> SessionKey {
        self.with(|hub, now| hub.open(now, opening)).unwrap()
    }

    /// Works on the hub.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Hub, Millis) -> T) -> T {
        let mut hub = self.hub.lock();
        let result = work(&mut hub, self.clock.now());
        let mut is_ready = false;
        while let Some(output) = hub.poll() {
            is_ready |= matches!(output, Output::Ready(_));
        }
        drop(hub);
        if is_ready {
            self.changed.notify_one();
        }
        result
    }
}

impl UpdateSink for TestNode {
    fn send(&self, updates: &[ChannelUpdate], _permit: &UpdatePermit) {
        self.with(|hub, now| {
            for update in updates {
                match update {
                    ChannelUpdate::Published(publication) => hub.publication(now, publication),
                    ChannelUpdate::Deleted(channel) => hub.forgotten(channel),
                    ChannelUpdate::Head(channel, head) => hub.recheck(channel, head),
                }
            }
        });
    }

    fn wake(&self) {}

    fn followed(&self, after: Option<&ChannelName>, limit: usize) -> Vec<ChannelName> {
        self.with(|hub, _| hub.followed(after, limit))
    }

    fn is_followed(&self, channel: &ChannelName) -> bool {
        self.with(|hub, _| hub.subscribers(channel) > 0)
    }

    fn fence(&self, link: &LinkKey, generation: Generation) -> Option<Generation> {
        self.with(|hub, now| hub.fence_elsewhere(now, link, generation))
    }
}
