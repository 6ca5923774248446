//! A server that is away, or takes nothing: who publishes is told at once, who follows stays, and
//! all heals.

use async_nats::jetstream::stream::Config;
use steadfast_history::{Publish, PublishError, ReadError};
use steadfast_protocol::{Payload, Since};

use super::{arm, figures, ready};
use crate::testing::NatsServer;
use crate::tests::live::Listener;
use crate::tests::{ALL, channel, event};

#[tokio::test]
async fn while_the_server_is_away_nothing_is_accepted_and_then_all_goes_on() {
    let mut store = NatsServer::start().await;
    let one = arm(&store);
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
    assert_eq!((figures(&one).sessions, figures(&one).fences), (2, 0));
}

#[tokio::test]
async fn who_joins_while_the_server_is_away_is_answered_when_it_is_back() {
    let mut store = NatsServer::start().await;
    let one = arm(&store);
    ready(&one).await;
    one.put(event("a")).await;
    store.kill();
    assert!(!one.broker.is_ready().await);
    let mut here = Listener::to(&one, "a");
    here.looks().await;
    store.restart().await;
    assert_eq!(here.until("1").await, ["subscribed", "1"]);
}

/// As when its disk is full.
#[tokio::test]
async fn a_server_that_takes_nothing_is_told_by_the_probe_until_it_does() {
    let store = NatsServer::start().await;
    let one = arm(&store);
    ready(&one).await;
    let (epoch, _) = one.placed(event("a")).await;
    let jetstream = store.jetstream().await;
    let stream = jetstream.get_stream("steadfast").await.unwrap();
    let config = stream.cached_info().config.clone();
    let bytes = stream.cached_info().state.bytes;
    let full = Config { max_bytes: bytes.try_into().unwrap(), ..config.clone() };
    jetstream.update_stream(full).await.unwrap();
    assert_eq!(one.refused(event("a")).await, PublishError::Unavailable);
    assert!(!one.broker.is_ready().await && figures(&one).is_failing);
    assert_eq!(one.kept("a").await, [1], "what is there is read");
    jetstream.update_stream(config).await.unwrap();
    ready(&one).await;
    assert_eq!(one.placed(event("a")).await, (epoch, 2));
}

#[tokio::test]
async fn a_log_that_drops_events_by_itself_is_not_used() {
    let store = NatsServer::start().await;
    let jetstream = store.jetstream().await;
    let config = Config {
        name: "steadfast".into(),
        subjects: vec!["steadfast.log.>".into()],
        max_messages_per_subject: 10,
        allow_direct: true,
        ..Config::default()
    };
    jetstream.create_stream(config.clone()).await.unwrap();
    let one = arm(&store);
    let (client, shared) = (jetstream.client(), super::shared(&one));
    // The node has come, and says so before it looks at the stream.
    let mut asks = client.subscribe("$JS.API.STREAM.INFO.>").await.unwrap();
    for _ in 0..2 {
        futures_util::StreamExt::next(&mut asks).await.unwrap();
    }
    assert!(!shared.is_here() && !one.broker.is_ready().await);
    jetstream.update_stream(Config { max_messages_per_subject: -1, ..config }).await.unwrap();
    ready(&one).await;
    assert_eq!(one.put(event("a")).await, 1);
}

#[tokio::test]
async fn an_event_that_is_larger_than_a_message_is_refused_and_no_other() {
    let store = NatsServer::start().await;
    let one = arm(&store);
    ready(&one).await;
    let sized = |len: usize| {
        let data = Payload::new(&format!("\"{}\"", "x".repeat(len))).unwrap();
        Publish { data, ..event("a") }
    };
    // 1 MiB, with what stands around the event.
    assert_eq!(one.put(sized(1024 * 1024 - 512)).await, 1);
    assert_eq!(one.refused(sized(1024 * 1024)).await, PublishError::Unavailable);
    assert!(one.broker.is_ready().await && !figures(&one).is_failing);
    assert_eq!(one.put(event("a")).await, 2);
}
