//! `kill -9` of a broker's server under load: every acked event is there, in order, once, under the
//! same epoch, and so it came to all who followed meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use steadfast_history::{Publish, Receipt};
use steadfast_protocol::{Epoch, Payload, Since};

use super::live::Listener;
use super::shared_server::SharedServer;
use super::{ALL, Arm, each, keyed, last, offsets};

const CHANNELS: [&str; 3] = ["a", "b", "c"];
const PUBLISHERS: u64 = 6;
const ROUNDS: u64 = 4;
/// Acked events between two kills.
const EACH_ROUND: u64 = 400;

type Acked = BTreeMap<(usize, u64), (Epoch, String)>;

/// Publishes until it is acked.
async fn until_acked(arm: &Arm, publish: &Publish) -> Receipt {
    loop {
        match arm.broker.publish(publish.clone()).await {
            Ok(place) => return place,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// Publishes one event after the other until the end of the rounds, each until it is acked.
async fn publisher(arm: &Arm, id: u64, count: &AtomicU64) -> Acked {
    let mut acked = Acked::new();
    for n in 0.. {
        let at = usize::try_from((id + n) % 3).unwrap();
        let data = format!("\"{id}/{n}\"");
        let publish = Publish { data: Payload::new(&data).unwrap(), ..keyed(CHANNELS[at], &data) };
        let Receipt { epoch, offset, .. } = until_acked(arm, &publish).await;
        assert!(acked.insert((at, offset), (epoch, data)).is_none(), "one place, two events");
        if count.fetch_add(1, Ordering::SeqCst) >= EACH_ROUND * (ROUNDS + 1) {
            break;
        }
    }
    acked
}

/// All that was acked, by publishers on one node, while the server was killed again and again.
async fn acked_over_kills(store: &mut impl SharedServer, arm: &Arm) -> Acked {
    let count = AtomicU64::new(0);
    let publishers = join_all((0..PUBLISHERS).map(|id| publisher(arm, id, &count)));
    let killing = async {
        for round in 1..=ROUNDS {
            while count.load(Ordering::SeqCst) < round * EACH_ROUND {
                tokio::task::yield_now().await;
            }
            store.kill();
            store.restart().await;
        }
    };
    let (all, ()) = tokio::join!(publishers, killing);
    let mut acked = Acked::new();
    for (place, event) in all.into_iter().flatten() {
        assert!(acked.insert(place, event).is_none(), "one place, two events");
    }
    for (at, name) in CHANNELS.iter().enumerate() {
        let end = Publish { idempotency_key: Some("end".into()), ..last(name) };
        let Receipt { epoch, offset, .. } = until_acked(arm, &end).await;
        acked.insert((at, offset), (epoch, r#"{"n":1}"#.into()));
    }
    acked
}

/// What a follower from the start to the end was told: everything once, in order, without a gap.
async fn followed(arm: &Arm, name: &str) -> Vec<(u64, String)> {
    let mut listener = Listener::to(arm, name);
    let heard = listener.until("finished").await;
    let events = listener.events();
    let offsets = events.iter().map(|(offset, _)| offset.to_string());
    let whole = std::iter::once("subscribed".to_owned()).chain(offsets).chain(["finished".into()]);
    assert_eq!(heard, whole.collect::<Vec<_>>(), "{name}");
    events
}

/// Three nodes on one server: the first publishes and has a follower, as each of the others has.
pub(crate) async fn every_acked_event_outlives_it<S: SharedServer>() {
    let mut server = S::launch().await;
    let nodes = [(); 3].map(|()| server.node());
    for node in &nodes {
        node.ready().await;
    }
    let following = CHANNELS.iter().zip(&nodes).map(|(name, node)| followed(node, name));
    let (acked, told) = tokio::join!(acked_over_kills(&mut server, &nodes[0]), join_all(following));
    assert!(acked.len() as u64 > EACH_ROUND * (ROUNDS + 1));
    for ((at, name), told) in CHANNELS.iter().enumerate().zip(told) {
        let page = nodes[0].read(name, Since::Start, ALL).await;
        // Every key was repeated until it was acked, so that what is there is what was acked.
        assert_eq!(offsets(&page), each(1..=page.head), "{name}");
        let of_channel = acked.range((at, 0)..(at + 1, 0));
        assert_eq!(page.head, of_channel.clone().count() as u64, "{name}");
        let wanted: Vec<_> = of_channel.map(|((_, offset), (_, data))| (*offset, data)).collect();
        assert_eq!(told.iter().map(|(offset, data)| (*offset, data)).collect::<Vec<_>>(), wanted);
        for event in &page.events {
            assert_eq!(event.epoch, acked[&(at, event.offset)].0, "{name}");
        }
    }
    for node in &nodes {
        assert_eq!(S::sessions_and_losses(node).1, 0);
    }
}
