//! Readers that ask for much and take little, and readers of names that have no events.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::{each, script};
use crate::case::{Attempt, Case, Door, PAYLOAD_MARK, Script, Target, with_token};
use crate::expect::Expect::{Answer, Close};
use crate::expect::expect_frame;
use crate::frame::text;
use crate::setup::Setup;
use crate::token;
use crate::wire::Wire;

const PAGES: &str = "Ask for pages and never read them";
const SLOW: &str = "Subscribe and never read";
const NAMES: &str = "Fill history, so that others cannot publish";
/// Bytes of the events that readers ask for.
const EVENT_BYTES: usize = 100_000;
/// How many of them there are: 4 MB.
const EVENTS: usize = 40;
/// What the epochs of 20,000 names take that were followed and have no events. The server keeps
/// them for five minutes (`limits.reserved_epoch_ms`), so that whoever comes back resumes.
const RESERVED_BYTES: u64 = 8 * 1024 * 1024;
/// The metric of the public port's sockets.
const SOCKETS: &str = "steadfast_sockets";
/// How long a reader who takes nothing may stay: 10 s, 2 s for a close frame, and some more.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(20);
/// Readers at once.
const READERS: usize = 200;

/// The table.
pub(super) const CASES: &[Case] = &[
    script("200 polls of 4 MB that nobody reads", PAGES, |target| unread(target, Kind::Poll)),
    script("200 polls for many that nobody reads", PAGES, |target| unread(target, Kind::Many)),
    script("200 streams of 4 MB that nobody reads", PAGES, |target| unread(target, Kind::Stream)),
    script("40 polls that are read a little at a time", PAGES, |target| sips(target, Kind::Poll)),
    script("40 streams that are read a little at a time", PAGES, |target| {
        sips(target, Kind::Stream)
    }),
    script("500 polls that wait and are left", PAGES, left),
    script("50 requests on each connection before any answer is read", PAGES, pipelined),
    script("100 sessions that follow 4 MB and never read", SLOW, never_read),
    script("20 sessions that never read what is published", SLOW, live_unread),
    each("sessions that leave without a word", SLOW, |n| {
        let frame = format!(r#"{{"type":"subscribe","channel":"flood:left-{n}"}}"#);
        Attempt { door: Door::Session, send: text(&frame), expect: crate::expect::Expect::Unread }
    }),
    each("pages of other channels' positions", PAGES, |n| {
        let path = format!("/v1/channels/demo:{n}/events?epoch=other&offset={}", n * 1_000);
        let send = with_token("GET", &path, &token::good(token::MALLORY, 60), "");
        Attempt { door: Door::Public, send, expect: Answer(200, "") }
    }),
    each("streams that resume from nowhere", PAGES, |n| {
        let id = ["x", "e:-1", "e:9007199254740993", ":", "e:1:2"][n % 5];
        let token = token::good(token::MALLORY, 60);
        let path = format!("/v1/channels/demo:1/stream?last_event_id={id}");
        let send = with_token("GET", &path, &token, "");
        Attempt { door: Door::Public, send, expect: Answer(400, "bad_position") }
    }),
    each("a session that subscribes and closes", SLOW, |n| {
        let frame = format!(r#"{{"type":"subscribe","channel":"flood:close-{n}"}}"#);
        let send = [text(&frame), crate::frame::close(1000, b"")].concat();
        Attempt { door: Door::Session, send, expect: Close(1000) }
    }),
];

/// Names that have no events must cost nothing that outlives the request.
pub(super) const OF_EMPTY_NAMES: &[Case] = &[
    script("GET of 100,000 names", NAMES, |target| asks(target, "GET", 100_000)),
    script("HEAD of 100,000 names", NAMES, |target| asks(target, "HEAD", 100_000)),
    script("polls for 100,000 names", NAMES, |target| polls(target, 100_000)),
    script("subscribes to 20,000 names", NAMES, |target| subscribes(target, 20_000))
        .keeps(RESERVED_BYTES),
    script("GET of 20,000 names on disk", NAMES, |target| asks(target, "GET", 20_000))
        .on(Setup::Disk),
    script("HEAD of 20,000 names on disk", NAMES, |target| asks(target, "HEAD", 20_000))
        .on(Setup::Disk),
    script("polls for 20,000 names on disk", NAMES, |target| polls(target, 20_000)).on(Setup::Disk),
    script("subscribes to 20,000 names on disk", NAMES, |target| subscribes(target, 20_000))
        .on(Setup::Disk)
        .keeps(RESERVED_BYTES),
];

/// What a reader asks for.
#[derive(Clone, Copy)]
enum Kind {
    Poll,
    Many,
    Stream,
}

impl Kind {
    fn request(self, channel: &str, token: &str) -> Vec<u8> {
        match self {
            Self::Poll => {
                let path = format!("/v1/channels/{channel}/events?limit=1000");
                with_token("GET", &path, token, "")
            }
            Self::Many => {
                let body = json!({"channels": [{"channel": channel}], "limit": 1000}).to_string();
                with_token("POST", "/v1/poll", token, &body)
            }
            Self::Stream => with_token("GET", &format!("/v1/channels/{channel}/stream"), token, ""),
        }
    }
}

/// A channel with 4 MB of events, of a namespace that keeps them.
async fn filled(target: &Target) -> anyhow::Result<String> {
    let channel = format!("pages:{}", target.number());
    let data = format!("{PAYLOAD_MARK}{}", "x".repeat(EVENT_BYTES));
    let body = json!({"event": "e", "data": data}).to_string();
    for _ in 0..EVENTS {
        let path = format!("/v1/channels/{channel}/events");
        let answer = target.backend("POST", &path, &body).await?;
        ensure!(answer.status == 201, "published with {}", answer.status);
    }
    Ok(channel)
}

async fn forget(target: &Target, channel: &str) -> anyhow::Result<()> {
    let answer = target.backend("DELETE", &format!("/v1/channels/{channel}"), "").await?;
    ensure!(answer.status < 300, "deleted with {}", answer.status);
    Ok(())
}

/// Requests whose answers nobody takes. The server gives up all of them, after 10 s without
/// progress and 2 s more.
fn unread(target: Arc<Target>, kind: Kind) -> Script {
    Box::pin(async move {
        let channel = filled(&target).await?;
        let sockets = target.metric(SOCKETS).await?;
        for _ in 0..READERS {
            let mut wire = Wire::narrow(target.public).await?;
            wire.send(&kind.request(&channel, &target.token)).await;
            target.hold(wire);
        }
        match kind {
            Kind::Stream => are_given_up(&target, sockets, READERS).await?,
            Kind::Poll | Kind::Many => have_no_answers(&target).await?,
        }
        forget(&target, &channel).await
    })
}

/// That the server holds no answers any more. A short one may be in the kernel, and its connection
/// wait for the next request.
async fn have_no_answers(target: &Target) -> anyhow::Result<()> {
    let begun = std::time::Instant::now();
    loop {
        let bytes = target.metric("steadfast_poll_answers_bytes").await?;
        if bytes == 0 {
            break;
        }
        ensure!(begun.elapsed() < GIVEN_UP_WITHIN, "{bytes} bytes of answers are there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    target.count(READERS as u64);
    Ok(())
}

/// That the server has no more sockets than before, though nobody has closed any.
async fn are_given_up(target: &Target, before: u64, readers: usize) -> anyhow::Result<()> {
    let begun = std::time::Instant::now();
    let mut sockets = target.metric(SOCKETS).await?;
    while sockets > before {
        ensure!(begun.elapsed() < GIVEN_UP_WITHIN, "{} are not given up", sockets - before);
        tokio::time::sleep(Duration::from_millis(100)).await;
        sockets = target.metric(SOCKETS).await?;
    }
    target.count(readers as u64);
    Ok(())
}

/// Readers of 200 bytes a second.
fn sips(target: Arc<Target>, kind: Kind) -> Script {
    Box::pin(async move {
        let channel = filled(&target).await?;
        let sockets = target.metric(SOCKETS).await?;
        let mut wires = Vec::new();
        for _ in 0..40 {
            let mut wire = Wire::narrow(target.public).await?;
            wire.send(&kind.request(&channel, &target.token)).await;
            wires.push(wire);
        }
        let sipping = async {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                for wire in &mut wires {
                    wire.sip_bytes(40).await;
                }
            }
        };
        tokio::select! {
            given_up = are_given_up(&target, sockets, 40) => given_up?,
            () = sipping => {}
        }
        forget(&target, &channel).await
    })
}

fn left(target: Arc<Target>) -> Script {
    Box::pin(async move {
        for at in 0..500 {
            let path = format!("/v1/channels/flood:wait-{at}/events?offset=latest&wait=50");
            let mut wire = Wire::to(target.public).await?;
            wire.send(&with_token("GET", &path, &target.token, "")).await;
            target.hold(wire);
            target.count(1);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    })
}

/// Many requests before any answer is read.
fn pipelined(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let one = with_token("GET", "/v1/channels/demo:1/events", &target.token, "");
        let mut wires = Vec::new();
        for _ in 0..50 {
            let mut wire = Wire::narrow(target.public).await?;
            wire.push(&one.repeat(50), Duration::from_millis(500)).await;
            wires.push(wire);
        }
        for mut wire in wires {
            for _ in 0..50 {
                Answer(200, "").check(&mut wire).await?;
                target.count(1);
            }
        }
        Ok(())
    })
}

fn never_read(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let channel = filled(&target).await?;
        let sockets = target.metric(SOCKETS).await?;
        for _ in 0..100 {
            let mut wire = Wire::narrow(target.public).await?;
            target.enter(&mut wire, &target.token, std::slice::from_ref(&channel)).await?;
            target.hold(wire);
        }
        are_given_up(&target, sockets, 100).await?;
        forget(&target, &channel).await
    })
}

/// Sessions that take nothing of what is published while they are there.
fn live_unread(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let channel = format!("flood:live-{}", target.number());
        let sockets = target.metric(SOCKETS).await?;
        for _ in 0..20 {
            let mut wire = Wire::narrow(target.public).await?;
            target.enter(&mut wire, &target.token, std::slice::from_ref(&channel)).await?;
            expect_frame(&mut wire, "subscribed").await?;
            target.hold(wire);
        }
        let data = format!("{PAYLOAD_MARK}{}", "x".repeat(20_000));
        let body = json!({"event": "e", "data": data}).to_string();
        let path = format!("/v1/channels/{channel}/events");
        for _ in 0..300 {
            target.backend("POST", &path, &body).await?;
        }
        are_given_up(&target, sockets, 20).await
    })
}

/// Requests for names that have no events, on a few connections, as fast as they are answered.
fn asks(target: Arc<Target>, method: &'static str, names: usize) -> Script {
    Box::pin(async move {
        let channels = target.metric("steadfast_channels").await?;
        let work = (0..8).map(|worker| asks_some(Arc::clone(&target), method, worker, names / 8));
        together(work).await?;
        holds_no_more(&target, channels).await
    })
}

async fn asks_some(
    target: Arc<Target>,
    method: &'static str,
    worker: usize,
    names: usize,
) -> anyhow::Result<()> {
    let mut wire = Wire::to(target.public).await?;
    let run = target.number();
    for at in 0..names {
        let path = format!("/v1/channels/empty:{run}-{worker}-{at}/events");
        wire.send(&with_token(method, &path, &target.token, "")).await;
        let status =
            if method == "HEAD" { wire.head().await?.0 } else { wire.answer().await?.status };
        ensure!(status == 200, "answered with {status}");
        target.count(1);
    }
    Ok(())
}

/// The same by polls for 100 names each.
fn polls(target: Arc<Target>, names: usize) -> Script {
    Box::pin(async move {
        let channels = target.metric("steadfast_channels").await?;
        let mut wire = Wire::to(target.public).await?;
        let run = target.number();
        for request in 0..names / 100 {
            let entry = |at: usize| json!({"channel": format!("empty:p-{run}-{request}-{at}")});
            let channels: Vec<_> = (0..100).map(entry).collect();
            let body = json!({"channels": channels, "wait": 0}).to_string();
            wire.send(&with_token("POST", "/v1/poll", &target.token, &body)).await;
            let status = wire.answer().await?.status;
            ensure!(status == 200, "answered with {status}");
            target.count(100);
        }
        holds_no_more(&target, channels).await
    })
}

/// The same by sessions that follow 128 names each and leave.
fn subscribes(target: Arc<Target>, names: usize) -> Script {
    Box::pin(async move {
        let channels = target.metric("steadfast_channels").await?;
        let run = target.number();
        for session in 0..names / 128 {
            let name = |at: usize| format!("empty:s-{run}-{session}-{at}");
            let followed: Vec<String> = (0..128).map(name).collect();
            let mut wire = target.follow(&followed).await?;
            for _ in 0..128 {
                expect_frame(&mut wire, "subscribed").await?;
                target.count(1);
            }
        }
        holds_no_more(&target, channels).await
    })
}

/// That the node has no more channels than before, once nobody asks for them any more.
async fn holds_no_more(target: &Target, before: u64) -> anyhow::Result<()> {
    let mut channels = target.metric("steadfast_channels").await?;
    for _ in 0..50 {
        if channels <= before {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        channels = target.metric("steadfast_channels").await?;
    }
    anyhow::bail!("{before} channels before, {channels} after")
}

/// Work that goes on at the same time.
async fn together(
    work: impl Iterator<Item = impl Future<Output = anyhow::Result<()>> + Send + 'static>,
) -> anyhow::Result<()> {
    let mut running: tokio::task::JoinSet<_> = work.collect();
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}
