//! The messages between nodes, as a Redis server carries them.

use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};

use crate::testing::RedisServer;
use crate::tests::cluster_wire::ClusterWire;

pub(super) struct RedisWire {
    messages: PubSub,
    commands: MultiplexedConnection,
}

impl RedisWire {
    pub(super) async fn to(store: &RedisServer) -> Self {
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
