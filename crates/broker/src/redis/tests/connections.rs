//! Connections to servers: one that is lost alone, scripts that a server forgot, several servers.

use super::arm;
use crate::testing::RedisServer;
use crate::tests::live::Listener;
use crate::tests::{channel, event};

#[tokio::test]
async fn a_subscription_that_was_lost_alone_costs_no_event() {
    let store = RedisServer::start(&[]).await;
    let one = arm(&[&store]);
    one.ready().await;
    let mut here = Listener::to(&one, "a");
    assert_eq!(here.until("subscribed").await, ["subscribed"]);
    for round in 1..=3_u64 {
        store.does(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        while one.broker.publish(event("a")).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(here.until(&round.to_string()).await, [round.to_string()]);
    }
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_sent_again() {
    let store = RedisServer::start(&[]).await;
    let one = arm(&[&store]);
    one.ready().await;
    one.put(event("a")).await;
    store.does(&["SCRIPT", "FLUSH"]).await;
    assert_eq!(one.put(event("a")).await, 2);
    assert_eq!(one.kept("a").await, [1, 2]);
}

#[tokio::test]
async fn channels_are_spread_over_servers_and_listed_as_one() {
    let (first, second) = (RedisServer::start(&[]).await, RedisServer::start(&[]).await);
    let (one, two) = (arm(&[&first, &second]), arm(&[&first, &second]));
    one.ready().await;
    two.ready().await;
    let names: Vec<String> = (0..20).map(|n| format!("room:{n:02}")).collect();
    for name in &names {
        one.put(event(name)).await;
        assert_eq!(two.put(event(name)).await, 2);
    }
    let listed = two.broker.list(None, 100).await.unwrap();
    let listed: Vec<String> = listed.iter().map(|info| info.channel.to_string()).collect();
    assert_eq!(listed, names);
    let after = channel(&names[4]);
    let page = two.broker.list(Some(&after), 3).await.unwrap();
    assert_eq!(page.iter().map(|info| info.channel.as_str()).collect::<Vec<_>>(), names[5..8]);
    for store in [&first, &second] {
        assert_ne!(store.does(&["ZCARD", "steadfast:index"]).await, redis::Value::Int(0));
    }
    assert_eq!(one.broker.size().0, 20);
}
