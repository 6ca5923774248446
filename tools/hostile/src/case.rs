//! What a case is: what an attacker does, and what must come back. In: nothing. Out: types that the
//! tables in `cases` are made of, and the steps that all of them share.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use serde_json::{Value, json};

use crate::expect::{Expect, expect_frame, expect_upgrade};
use crate::frame;
use crate::setup::Setup;
use crate::token::{self, BACKEND_KEY};
use crate::wire::{HttpAnswer, Wire};

/// What no log may have: it is in every payload of an attacker.
pub const PAYLOAD_MARK: &str = "hostile-payload-mark";
/// What every idempotency key of an attacker begins with, and no log may have.
pub const KEY_MARK: &str = "hostile-idempotency-mark";
/// What every link id of an attacker begins with, and no log at level info may have.
pub const LINK_MARK: &str = "hostile-link";

/// One attack.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it does, in a few words.
    pub name: &'static str,
    /// The attack of SECURITY.md that it belongs to, or the beginning of it.
    pub attack: &'static str,
    /// The server that it is tried on.
    pub setup: Setup,
    /// Memory that the server keeps for a while afterwards, because a setting says so.
    pub kept: u64,
    /// A fault of the server that is known and open, in a few words; empty where there is none.
    pub open: &'static str,
    /// What it does.
    pub deed: Deed,
}

/// What an attacker does.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// The same over and over, each time on a connection of its own; the number of the attempt
    /// chooses among kinds that are alike.
    Each(fn(usize) -> Attempt),
    /// Something with more steps.
    Script(fn(Arc<Target>) -> Script),
}

/// A running script.
pub type Script = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Where an attempt begins.
#[derive(Clone, Debug)]
pub enum Door {
    /// A new connection to the public port.
    Public,
    /// A new connection to the internal port.
    Internal,
    /// Behind an upgrade, in front of `hello`.
    Upgraded,
    /// Behind the upgrade of this path with these lines.
    UpgradedAt(&'static str, String),
    /// In a session, behind `welcome`.
    Session,
    /// In a session of this token.
    SessionOf(String),
}

/// One attempt.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Where it begins.
    pub door: Door,
    /// What is sent.
    pub send: Vec<u8>,
    /// What must come back.
    pub expect: Expect,
}

/// Whom attackers attack, and what they share.
#[derive(Debug)]
pub struct Target {
    /// Where clients connect.
    pub public: SocketAddr,
    /// Where backends connect.
    pub internal: SocketAddr,
    /// A token that permits everything, of a user that nobody revokes.
    pub token: String,
    next: AtomicU64,
    secrets: Mutex<Vec<String>>,
    held: Mutex<VecDeque<Wire>>,
    answered: AtomicU64,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Target {
    /// A server at these addresses.
    pub fn new(public: SocketAddr, internal: SocketAddr) -> Self {
        Self {
            public,
            internal,
            token: token::good(token::MALLORY, 24 * 3600),
            next: AtomicU64::new(0),
            secrets: Mutex::default(),
            held: Mutex::default(),
            answered: AtomicU64::new(0),
        }
    }

    /// A number that nobody had before.
    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A link id that nobody had before.
    pub fn link(&self) -> String {
        format!("{LINK_MARK}-{}", self.number())
    }

    /// Counts what was answered as it must be.
    pub fn count(&self, answers: u64) {
        self.answered.fetch_add(answers, Ordering::Relaxed);
    }

    /// What was counted since this was last asked.
    pub fn take_count(&self) -> u64 {
        self.answered.swap(0, Ordering::Relaxed)
    }

    /// Remembers a secret of the server's making, such as a ticket.
    pub fn keep_secret(&self, secret: &str) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_owned());
    }

    /// The secrets so far.
    pub fn secrets(&self) -> Vec<String> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps a connection open until the case is over.
    pub fn hold(&self, wire: Wire) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push_back(wire);
    }

    /// Lets go of them.
    pub fn release(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A session of the attacker, behind `welcome`.
    pub async fn session(&self) -> anyhow::Result<Wire> {
        self.follow(&[]).await
    }

    /// A session that follows these channels from their start.
    pub async fn follow(&self, channels: &[String]) -> anyhow::Result<Wire> {
        let mut wire = Wire::to(self.public).await?;
        self.enter(&mut wire, &self.token, channels).await?;
        Ok(wire)
    }

    /// Has a connection become a session.
    pub async fn enter(
        &self,
        wire: &mut Wire,
        token: &str,
        channels: &[String],
    ) -> anyhow::Result<()> {
        expect_upgrade(&wire.upgrade("/v1/ws", "").await?)?;
        let channels: Vec<Value> = channels.iter().map(|name| json!({"channel": name})).collect();
        let hello = json!({"type": "hello", "link": self.link(), "generation": 1,
            "token": token, "channels": channels});
        wire.send(&frame::text(&hello.to_string())).await;
        expect_frame(wire, "welcome").await?;
        Ok(())
    }

    /// An answer of the internal port, with the key.
    pub async fn backend(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> anyhow::Result<HttpAnswer> {
        let mut wire = Wire::to(self.internal).await?;
        let request =
            request(method, path, &format!("Authorization: Bearer {BACKEND_KEY}\r\n"), body);
        wire.send(&request).await;
        wire.answer().await
    }

    /// A value of the metrics.
    pub async fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let answer = self.backend("GET", "/metrics", "").await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("no metric {name}"))?.parse()?)
    }
}

/// A request with a body where that is not empty.
pub fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
    };
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n{body}").into()
}

/// A request with a token.
pub fn with_token(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    request(method, path, &format!("Authorization: Bearer {token}\r\n"), body)
}

impl Attempt {
    /// Does it; an error says what came instead.
    pub async fn run(&self, target: &Target, number: usize) -> anyhow::Result<()> {
        let mut wire = match &self.door {
            Door::Internal => Wire::to(target.internal).await?,
            Door::Public
            | Door::Upgraded
            | Door::UpgradedAt(..)
            | Door::Session
            | Door::SessionOf(_) => Wire::to(target.public).await?,
        };
        match &self.door {
            Door::Upgraded => expect_upgrade(&wire.upgrade("/v1/ws", "").await?)?,
            Door::UpgradedAt(path, lines) => expect_upgrade(&wire.upgrade(path, lines).await?)?,
            Door::Session => target.enter(&mut wire, &target.token, &[]).await?,
            Door::SessionOf(token) => target.enter(&mut wire, token, &[]).await?,
            Door::Public | Door::Internal => {}
        }
        // Whole, in two, and in small pieces: a parser must not care.
        let length = self.send.len();
        let piece = match number % 3 {
            0 => length,
            1 => length / 2 + 1,
            _ => length / 20 + 1,
        };
        for bytes in self.send.chunks(piece.max(1)) {
            if !wire.send(bytes).await {
                break;
            }
        }
        self.expect.check(&mut wire).await.with_context(|| format!("attempt {number}"))
    }
}
