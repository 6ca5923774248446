//! A server that is away: who publishes is told at once, who follows stays, and all heals.

use steadfast_history::{PublishError, ReadError};
use steadfast_protocol::Since;

use super::{arm, ready};
use crate::testing::RedisServer;
use crate::tests::live::Listener;
use crate::tests::{ALL, channel, event};

const KEPT: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

#[tokio::test]
async fn while_the_server_is_away_nothing_is_accepted_and_then_all_goes_on() {
    let mut store = RedisServer::start(&KEPT).await;
    let one = arm(&[&store]);
    ready(&one).await;
    let mut here = Listener::to(&one, "a");
    let (epoch, _) = one.placed(event("a")).await;
    assert_eq!(here.until("1").await, ["subscribed", "1"]);
    store.kill();
    assert_eq!(one.refused(event("a")).await, PublishError::Unavailable);
    assert!(!one.broker.is_ready().await);
    let unread = one.broker.read(&channel("a"), &Since::Start, ALL).await;
    assert_eq!(unread, Err(ReadError::Unavailable));
    assert_eq!(one.broker.delete(&channel("a")).await, Err(ReadError::Unavailable));

    store.restart().await;
    ready(&one).await;
    assert_eq!(one.placed(event("a")).await, (epoch, 2), "the same process of the node knows");
    assert_eq!(here.until("2").await, ["2"]);
}

#[tokio::test]
async fn who_joins_while_the_server_is_away_is_answered_when_it_is_back() {
    let mut store = RedisServer::start(&KEPT).await;
    let one = arm(&[&store]);
    ready(&one).await;
    one.put(event("a")).await;
    store.kill();
    assert!(!one.broker.is_ready().await);
    let mut here = Listener::to(&one, "a");
    here.looks().await;
    store.restart().await;
    assert_eq!(here.until("1").await, ["subscribed", "1"]);
}

#[tokio::test]
async fn a_subscription_that_was_lost_alone_costs_no_event() {
    let store = RedisServer::start(&[]).await;
    let one = arm(&[&store]);
    ready(&one).await;
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
    ready(&one).await;
    one.put(event("a")).await;
    store.does(&["SCRIPT", "FLUSH"]).await;
    assert_eq!(one.put(event("a")).await, 2);
    assert_eq!(one.kept("a").await, [1, 2]);
}

#[tokio::test]
async fn channels_are_spread_over_servers_and_listed_as_one() {
    let (first, second) = (RedisServer::start(&[]).await, RedisServer::start(&[]).await);
    let (one, two) = (arm(&[&first, &second]), arm(&[&first, &second]));
    ready(&one).await;
    ready(&two).await;
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
