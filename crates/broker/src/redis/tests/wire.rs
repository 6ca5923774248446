//! The messages between nodes on a Redis server.

use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};

use super::{arm, ready};
use crate::testing::RedisServer;
use crate::tests::cluster_wire::{self, ClusterWire};

struct RedisWire {
    messages: PubSub,
    commands: MultiplexedConnection,
}

impl RedisWire {
    async fn to(store: &RedisServer) -> Self {
        let client = redis::Client::open(store.url()).unwrap();
        let mut messages = client.get_async_pubsub().await.unwrap();
        messages.psubscribe("steadfast:*").await.unwrap();
        let commands = client.get_multiplexed_async_connection().await.unwrap();
        Self { messages, commands }
    }
}

impl ClusterWire for RedisWire {
    async fn send(&mut self, to: Option<&str>, bytes: &[u8]) {
        let to = to.map_or("steadfast:control".into(), |node| format!("steadfast:to:{node}"));
        let mut command = redis::cmd("PUBLISH");
        let heard: u64 = command.arg(to).arg(bytes).query_async(&mut self.commands).await.unwrap();
        assert!(heard > 0, "a node hears it");
    }

    async fn next(&mut self) -> (Option<String>, Vec<u8>) {
        let message = self.messages.on_message().next().await.unwrap();
        let node = message.get_channel_name().strip_prefix("steadfast:to:").map(str::to_owned);
        (node, message.get_payload_bytes().to_vec())
    }
}

#[tokio::test]
async fn messages_of_every_kind_keep_their_bytes() {
    let store = RedisServer::start(&[]).await;
    let (one, two) = (arm(&[&store]), arm(&[&store]));
    ready(&one).await;
    ready(&two).await;
    let mut wire = RedisWire::to(&store).await;
    cluster_wire::messages_of_every_kind_keep_their_bytes(&mut wire, (&one, &two)).await;
}

#[tokio::test]
async fn what_no_version_sends_is_ignored() {
    let store = RedisServer::start(&[]).await;
    let (one, two) = (arm(&[&store]), arm(&[&store]));
    ready(&one).await;
    ready(&two).await;
    let mut wire = RedisWire::to(&store).await;
    cluster_wire::what_no_version_sends_is_ignored(&mut wire, (&one, &two)).await;
    assert_eq!(
        (one.broker.redis().unwrap().sessions, two.broker.redis().unwrap().sessions),
        (1, 1)
    );
}
