//! Publishers that want too much: bytes, channels, keys, batches; every limit that is small enough
//! to be met.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use super::{each, script};
use crate::case::{
    Attempt, Case, Door, KEY_MARK, PAYLOAD_MARK, Script, Target, request, with_token,
};
use crate::expect::Expect::{Answer, Either};
use crate::expect::{expect_frame, is_alive};
use crate::frame::{Received, text};
use crate::setup::Setup;
use crate::token;
use crate::wire::Wire;

const BYTES: &str = "Publish as much as the path carries";
const USE_UP: &str = "Use up channels or idempotency keys";
const FILL: &str = "Fill history, so that others cannot publish";
const NOISE: &str = "Send deep JSON, noise, broken framing";
const TICKETS: &str = "Take all tickets";
const MIB: usize = 1024 * 1024;
/// What the disk broker keeps in memory of what was written last: `broker.hot_bytes_max`, and the
/// tables of the store that are not written yet.
const STORE_BYTES: u64 = 128 * 1024 * 1024;

/// The table.
pub(super) const CASES: &[Case] = &[
    script("a session that publishes 16 MiB at once", BYTES, |target| too_fast(target, 16)),
    script("8 sessions that publish 1 MiB events", BYTES, large_events),
    script("8 sessions that publish 1 MiB events on disk", BYTES, large_events)
        .on(Setup::Disk)
        .keeps(STORE_BYTES),
    script("events of 40 bytes in a flood", BYTES, |target| backend_flood(target, 40)),
    script("events of 40 bytes in a flood on disk", BYTES, |target| backend_flood(target, 40))
        .on(Setup::Disk)
        .keeps(STORE_BYTES),
    script("1,000 events in each request", BYTES, |target| batches(target, 1_000)),
    script("1,000 events in each request on disk", BYTES, |target| batches(target, 1_000))
        .on(Setup::Disk)
        .keeps(STORE_BYTES),
    each("1,001 events in a request", BYTES, |_| batch_of(1_001, 413, "too_large")),
    each("bodies that announce a terabyte", NOISE, |n| {
        let path = ["/v1/events", "/v1/channels/flood:1/events"][n % 2];
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
                 Content-Length: 1099511627776\r\n\r\n",
            token::BACKEND_KEY
        );
        backend(head.into_bytes(), 413, "too_large")
    }),
    each("deep payloads on the internal port", NOISE, |n| {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let (path, body) = [
            ("/v1/channels/flood:1/events", format!(r#"{{"event":"e","data":{deep}}}"#)),
            ("/v1/channels/flood:1/events", format!(r#"{{"event":{deep}}}"#)),
            ("/v1/revocations", deep),
        ][n % 3]
            .clone();
        let ways = vec![Answer(400, "too_deep"), Answer(400, "bad_body"), Answer(413, "too_large")];
        let send = keyed("POST", path, "", &body);
        Attempt { door: Door::Internal, send, expect: Either(ways) }
    }),
    each("bodies of the internal port that are none", NOISE, |n| {
        let (path, body, code) = [
            ("/v1/channels/flood:1/events", "{", "bad_json"),
            ("/v1/channels/flood:1/events", r#"{"event":7}"#, "bad_body"),
            ("/v1/channels/flood:1/events", r#"{"data":1}"#, "missing_field"),
            ("/v1/channels/flood:1/events", r#"{"event":"e","extra":1}"#, "unknown_field"),
            ("/v1/events", r#"{"list":[]}"#, "missing_field"),
            ("/v1/revocations", r#"{"jit":"x"}"#, "unknown_field"),
            ("/v1/revocations", "{}", ""),
            ("/v1/channels/flood:1/events", "\u{1}", "bad_json"),
        ][n % 8];
        backend(keyed("POST", path, "", body), 400, code)
    }),
    each("keys for repeats that are none", NOISE, |n| {
        let key = ["", &"k".repeat(256), "a\tb", &"k".repeat(8_000)][n % 4].to_owned();
        let line = format!("Idempotency-Key: {key}\r\n");
        let body = r#"{"event":"e"}"#;
        backend(
            keyed("POST", "/v1/channels/flood:1/events", &line, body),
            400,
            "bad_idempotency_key",
        )
    }),
    script("10,000 events with keys of 190 bytes", USE_UP, key_flood),
    script("more keys than may be remembered", USE_UP, too_many_keys).on(Setup::Small),
    script("more channels than there may be", USE_UP, too_many_channels).on(Setup::Small),
    script("more history than there may be", FILL, |target| too_much(target, 120)).on(Setup::Small),
    script("followers of more names than there may be channels", FILL, too_many_followed)
        .on(Setup::Small),
    script("more tickets than there may be", TICKETS, too_many_tickets).on(Setup::Small),
    script("tickets in a flood", TICKETS, ticket_flood),
    each("sessions that publish and leave", BYTES, |n| {
        let frame = json!({"type": "publish", "channel": format!("flood:leave-{}", n % 8),
                "event": "e", "data": PAYLOAD_MARK});
        Attempt {
            door: Door::Session,
            send: text(&frame.to_string()),
            expect: crate::expect::Expect::Unread,
        }
    }),
];

fn keyed(method: &str, path: &str, lines: &str, body: &str) -> Vec<u8> {
    let lines = format!("Authorization: Bearer {}\r\n{lines}", token::BACKEND_KEY);
    request(method, path, &lines, body)
}

fn backend(send: Vec<u8>, status: u16, code: &'static str) -> Attempt {
    Attempt { door: Door::Internal, send, expect: Answer(status, code) }
}

fn batch_of(count: usize, status: u16, code: &'static str) -> Attempt {
    let entry = json!({"channel": "flood:batch", "event": "e", "data": PAYLOAD_MARK});
    let body = json!({"events": vec![entry; count]}).to_string();
    backend(keyed("POST", "/v1/events", "", &body), status, code)
}

fn publish(channel: &str, bytes: usize, key: &str) -> Vec<u8> {
    let data = format!("{PAYLOAD_MARK}{}", "x".repeat(bytes.saturating_sub(PAYLOAD_MARK.len())));
    let mut frame = json!({"type": "publish", "id": 1, "channel": channel, "event": "e",
        "data": data});
    if !key.is_empty() {
        frame["idempotency_key"] = json!(key);
    }
    text(&frame.to_string())
}

/// The answer to a publish: `published`, or the code of an `error`.
async fn answer(wire: &mut Wire) -> anyhow::Result<String> {
    loop {
        let Some(frame) = wire.frame().await? else { bail!("the session has ended") };
        let Received::Text(frame) = frame else { continue };
        let frame: Value = serde_json::from_str(&frame)?;
        match frame["type"].as_str() {
            Some("published") => return Ok("published".to_owned()),
            Some("error") => return Ok(frame["code"].as_str().unwrap_or_default().to_owned()),
            _ => {}
        }
    }
}

/// More bytes than a session may publish: 4 MiB pass, the rest is refused, and the session lives.
fn too_fast(target: Arc<Target>, events: usize) -> Script {
    Box::pin(async move {
        let mut wire = target.session().await?;
        let frame = publish("flood:fast", MIB - 500, "");
        let mut refused = 0;
        for _ in 0..events {
            wire.send(&frame).await;
            match answer(&mut wire).await?.as_str() {
                "published" => {}
                "rate_limited" => refused += 1,
                other => bail!("answered {other}"),
            }
            target.count(1);
        }
        ensure!(refused >= events / 2, "{refused} of {events} were refused");
        is_alive(&mut wire).await
    })
}

fn large_events(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let mut wires = Vec::new();
        for _ in 0..8 {
            wires.push(target.session().await?);
        }
        for _ in 0..4 {
            for (number, wire) in wires.iter_mut().enumerate() {
                wire.send(&publish(&format!("flood:large-{number}"), MIB - 500, "")).await;
                let came = answer(wire).await?;
                ensure!(came == "published" || came == "rate_limited", "answered {came}");
                target.count(1);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        is_trimmed(&target, "flood:large", 8).await
    })
}

/// Deletes what a case has published, so that memory says what is left of it.
async fn is_trimmed(target: &Target, name: &str, count: usize) -> anyhow::Result<()> {
    for number in 0..count {
        target.backend("DELETE", &format!("/v1/channels/{name}-{number}"), "").await?;
    }
    Ok(())
}

/// Events from one backend as fast as they are answered, for 2 s.
fn backend_flood(target: Arc<Target>, bytes: usize) -> Script {
    Box::pin(async move {
        let mut wire = Wire::to(target.internal).await?;
        let body = json!({"event": "e", "data": "x".repeat(bytes)}).to_string();
        let begun = std::time::Instant::now();
        let mut number = 0;
        while begun.elapsed() < Duration::from_secs(2) {
            let path = format!("/v1/channels/flood:tiny-{}/events", number % 8);
            let many = keyed("POST", &path, "", &body).repeat(16);
            wire.send(&many).await;
            for _ in 0..16 {
                Answer(201, "").check(&mut wire).await?;
                target.count(1);
            }
            number += 1;
        }
        is_trimmed(&target, "flood:tiny", 8).await
    })
}

fn batches(target: Arc<Target>, count: usize) -> Script {
    Box::pin(async move {
        let entry = |at: usize| {
            let channel = format!("flood:batch-{}", at % 8);
            json!({"channel": channel, "event": "e", "data": at})
        };
        let events: Vec<Value> = (0..count).map(entry).collect();
        let body = json!({"events": events}).to_string();
        for _ in 0..20 {
            let answer = target.backend("POST", "/v1/events", &body).await?;
            ensure!(answer.status == 200, "answered {}", answer.status);
            target.count(1);
        }
        is_trimmed(&target, "flood:batch", 8).await
    })
}

/// Keys of 190 bytes, which the node remembers for five minutes: 1 KB each at most.
fn key_flood(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let mut wire = Wire::to(target.internal).await?;
        for number in 0..10_000 {
            let key = format!("{KEY_MARK}-{number}-{}", "k".repeat(150));
            let path = format!("/v1/channels/flood:keyed-{}/events", number % 8);
            let line = format!("Idempotency-Key: {}\r\n", &key[..190.min(key.len())]);
            wire.send(&keyed("POST", &path, &line, r#"{"event":"e"}"#)).await;
            Answer(201, "").check(&mut wire).await?;
            target.count(1);
        }
        is_trimmed(&target, "flood:keyed", 8).await
    })
}

/// Publishes one event over the internal port; the status and the code.
async fn published(
    target: &Target,
    channel: &str,
    line: &str,
    bytes: usize,
) -> anyhow::Result<(u16, String)> {
    let mut wire = Wire::to(target.internal).await?;
    let body = json!({"event": "e", "data": "x".repeat(bytes)}).to_string();
    wire.send(&keyed("POST", &format!("/v1/channels/{channel}/events"), line, &body)).await;
    let answer = wire.answer().await?;
    Ok((answer.status, answer.code()))
}

/// 2,000 keys are remembered for 2 s each.
fn too_many_keys(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let mut refused = 0;
        for number in 0..3_000 {
            let line = format!("Idempotency-Key: {KEY_MARK}-{}-{number}\r\n", target.number());
            match published(&target, "flood:keys", &line, 10).await? {
                (201, _) => {}
                (503, code) if code == "idempotency_full" => refused += 1,
                other => bail!("answered {other:?}"),
            }
            target.count(1);
        }
        ensure!(refused > 0, "no key was refused");
        let without = published(&target, "flood:keys", "", 10).await?;
        ensure!(without.0 == 201, "without a key: {without:?}");
        Ok(())
    })
}

/// 400 channels there may be, of which the healthy have 40.
fn too_many_channels(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let mut full = 0;
        for number in 0..600 {
            match published(&target, &format!("flood:many-{number}"), "", 10).await? {
                (201, _) => {}
                (503, code) if code == "too_many_channels" => full += 1,
                other => bail!("answered {other:?}"),
            }
            target.count(1);
        }
        ensure!(full > 0, "no channel was refused");
        is_trimmed(&target, "flood:many", 600).await
    })
}

/// 4 MiB of history there may be: what is old makes room, and nobody is refused.
fn too_much(target: Arc<Target>, events: usize) -> Script {
    Box::pin(async move {
        for number in 0..events {
            let channel = format!("flood:much-{}", number % 4);
            let came = published(&target, &channel, "", 100_000).await?;
            ensure!(came.0 == 201, "answered {came:?}");
            target.count(1);
        }
        is_trimmed(&target, "flood:much", 4).await
    })
}

/// Names that have no events are followed beyond the limit of channels; publishers find room.
fn too_many_followed(target: Arc<Target>) -> Script {
    Box::pin(async move {
        for session in 0..5 {
            let names: Vec<String> =
                (0..128).map(|at| format!("flood:followed-{session}-{at}")).collect();
            let mut wire = target.follow(&names).await?;
            let mut wanted = 128;
            while wanted > 0 {
                let Some(frame) = wire.frame().await? else { bail!("the session has ended") };
                if let Received::Text(frame) = frame {
                    let is_answer = frame.contains(r#""subscribed""#)
                        || frame.contains(r#""too_many_channels""#);
                    ensure!(is_answer || frame.contains(r#""ping""#), "{frame}");
                    wanted -= usize::from(is_answer);
                    target.count(1);
                }
            }
            target.hold(wire);
        }
        let came = published(&target, "healthy:0-more", "", 10).await?;
        ensure!(came.0 == 201 || came.1 == "too_many_channels", "answered {came:?}");
        Ok(())
    })
}

async fn ticket(target: &Target) -> anyhow::Result<(u16, String)> {
    let mut wire = Wire::to(target.public).await?;
    wire.send(&with_token("POST", "/v1/tickets", &target.token, "")).await;
    let answer = wire.answer().await?;
    let body: Value = serde_json::from_slice(&answer.body)?;
    if let Some(ticket) = body["ticket"].as_str() {
        target.keep_secret(ticket);
    }
    Ok((answer.status, answer.code()))
}

/// 50 tickets there may be.
fn too_many_tickets(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let mut refused = 0;
        for _ in 0..80 {
            match ticket(&target).await? {
                (201, _) => {}
                (503, code) if code == "tickets_full" => refused += 1,
                other => bail!("answered {other:?}"),
            }
            target.count(1);
        }
        ensure!(refused > 0, "no ticket was refused");
        Ok(())
    })
}

fn ticket_flood(target: Arc<Target>) -> Script {
    Box::pin(async move {
        for number in 0..1_000 {
            let (status, code) = ticket(&target).await?;
            ensure!(status == 201, "ticket {number} was answered {status} {code}");
            target.count(1);
        }
        let mut wire = target.session().await?;
        expect_frame_of_life(&mut wire).await
    })
}

async fn expect_frame_of_life(wire: &mut Wire) -> anyhow::Result<()> {
    wire.send(&text(r#"{"type":"heartbeat","id":1}"#)).await;
    expect_frame(wire, "heartbeat_ack").await.map(drop)
}
