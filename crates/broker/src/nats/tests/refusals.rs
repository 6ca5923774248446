//! A server that refuses messages, and a log that must not be used.

use async_nats::jetstream::stream::Config;
use steadfast_history::{Publish, PublishError};
use steadfast_protocol::Payload;

use super::arm;
use crate::testing::NatsServer;
use crate::tests::event;

/// As when its disk is full.
#[tokio::test]
async fn a_server_that_takes_nothing_is_told_by_the_probe_until_it_does() {
    let store = NatsServer::start().await;
    let one = arm(&store);
    one.ready().await;
    let (epoch, _) = one.placed(event("a")).await;
    let jetstream = store.jetstream().await;
    let stream = jetstream.get_stream("steadfast").await.unwrap();
    let config = stream.cached_info().config.clone();
    let bytes = stream.cached_info().state.bytes;
    let full = Config { max_bytes: bytes.try_into().unwrap(), ..config.clone() };
    jetstream.update_stream(full).await.unwrap();
    assert_eq!(one.refused(event("a")).await, PublishError::Unavailable);
    assert!(!one.broker.is_ready().await && one.metric("nats_failing") == 1);
    assert_eq!(one.kept("a").await, [1], "what is there is read");
    jetstream.update_stream(config).await.unwrap();
    one.ready().await;
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
    let mut pending = client.subscribe("$JS.API.STREAM.INFO.>").await.unwrap();
    for _ in 0..2 {
        futures_util::StreamExt::next(&mut pending).await.unwrap();
    }
    assert!(!shared.is_connected() && !one.broker.is_ready().await);
    jetstream.update_stream(Config { max_messages_per_subject: -1, ..config }).await.unwrap();
    one.ready().await;
    assert_eq!(one.put(event("a")).await, 1);
}

#[tokio::test]
async fn an_event_that_is_larger_than_a_message_is_refused_and_no_other() {
    let store = NatsServer::start().await;
    let one = arm(&store);
    one.ready().await;
    let sized = |len: usize| {
        let data = Payload::new(&format!("\"{}\"", "x".repeat(len))).unwrap();
        Publish { data, ..event("a") }
    };
    // 1 MiB, with what stands around the event.
    assert_eq!(one.put(sized(1024 * 1024 - 512)).await, 1);
    assert_eq!(one.refused(sized(1024 * 1024)).await, PublishError::Unavailable);
    assert!(one.broker.is_ready().await && one.metric("nats_failing") == 0);
    assert_eq!(one.put(event("a")).await, 2);
}
