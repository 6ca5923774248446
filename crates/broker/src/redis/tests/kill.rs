//! `kill -9` of a server that syncs every write.

use std::sync::Arc;

use super::{arm, ready};
use crate::testing::RedisServer;
use crate::tests::kill::every_acked_event_outlives_the_server_and_comes_to_all_who_follow;

#[tokio::test]
async fn every_acked_event_outlives_the_server() {
    let mut store = RedisServer::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let nodes = [(); 3].map(|()| Arc::new(arm(&[&store])));
    for node in &nodes {
        ready(node).await;
    }
    let all = nodes.clone();
    every_acked_event_outlives_the_server_and_comes_to_all_who_follow(&mut store, all).await;
    for node in &nodes {
        assert_eq!(node.broker.redis().unwrap().fences, 0);
    }
}
