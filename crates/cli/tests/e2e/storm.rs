//! Many clients on bad paths: sockets die at random, WebSockets are blocked, everything is
//! swallowed. Each client must be handed every event once, in order, without a gap.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};
use steadfast_client::{
    ChannelName, Client, Config, GapCause, LinkState, Notice, Reason, Since, Span, Statistics,
};
use tokio::task::JoinSet;

use crate::Progress;
use crate::proxy::{Mode, Proxy};
use crate::server::Server;

const CHANNELS: u64 = 50;
const EVENTS: u64 = 2_000;
const CLIENTS: u64 = 40;
const CHANNELS_EACH: u64 = 5;
const BATCH: u64 = 1_000;
const SEED: u32 = 20_261_123;

/// A person's patience is not a test's.
fn quick(config: &mut Config) {
    config.backoff_min = Span(10);
    config.backoff_max = Span(200);
    config.delay_floor = Span(5);
    config.connect_timeout = Span(5_000);
    config.heartbeat_interval = Span(1_000);
    config.heartbeat_timeout = Span(5_000);
    config.fallback_effort = Span(300);
    config.poll_wait = Span(1_000);
    config.return_min = Span(1_000);
    config.return_max = Span(2_000);
}

fn channel(number: u64) -> ChannelName {
    ChannelName::new(&format!("storm:{number}")).unwrap()
}

async fn client(url: &str, channels: impl IntoIterator<Item = u64>) -> Client {
    let mut builder = Client::builder(url).adjust(quick);
    for number in channels {
        builder = builder.subscribe(channel(number), Since::Start);
    }
    builder.connect().await.unwrap()
}

/// What one client was handed, checked event by event.
#[derive(Debug, Default)]
struct Record {
    offsets: BTreeMap<ChannelName, u64>,
    deliveries: u64,
    progress: Progress,
}

impl Record {
    /// Every offset once, in order, and never a gap.
    fn note(&mut self, notice: &Notice) {
        match notice {
            Notice::Event(event) => {
                let last = self.offsets.entry(event.channel.clone()).or_default();
                assert_eq!(event.offset, *last + 1, "{}", event.channel);
                assert_eq!(event.data.as_str(), format!(r#"{{"n":{}}}"#, event.offset));
                *last = event.offset;
                self.deliveries += 1;
                self.progress.step();
            }
            Notice::Gap { .. } | Notice::Refused { .. } => panic!("{notice:?}"),
            Notice::State { .. }
            | Notice::Subscribed { .. }
            | Notice::Quality(_)
            | Notice::Finished { .. }
            | Notice::Message { .. }
            | Notice::Published { .. }
            | Notice::PublishFailed { .. } => {}
        }
    }

    /// Follows until the link says that everything has ended.
    async fn follow_to_the_end(&mut self, client: &mut Client) {
        loop {
            let notice = client.next().await.unwrap();
            self.note(&notice);
            if let Notice::State { new: LinkState::Disconnected, reason, .. } = notice {
                assert_eq!(reason, Reason::Finished);
                return;
            }
        }
    }

    /// Follows until the link is in this state; why.
    async fn follow_to(&mut self, client: &mut Client, state: LinkState) -> Reason {
        let search = async {
            loop {
                let notice = client.next().await.unwrap();
                self.note(&notice);
                if let Notice::State { new, reason, .. } = notice
                    && new == state
                {
                    return reason;
                }
            }
        };
        crate::within(state.as_str(), search).await
    }

    /// Follows until this many events were handed on.
    async fn follow_to_event(&mut self, client: &mut Client, count: u64) {
        let search = async {
            while self.deliveries < count {
                self.note(&client.next().await.unwrap());
            }
        };
        crate::within("an event", search).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_events_arrive_once_and_in_order_while_sockets_die() {
    let began = Instant::now();
    let server = Server::dev_with(&[("CRASH_WINDOW_MS", "0")]).await;
    let proxy = Proxy::start(server.public).await;
    proxy.cut_at_random(SEED, 120_000, 480_000);
    let (mut following, progress) = (JoinSet::new(), Progress::default());
    for number in 0..CLIENTS {
        let (url, progress) = (proxy.url(), progress.clone());
        following.spawn(async move {
            let mine = (0..CHANNELS_EACH).map(|at| (number * CHANNELS_EACH + at) % CHANNELS);
            let mut client = client(&url, mine).await;
            let mut record = Record { progress, ..Record::default() };
            record.follow_to_the_end(&mut client).await;
            assert_eq!(record.offsets.len() as u64, CHANNELS_EACH);
            assert!(record.offsets.values().all(|last| *last == EVENTS), "{:?}", record.offsets);
            (record.deliveries, client.statistics().await.unwrap())
        });
    }
    publish_all(&server).await;
    let published_after = began.elapsed();
    let (deliveries, resumes) = progress.within("the end", count(following)).await;
    assert_eq!(deliveries, CLIENTS * CHANNELS_EACH * EVENTS);
    println!(
        "{} events, {deliveries} deliveries, {} cuts, {resumes} resumes, {:.1} s to publish, \
         {:.1} s in all",
        CHANNELS * EVENTS,
        proxy.cuts(),
        published_after.as_secs_f32(),
        began.elapsed().as_secs_f32()
    );
    assert!(proxy.cuts() as u64 >= CLIENTS, "only {} cuts", proxy.cuts());
}

async fn publish_all(server: &Server) {
    for first in (0..CHANNELS * EVENTS).step_by(usize::try_from(BATCH).unwrap()) {
        let event = |number: u64| {
            let n = number / CHANNELS + 1;
            json!({"channel": channel(number % CHANNELS), "event": "progress",
                "data": {"n": n}, "final": n == EVENTS})
        };
        let events: Vec<Value> = (first..first + BATCH).map(event).collect();
        let answer = server.posts("/v1/events", &json!({"events": events})).await;
        assert!(answer.status == 200 && !answer.text.contains("error"), "{answer:?}");
    }
}

async fn count(mut following: JoinSet<(u64, Statistics)>) -> (u64, u64) {
    let (mut deliveries, mut resumes) = (0, 0);
    while let Some(done) = following.join_next().await {
        let (count, statistics) = done.unwrap();
        deliveries += count;
        resumes += statistics.successful_reconnects;
    }
    (deliveries, resumes)
}

/// P-73, P-74
#[tokio::test]
async fn where_websocket_is_blocked_events_come_by_polling_until_it_is_not() {
    for mode in [Mode::Forbid, Mode::Page] {
        let server = Server::dev().await;
        let proxy = Proxy::start(server.public).await;
        proxy.set(mode);
        server.publishes("storm:1", 1).await;
        let mut client = client(&proxy.url(), [1]).await;
        let mut record = Record::default();
        let reason = record.follow_to(&mut client, LinkState::Fallback).await;
        assert_eq!(reason, Reason::WebSocketBlocked);
        record.follow_to_event(&mut client, 1).await;
        for n in 2..=10 {
            server.publishes("storm:1", n).await;
            record.follow_to_event(&mut client, n).await;
        }
        assert_eq!(*client.state().borrow(), LinkState::Fallback);

        // Events go on while it returns.
        proxy.set(Mode::Pass);
        let publishing = async {
            for n in 11..=60 {
                server.publishes("storm:1", n).await;
            }
        };
        let returning = record.follow_to(&mut client, LinkState::Connected);
        assert_eq!(tokio::join!(returning, publishing).0, Reason::Welcomed);
        record.follow_to_event(&mut client, 60).await;
        server.publishes("storm:1", 61).await;
        record.follow_to_event(&mut client, 61).await;
        let over = json!({"event": "complete", "data": {"n": 62}, "final": true});
        server.publishes_event("storm:1", &over).await;
        crate::within("the end", record.follow_to_the_end(&mut client)).await;
        assert_eq!(record.deliveries, 62, "{mode:?}");
    }
}

/// P-44
#[tokio::test]
async fn a_path_that_swallows_everything_is_noticed_and_left() {
    let server = Server::dev_with(&[("CRASH_WINDOW_MS", "0")]).await;
    let proxy = Proxy::start(server.public).await;
    let builder = Client::builder(&proxy.url()).subscribe(channel(1), Since::Start);
    let adjust = |config: &mut Config| {
        quick(config);
        config.heartbeat_timeout = Span(1_000);
        config.connect_timeout = Span(1_000);
    };
    let mut client = builder.adjust(adjust).connect().await.unwrap();
    let mut record = Record::default();
    record.follow_to(&mut client, LinkState::Connected).await;
    server.publishes("storm:1", 1).await;
    record.follow_to_event(&mut client, 1).await;

    proxy.stall(true);
    for n in 2..=5 {
        server.publishes("storm:1", n).await;
    }
    let reason = record.follow_to(&mut client, LinkState::Reconnecting).await;
    assert_eq!(reason, Reason::HeartbeatTimeout);
    proxy.stall(false);
    record.follow_to(&mut client, LinkState::Connected).await;
    record.follow_to_event(&mut client, 5).await;
    assert_eq!(client.statistics().await.unwrap().successful_reconnects, 1);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_tried_until_it_can() {
    let server = Server::dev_with(&[("CRASH_WINDOW_MS", "0")]).await;
    let proxy = Proxy::start(server.public).await;
    let mut client = client(&proxy.url(), [1]).await;
    let mut record = Record::default();
    record.follow_to(&mut client, LinkState::Connected).await;
    server.publishes("storm:1", 1).await;
    record.follow_to_event(&mut client, 1).await;
    proxy.set(Mode::Refuse);
    proxy.cut_all();
    assert_eq!(record.follow_to(&mut client, LinkState::Reconnecting).await, Reason::Lost);
    server.publishes("storm:1", 2).await;
    proxy.set(Mode::Pass);
    record.follow_to(&mut client, LinkState::Connected).await;
    record.follow_to_event(&mut client, 2).await;
}

/// P-22, P-73
#[tokio::test]
async fn a_crash_is_told_to_a_client_that_polls() {
    let mut server = Server::dev().await;
    let proxy = Proxy::start(server.public).await;
    proxy.set(Mode::Forbid);
    let first = server.publishes("storm:1", 1).await;
    let mut client = client(&proxy.url(), [1]).await;
    Record::default().follow_to_event(&mut client, 1).await;
    server.kill().await;
    server.restart().await;
    let second = server.publishes("storm:1", 1).await;
    let gap = async {
        loop {
            match client.next().await.unwrap() {
                Notice::Gap { gap, .. } => return gap,
                Notice::Event(_) | Notice::Refused { .. } => panic!("before the gap"),
                Notice::State { .. }
                | Notice::Subscribed { .. }
                | Notice::Quality(_)
                | Notice::Finished { .. }
                | Notice::Message { .. }
                | Notice::Published { .. }
                | Notice::PublishFailed { .. } => {}
            }
        }
    };
    let gap = crate::within("a gap", gap).await;
    assert_eq!((gap.cause, gap.from.offset, gap.to.offset), (GapCause::EpochChanged, 1, 0));
    assert_eq!(gap.from.epoch.as_str(), first["epoch"]);
    assert_eq!(gap.to.epoch.as_str(), second["epoch"]);
    Record::default().follow_to_event(&mut client, 1).await;
}

/// P-73, P-74: back and forth, with events under way all the time.
#[tokio::test]
async fn nothing_is_lost_or_doubled_while_a_path_opens_and_closes() {
    const TOLD: u64 = 3_000;
    let server = Server::dev_with(&[("CRASH_WINDOW_MS", "0")]).await;
    let proxy = Proxy::start(server.public).await;
    let mut client = client(&proxy.url(), [1]).await;
    let publishing = async {
        for n in 1..=TOLD {
            let body = json!({"event": "progress", "data": {"n": n}, "final": n == TOLD});
            server.publishes_event("storm:1", &body).await;
        }
    };
    let progress = Progress::default();
    let mut record = Record { progress: progress.clone(), ..Record::default() };
    let mut states = Vec::new();
    let following = async {
        for round in 1.. {
            while record.deliveries < (round * 150).min(TOLD) {
                let notice = client.next().await.unwrap();
                record.note(&notice);
                if let Notice::State { new, .. } = notice {
                    states.push(new);
                }
            }
            if record.deliveries == TOLD {
                break;
            }
            let modes = [Mode::Forbid, Mode::Pass, Mode::Page, Mode::Pass];
            proxy.set(modes[usize::try_from(round).unwrap() % modes.len()]);
            if round % 3 != 0 {
                proxy.cut_all();
            }
        }
        record.follow_to_the_end(&mut client).await;
    };
    let both = async { tokio::join!(following, publishing) };
    let ((), ()) = progress.within("the end", both).await;
    let count = |state| states.iter().filter(|one| **one == state).count();
    println!(
        "connected {} times, polling {} times",
        count(LinkState::Connected),
        count(LinkState::Fallback)
    );
    assert!(count(LinkState::Connected) >= 2 && count(LinkState::Fallback) >= 1, "{states:?}");
}
