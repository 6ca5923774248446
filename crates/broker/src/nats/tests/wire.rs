//! The messages between nodes, as a NATS server carries them, and those that no other broker has.

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use steadfast_protocol::Since;

use super::arm;
use crate::testing::NatsServer;
use crate::tests::cluster_wire::ClusterWire;
use crate::tests::live::Listener;
use crate::tests::{ALL, channel};

pub(super) struct NatsWire {
    client: Client,
    messages: Subscriber,
}

impl NatsWire {
    pub(super) async fn to(store: &NatsServer) -> Self {
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
async fn messages_about_reserved_epochs_keep_their_bytes() {
    let store = NatsServer::start().await;
    let mut wire = NatsWire::to(&store).await;
    let (one, two) = (arm(&store), arm(&store));
    one.ready().await;
    two.ready().await;
    let first = one.broker.node_id().unwrap().to_string();
    wire.sees(&format!("which-reserved {first}")).await;
    wire.sees(&format!("here {first}")).await;
    let epoch = one.read("a", Since::Now, ALL).await.start.epoch;
    let base = epoch.as_str().rsplit_once('-').unwrap().0;
    wire.sees(&format!("reserved {first} a {base}")).await;
    let listener = Listener::to(&one, "a");
    one.read("a", Since::Now, ALL).await;
    wire.sees(&format!("kept {first} a {base}")).await;
    drop(listener);

    // A node of another version keeps the epoch of a channel for this one, and pending for it.
    let kept = b"kept old-00ff b 00000000ff-7 c 00000000ff-8";
    wire.send(None, kept).await;
    wire.send(None, b"reserved old-00ff d 00000000ff-9").await;
    wire.send(None, b"which-reserved old-00ff").await;
    // Its answer comes after it took what was sent before the question.
    let second = two.broker.node_id().unwrap().to_string();
    loop {
        let (to, bytes) = wire.next().await;
        let text = String::from_utf8(bytes).unwrap();
        if to.as_deref() == Some("old-00ff") && text.starts_with(&format!("reserved {second} ")) {
            assert!(text.contains(" b 00000000ff-7"), "{text}");
            break;
        }
    }
    for (name, base) in [("b", "00000000ff-7"), ("c", "00000000ff-8"), ("d", "00000000ff-9")] {
        let fence = epoch.as_str().rsplit_once('-').unwrap().1;
        let read = two.broker.read(&channel(name), &Since::Now, ALL).await.unwrap();
        assert_eq!(read.start.epoch.as_str(), format!("{base}-{fence}"));
    }
}
