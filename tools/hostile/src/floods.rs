//! Floods: as much of one thing as the machine can send, for a few seconds. In: a server beside
//! healthy clients. Out: rates, what the server took for them, and how late healthy events were.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use serde_json::json;
use tokio::task::JoinSet;

use crate::case::with_token;
use crate::case::{Case, Deed, PAYLOAD_MARK, Script, Target, request};
use crate::expect::is_alive;
use crate::expect::{expect_frame, expect_upgrade};
use crate::frame::{Received, crumbs, text};
use crate::setup::Setup;
use crate::table::{Row, megabytes};
use crate::token::{self, BACKEND_KEY};
use crate::wire::Wire;

/// How long a flood lasts that has no end of its own.
const LASTS: Duration = Duration::from_secs(5);
/// Rounds, of which the medians are told.
pub const ROUNDS: usize = 3;
/// Nothing is waited for but the end of the connections: floods are no test of what is left.
const KEPT: u64 = 1 << 40;
/// Connections of a flood that need no more.
const WORKERS: usize = 16;
/// Requests that are sent before their answers are read.
const AHEAD: usize = 32;

/// The floods.
pub fn all() -> Vec<Case> {
    vec![
        flood("10,000 half-open handshakes, held for 10 s", half_open),
        flood("10,000 upgrades without hello, held for 10 s", unsaid),
        flood("bad tokens (HS256)", |target| bad_tokens(target, "HS256")),
        flood("bad tokens (RS256)", |target| bad_tokens(target, "RS256")),
        flood("bad tokens (ES384, which is slow)", |target| bad_tokens(target, "ES384")),
        flood("WebSockets with a bad token", bad_sockets),
        flood("subscribe bombs: hello with 128 channels", bombs),
        flood("events of 1 MiB from a backend", large_events),
        flood("events of 1 MiB from sessions", session_events),
        flood("500 sessions that read nothing of 4 MB", |target| unread(target, Kind::Session)),
        flood("500 polls that read nothing of 4 MB", |target| unread(target, Kind::Poll)),
        flood("fragments of 1 byte", fragments),
    ]
}

const fn flood(name: &'static str, script: fn(Arc<Target>) -> Script) -> Case {
    Case { name, attack: "", setup: Setup::Usual, kept: KEPT, open: "", deed: Deed::Script(script) }
}

/// The medians of several rounds of one flood.
#[derive(Clone, Debug)]
pub struct Medians {
    name: String,
    per_second: u64,
    cpu: f64,
    quiet_ms: f64,
    late_ms: f64,
    peak: u64,
    faults: u64,
}

/// The head of the table.
pub const HEAD: &str = "\
| flood | a second | server CPU (cores) | p99 quiet, flood (ms) | \
most memory (MB) | healthy events lost or doubled |
| --- | --- | --- | --- | --- | --- |";

impl Medians {
    /// Of these rows, which are of one flood.
    pub fn of(rows: &[Row]) -> Self {
        let whole = |figure: fn(&Row) -> u64| median(rows.iter().map(figure).collect());
        let part = |figure: fn(&Row) -> f64| {
            let mut all: Vec<f64> = rows.iter().map(figure).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or_default()
        };
        let per_second = |row: &Row| {
            let millis = u64::try_from(row.lasted.as_millis()).unwrap_or(u64::MAX).max(1);
            row.answered * 1000 / millis
        };
        Self {
            name: rows.first().map(|row| row.name.clone()).unwrap_or_default(),
            per_second: whole(per_second),
            cpu: part(|row| row.cpu),
            quiet_ms: part(|row| row.quiet_ms),
            late_ms: part(|row| row.late_ms),
            peak: whole(|row| row.peak),
            faults: rows.iter().map(|row| row.faults.lost + row.faults.doubled).sum(),
        }
    }
}

fn median(mut all: Vec<u64>) -> u64 {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

impl fmt::Display for Medians {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, per_second, cpu, quiet_ms, late_ms, faults, .. } = self;
        let peak = megabytes(self.peak);
        write!(
            f,
            "| {name} | {per_second} | {cpu:.2} | {quiet_ms:.1}, {late_ms:.1} | \
             {peak} | {faults} |"
        )
    }
}

/// The same by many at once.
async fn together<F>(count: usize, work: impl Fn(usize) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut running: JoinSet<_> = (0..count).map(work).collect();
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}

fn half_open(target: Arc<Target>) -> Script {
    Box::pin(async move {
        for _ in 0..10_000 {
            let mut wire = Wire::to(target.public).await?;
            wire.send(b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgr").await;
            target.hold(wire);
            target.count(1);
        }
        tokio::time::sleep(Duration::from_secs(11)).await;
        Ok(())
    })
}

fn unsaid(target: Arc<Target>) -> Script {
    Box::pin(async move {
        for _ in 0..10_000 {
            let mut wire = Wire::to(target.public).await?;
            expect_upgrade(&wire.upgrade("/v1/ws", "").await?)?;
            target.hold(wire);
            target.count(1);
        }
        tokio::time::sleep(Duration::from_secs(11)).await;
        Ok(())
    })
}

fn bad_tokens(target: Arc<Target>, alg: &'static str) -> Script {
    Box::pin(together(WORKERS, move |worker| {
        let target = Arc::clone(&target);
        async move {
            let token = match alg {
                "HS256" => token::forged(0),
                other => token::forged_for(other, worker * 2 + 1),
            };
            let many =
                with_token("GET", "/v1/channels/demo:1/events", &token.text, "").repeat(AHEAD);
            let mut wire = Wire::to(target.public).await?;
            let begun = Instant::now();
            while begun.elapsed() < LASTS {
                wire.send(&many).await;
                for _ in 0..AHEAD {
                    let answer = wire.answer().await?;
                    let is_refused = answer.status == 401 || answer.code() == "tokens_waiting";
                    ensure!(is_refused, "answered {} {}", answer.status, answer.code());
                    target.count(1);
                }
            }
            Ok(())
        }
    }))
}

fn bad_sockets(target: Arc<Target>) -> Script {
    Box::pin(together(WORKERS, move |_| {
        let target = Arc::clone(&target);
        async move {
            let token = token::forged(0).text;
            let hello = json!({"type": "hello", "link": target.link(), "generation": 1,
                "token": token});
            let hello = text(&hello.to_string());
            let begun = Instant::now();
            while begun.elapsed() < LASTS {
                let mut wire = Wire::to(target.public).await?;
                expect_upgrade(&wire.upgrade("/v1/ws", "").await?)?;
                wire.send(&hello).await;
                let code = crate::expect::closed(&mut wire).await?;
                ensure!(code == 4202, "closed with {code}");
                target.count(1);
            }
            Ok(())
        }
    }))
}

fn bombs(target: Arc<Target>) -> Script {
    Box::pin(together(WORKERS, move |_| {
        let target = Arc::clone(&target);
        async move {
            let names: Vec<String> = (0..128).map(|at| format!("flood:named-{at}")).collect();
            let begun = Instant::now();
            while begun.elapsed() < LASTS {
                let mut wire = target.follow(&names).await?;
                for _ in 0..128 {
                    expect_frame(&mut wire, "subscribed").await?;
                    target.count(1);
                }
            }
            Ok(())
        }
    }))
}

fn large_events(target: Arc<Target>) -> Script {
    Box::pin(together(4, move |worker| {
        let target = Arc::clone(&target);
        async move {
            let data = format!("{PAYLOAD_MARK}{}", "x".repeat(1_000_000));
            let body = json!({"event": "e", "data": data}).to_string();
            let key = format!("Authorization: Bearer {BACKEND_KEY}\r\n");
            let path = format!("/v1/channels/flood:large-{worker}/events");
            let ask = request("POST", &path, &key, &body);
            let mut wire = Wire::to(target.internal).await?;
            let begun = Instant::now();
            while begun.elapsed() < LASTS {
                wire.send(&ask).await;
                let answer = wire.answer().await?;
                ensure!(answer.status == 201, "answered {}", answer.status);
                target.count(1);
            }
            target.backend("DELETE", &format!("/v1/channels/flood:large-{worker}"), "").await?;
            Ok(())
        }
    }))
}

fn session_events(target: Arc<Target>) -> Script {
    Box::pin(together(4, move |worker| {
        let target = Arc::clone(&target);
        async move {
            let channel = format!("flood:large-{worker}");
            let frame = json!({"type": "publish", "channel": channel, "event": "e",
                "data": format!("{PAYLOAD_MARK}{}", "x".repeat(1_000_000))});
            let frame = text(&frame.to_string());
            let mut wire = target.session().await?;
            let begun = Instant::now();
            while begun.elapsed() < LASTS {
                wire.send(&frame).await;
                loop {
                    match wire.frame().await? {
                        Some(Received::Text(_)) => break,
                        Some(_) => {}
                        None => bail!("the session has ended"),
                    }
                }
                target.count(1);
            }
            target.backend("DELETE", &format!("/v1/channels/{channel}"), "").await?;
            Ok(())
        }
    }))
}

/// Who reads nothing.
#[derive(Clone, Copy)]
enum Kind {
    Session,
    Poll,
}

fn unread(target: Arc<Target>, kind: Kind) -> Script {
    Box::pin(async move {
        let channel = format!("pages:{}", target.number());
        let data = format!("{PAYLOAD_MARK}{}", "x".repeat(100_000));
        let body = json!({"event": "e", "data": data}).to_string();
        for _ in 0..40 {
            target.backend("POST", &format!("/v1/channels/{channel}/events"), &body).await?;
        }
        for _ in 0..500 {
            let mut wire = Wire::narrow(target.public).await?;
            match kind {
                Kind::Session => {
                    let followed = std::slice::from_ref(&channel);
                    target.enter(&mut wire, &target.token, followed).await?;
                }
                Kind::Poll => {
                    let path = format!("/v1/channels/{channel}/events?limit=1000");
                    wire.send(&with_token("GET", &path, &target.token, "")).await;
                }
            }
            target.hold(wire);
            target.count(1);
        }
        tokio::time::sleep(Duration::from_secs(14)).await;
        target.backend("DELETE", &format!("/v1/channels/{channel}"), "").await?;
        Ok(())
    })
}

/// Messages of 30 fragments of one byte, at the rate of frames that a session may send.
fn fragments(target: Arc<Target>) -> Script {
    Box::pin(together(WORKERS, move |_| {
        let target = Arc::clone(&target);
        async move {
            let message = crumbs(r#"{"type":"pong","in":"crumbs!"}"#);
            let mut wire = target.session().await?;
            let mut pace = tokio::time::interval(Duration::from_millis(25));
            let begun = Instant::now();
            while begun.elapsed() < LASTS {
                pace.tick().await;
                wire.send(&message).await;
                target.count(30);
            }
            is_alive(&mut wire).await
        }
    }))
}
