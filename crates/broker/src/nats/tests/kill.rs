//! `kill -9` of a server under load: every acked event is there, in order,
//! once, under the same epoch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use steadfast_hub::{Publish, Receipt};
use steadfast_protocol::{Epoch, Payload, Since};

use super::{arm, figures, ready};
use crate::testing::NatsServer;
use crate::tests::live::Listener;
use crate::tests::{ALL, Arm, each, keyed, offsets};

const CHANNELS: [&str; 3] = ["a", "b", "c"];
const PUBLISHERS: u64 = 6;
const ROUNDS: u64 = 4;
/// Acked events between two kills.
const EACH_ROUND: u64 = 400;

type Acked = BTreeMap<(usize, u64), (Epoch, String)>;

/// Publishes one event after the other until the end of the rounds, each until it is acked.
async fn publisher(arm: &Arm, id: u64, count: &AtomicU64) -> Acked {
    let mut acked = Acked::new();
    for n in 0.. {
        let at = usize::try_from((id + n) % 3).unwrap();
        let data = format!("\"{id}/{n}\"");
        let publish = Publish { data: Payload::new(&data).unwrap(), ..keyed(CHANNELS[at], &data) };
        let Receipt { epoch, offset, .. } = loop {
            match arm.broker.publish(publish.clone()).await {
                Ok(place) => break place,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert!(acked.insert((at, offset), (epoch, data)).is_none(), "one place, two events");
        if count.fetch_add(1, Ordering::SeqCst) >= EACH_ROUND * (ROUNDS + 1) {
            break;
        }
    }
    acked
}

#[tokio::test]
async fn every_acked_event_outlives_the_server() {
    let mut store = NatsServer::start().await;
    let arm = Arc::new(arm(&store));
    ready(&arm).await;
    let count = Arc::new(AtomicU64::new(0));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|id| {
            let (arm, count) = (Arc::clone(&arm), Arc::clone(&count));
            tokio::spawn(async move { publisher(&arm, id, &count).await })
        })
        .collect();
    for round in 1..=ROUNDS {
        while count.load(Ordering::SeqCst) < round * EACH_ROUND {
            tokio::task::yield_now().await;
        }
        store.kill();
        store.restart().await;
    }
    let mut acked = Acked::new();
    for each in join_all(publishers).await {
        for (place, event) in each.unwrap() {
            assert!(acked.insert(place, event).is_none(), "one place, two events");
        }
    }
    assert!(acked.len() as u64 > EACH_ROUND * (ROUNDS + 1));
    for (at, name) in CHANNELS.iter().enumerate() {
        let page = arm.read(name, Since::Start, ALL).await;
        // Every key was repeated until it was acked, so that what is there is what was acked.
        assert_eq!(offsets(&page), each(1..=page.head), "{name}");
        assert_eq!(page.head, acked.range((at, 0)..(at + 1, 0)).count() as u64, "{name}");
        for event in &page.events {
            let (epoch, data) = &acked[&(at, event.offset)];
            assert_eq!((&event.epoch, event.encoded.data()), (epoch, data.as_bytes()));
        }
        let heard = Listener::to(&arm, name).until(&page.head.to_string()).await;
        assert_eq!(heard.len() as u64, page.head + 1, "no gap");
    }
    assert_eq!(figures(&arm).fences, 0);
}
