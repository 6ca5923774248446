//! Whether WebSocket gets through on each network, remembered. In: how attempts ended, by network.
//! Out: the verdict on the network of the moment, and records that a shell may save. Must not know
//! what a network's key stands for, nor a clock: records have ages.
//!
//! The odds are logarithms, as evidence adds up: see `blame`. They never fall below where they
//! start, so that a network that has worked for a year is suspected as soon as a new one.

use alloc::boxed::Box;
use alloc::vec::Vec;

use steadfast_machine::{Millis, Span};

use crate::NetworkKind;
use crate::end::Evidence;

/// Networks remembered; the one that was heard of longest ago makes room.
const NETWORKS_MAX: usize = 20;
/// How long nothing need be heard of a network before it is forgotten.
const KEPT: Span = Span::seconds(24 * 3600);
/// What a network is taken for of which nothing is known.
const ODDS_MIN: i8 = -2;
const ODDS_MAX: i8 = 6;
/// Above these a network is suspected of blocking WebSocket.
const ODDS_FAIR: i8 = 3;
/// So often must it have been seen to be known for it.
const SIGHTINGS_MIN: u8 = 3;
/// The longest key.
const KEY_BYTES_MAX: usize = 64;

/// The name of a network, given by the shell: the same for the same network, and best made so that
/// it does not tell anybody which that is. 1 to 64 of `[A-Za-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize, serde::Deserialize))]
pub struct NetworkKey(Box<str>);

/// What is remembered of a network on which WebSocket did not get through.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "scenario", serde(rename_all = "camelCase"))]
pub struct NetworkRecord {
    /// Which.
    pub key: NetworkKey,
    /// What speaks for its blocking WebSocket, as the logarithm of odds: -2 to 6. Others are taken
    /// for the nearest of these.
    pub odds: i8,
    /// How often polling did where WebSocket did not: from 3 on a link begins with polling.
    pub sightings: u8,
    /// How long ago that was last heard of, in milliseconds. Records of a day are dropped.
    pub age_ms: u64,
}

/// All that is remembered.
#[derive(Clone, Debug)]
pub(crate) struct NetworkHistory {
    current: NetworkKey,
    /// The one heard of last at the end.
    known: Vec<NetworkEntry>,
}

#[derive(Clone, Debug)]
struct NetworkEntry {
    key: NetworkKey,
    odds: i8,
    sightings: u8,
    expires_at: Millis,
}

impl NetworkKey {
    /// `None` where the text is no key.
    pub fn new(text: &str) -> Option<Self> {
        let is_fit = (1..=KEY_BYTES_MAX).contains(&text.len());
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        (is_fit && text.bytes().all(is_plain)).then(|| Self(text.into()))
    }

    /// For networks that are told apart by their kind alone.
    pub(crate) fn of_kind(kind: NetworkKind) -> Self {
        Self(kind.as_str().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl NetworkHistory {
    /// What was saved, as of now at the time zero.
    pub(crate) fn new(records: &[NetworkRecord]) -> Self {
        let mut network_history =
            Self { current: NetworkKey::of_kind(NetworkKind::Unknown), known: Vec::new() };
        for record in records {
            network_history.known.retain(|known| known.key != record.key);
            let left = KEPT.0.saturating_sub(record.age_ms);
            network_history.put(NetworkEntry {
                key: record.key.clone(),
                odds: record.odds.clamp(ODDS_MIN, ODDS_MAX),
                sightings: record.sightings,
                expires_at: Millis(left),
            });
        }
        network_history
    }

    /// What to save at `now`: what was heard of last comes last.
    pub(crate) fn records(&self, now: Millis) -> Vec<NetworkRecord> {
        let alive = self.known.iter().filter(|known| known.expires_at > now);
        let record = |known: &NetworkEntry| NetworkRecord {
            key: known.key.clone(),
            odds: known.odds,
            sightings: known.sightings,
            age_ms: KEPT.0.saturating_sub(known.expires_at.since(now).0),
        };
        alive.map(record).collect()
    }

    /// The device is on this network from now on.
    pub(crate) fn enter(&mut self, key: NetworkKey) {
        self.current = key;
    }

    /// An attempt failed on the network of the moment; whether plain HTTP gets through.
    pub(crate) fn record_failure(&mut self, now: Millis, evidence: Evidence, is_http_proven: bool) {
        let weight = match evidence {
            Evidence::Blocked => 3,
            Evidence::Busy => -3,
            Evidence::Silence => i8::from(is_http_proven),
        };
        let mut known = self.take(now);
        known.odds = (known.odds + weight).clamp(ODDS_MIN, ODDS_MAX);
        self.put(known);
    }

    /// Polling does where WebSocket does not.
    pub(crate) fn record_fallback(&mut self, now: Millis) {
        let mut known = self.take(now);
        known.sightings = known.sightings.saturating_add(1);
        self.put(known);
    }

    /// A session gave a sign of life: WebSocket gets through.
    pub(crate) fn record_success(&mut self) {
        let current = &self.current;
        self.known.retain(|known| known.key != *current);
    }

    /// Whether the network of the moment may well block WebSocket.
    pub(crate) fn is_suspected(&self, now: Millis) -> bool {
        self.find(now).is_some_and(|known| known.odds > ODDS_FAIR)
    }

    /// Whether it is known to.
    pub(crate) fn is_blocked(&self, now: Millis) -> bool {
        self.find(now).is_some_and(|known| known.sightings >= SIGHTINGS_MIN)
    }

    fn find(&self, now: Millis) -> Option<&NetworkEntry> {
        self.known.iter().find(|known| known.key == self.current && known.expires_at > now)
    }

    /// What is known of the network of the moment, to be put back.
    fn take(&mut self, now: Millis) -> NetworkEntry {
        let found = self.find(now).cloned();
        self.record_success();
        let known = found.unwrap_or_else(|| NetworkEntry {
            key: self.current.clone(),
            odds: ODDS_MIN,
            sightings: 0,
            expires_at: now,
        });
        NetworkEntry { expires_at: now + KEPT, ..known }
    }

    fn put(&mut self, known: NetworkEntry) {
        if known.odds == ODDS_MIN && known.sightings == 0 {
            return;
        }
        if self.known.len() == NETWORKS_MAX {
            self.known.remove(0);
        }
        self.known.push(known);
    }
}

#[cfg(test)]
mod tests;
