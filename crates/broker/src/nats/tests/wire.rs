//! The messages between nodes on a NATS server.

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use steadfast_protocol::Since;

use super::{arm, figures, ready};
use crate::testing::NatsServer;
use crate::tests::cluster_wire::{self, ClusterWire};
use crate::tests::{ALL, channel};

struct NatsWire {
    client: Client,
    messages: Subscriber,
}

impl NatsWire {
    async fn to(store: &NatsServer) -> Self {
        let client = store.jetstream().await.client().clone();
        let messages = client.subscribe("steadfast.>").await.unwrap();
        client.flush().await.unwrap();
        Self { client, messages }
    }

    /// Waits until exactly this message was sent to all.
    async fn sees(&mut self, text: &str) {
        while self.next().await != (None, text.as_bytes().to_vec()) {}
    }
}

impl ClusterWire for NatsWire {
    async fn send(&mut self, to: Option<&str>, bytes: &[u8]) {
        let subject = to.map_or("steadfast.control".into(), |node| {
            format!("steadfast.to.{}", node.replace('.', "%"))
        });
        self.client.publish(subject, bytes.to_vec().into()).await.unwrap();
    }

    async fn next(&mut self) -> (Option<String>, Vec<u8>) {
        let message = self.messages.next().await.unwrap();
        let node = message.subject.strip_prefix("steadfast.to.");
        (node.map(|node| node.replace('%', ".")), message.payload.to_vec())
    }
}

#[tokio::test]
async fn messages_of_every_kind_keep_their_bytes() {
    let store = NatsServer::start().await;
    let mut wire = NatsWire::to(&store).await;
    let (one, two) = (arm(&store), arm(&store));
    ready(&one).await;
    ready(&two).await;
    let first = one.broker.peer().unwrap().word();
    wire.sees(&format!("which-reserved {first}")).await;
    wire.sees(&format!("here {first}")).await;
    let epoch = one.read("a", Since::Now, ALL).await.start.epoch;
    let base = epoch.as_str().rsplit_once('-').unwrap().0;
    wire.sees(&format!("reserved {first} a {base}")).await;
    let listener = crate::tests::live::Listener::to(&one, "a");
    one.read("a", Since::Now, ALL).await;
    wire.sees(&format!("kept {first} a {base}")).await;
    drop(listener);

    // A node of another version keeps the epoch of a channel for this one, and asks for it.
    let kept = b"kept old-00ff b 00000000ff-7 c 00000000ff-8";
    wire.send(None, kept).await;
    wire.send(None, b"reserved old-00ff d 00000000ff-9").await;
    for (name, base) in [("b", "00000000ff-7"), ("c", "00000000ff-8"), ("d", "00000000ff-9")] {
        let fence = epoch.as_str().rsplit_once('-').unwrap().1;
        let read = two.broker.read(&channel(name), &Since::Now, ALL).await.unwrap();
        assert_eq!(read.start.epoch.as_str(), format!("{base}-{fence}"));
    }
    wire.send(None, b"which-reserved old-00ff").await;
    loop {
        let (to, bytes) = wire.next().await;
        if to.as_deref() == Some("old-00ff") {
            let text = String::from_utf8(bytes).unwrap();
            let word = text.split(' ').next().unwrap();
            assert!(word == "reserved" && text.contains(" b 00000000ff-7"), "{text}");
            break;
        }
    }
    cluster_wire::messages_of_every_kind_keep_their_bytes(&mut wire, (&one, &two)).await;
}

#[tokio::test]
async fn what_no_version_sends_is_ignored() {
    let store = NatsServer::start().await;
    let (one, two) = (arm(&store), arm(&store));
    ready(&one).await;
    ready(&two).await;
    let mut wire = NatsWire::to(&store).await;
    cluster_wire::what_no_version_sends_is_ignored(&mut wire, (&one, &two)).await;
    assert_eq!((figures(&one).sessions, figures(&two).sessions), (1, 1));
}
