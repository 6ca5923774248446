//! What a link is set up with. Every duration is in milliseconds, 1 ms to 49 days; others are taken
//! for the nearest of these.

use alloc::vec::Vec;

use steadfast_machine::Span;
use steadfast_protocol::{ClientInfo, LinkId, Token};

use crate::NetworkRecord;
use crate::connector::endpoints::ENDPOINTS_MAX;

/// How a dead peer is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "scenario", derive(serde::Deserialize))]
#[cfg_attr(feature = "scenario", serde(rename_all = "snake_case"))]
pub enum Detection {
    /// By what the path is like: doubt and a second question after a soft deadline, the verdict
    /// after a hard one, which is never later than the heartbeat's timeout.
    Adaptive,
    /// By the heartbeat's interval and timeout alone.
    Fixed,
}

/// Settings of one link. The defaults are those of the product's promises.
#[derive(Clone, Debug)]
pub struct Config {
    /// The link's id: random, made by the shell, kept for the link's life.
    pub link: LinkId,
    /// Who is speaking, for operators.
    pub client: Option<ClientInfo>,
    /// The first token, where the server wants one.
    pub token: Option<Token>,
    /// The seed of all jitter.
    pub seed: u32,
    /// How many endpoints the service has, 1 to 8; outputs name them by number from 0. Default 1.
    pub endpoints: u8,
    /// What is remembered of networks, as [`crate::Link::networks`] gave it; of more than 20 the
    /// last stay. Default nothing.
    pub networks: Vec<NetworkRecord>,
    /// The first reconnect delay; doubled for each further attempt. Default 1 s.
    pub backoff_min: Span,
    /// The largest delay before jitter. Default 30 s.
    pub backoff_max: Span,
    /// How far jitter goes either way, in percent, 0 to 100, applied after the cap. Default 30.
    pub jitter_percent: u32,
    /// No attempt comes sooner than this, but the first after a change of network. Default 1 s.
    pub delay_floor: Span,
    /// A session that held this long, and answered a heartbeat, resets the attempts. Default 30 s.
    pub stable_after: Span,
    /// How long opening and welcome together may take. Default 8 s.
    pub connect_timeout: Span,
    /// The proposed silence between heartbeats. Default 15 s.
    pub heartbeat_interval: Span,
    /// How long an answer is waited for. Default 10 s.
    pub heartbeat_timeout: Span,
    /// How often health is looked at. Default 5 s.
    pub health_interval: Span,
    /// Silence after which the link pings. Default 60 s.
    pub idle_ping: Span,
    /// Silence after which the link closes and reconnects; at the first look after
    /// the ping at the soonest. Default 120 s.
    pub idle_close: Span,
    /// How a dead peer is noticed. Default [`Detection::Adaptive`]; the settings from here to
    /// `background_interval` matter only there, but for `probe_hard`.
    pub detection: Detection,
    /// The least wait before an answer is doubted, where something came in the last 5 s or the
    /// network has no radio to wake. Default 1 s.
    pub soft_warm_min: Span,
    /// The same on any other path. Default 2 s.
    pub soft_cold_min: Span,
    /// The longest such wait. Default 5 s.
    pub soft_max: Span,
    /// The least wait before a silent peer counts as dead; the longest is the heartbeat's timeout.
    /// Default 4 s.
    pub hard_min: Span,
    /// After sleep or a change of network, the wait before an answer is doubted. Default 2 s.
    pub probe_soft: Span,
    /// The same before a silent peer counts as dead. Default 4 s.
    pub probe_hard: Span,
    /// The interval of heartbeats while nobody looks at the app, where that is longer. Default
    /// 55 s.
    pub background_interval: Span,
    /// While nobody looks at the app, the first attempt after a loss is spread over this.
    /// Default 5 s.
    pub background_spread: Span,
    /// Attempts after which polling begins at the latest. Default 10.
    pub fallback_attempts: u32,
    /// Effort after which polling begins while HTTP gets through. Default 6 s.
    pub fallback_effort: Span,
    /// How long a poll may wait at the server. Default 25 s.
    pub poll_wait: Span,
    /// The pause before WebSocket is tried again while polling; doubled up to the largest.
    /// Default 30 s.
    pub return_min: Span,
    /// The largest such pause: short enough that the link is back within a minute of WebSocket
    /// getting through, an attempt that failed just then included. Default 35 s.
    pub return_max: Span,
    /// The most channels followed at once. Default 128.
    pub channels_max: usize,
    /// Whether the app is told what to tell people. Default yes.
    pub messages: bool,
    /// The most bytes of data and names that may wait to be published or be unanswered. Default
    /// 256 KiB.
    pub publish_bytes_max: usize,
    /// The most publishes that may wait or be unanswered. Default 256.
    pub publish_messages_max: usize,
}

impl Config {
    /// The defaults, for this link and seed.
    pub const fn new(link: LinkId, seed: u32) -> Self {
        Self {
            link,
            client: None,
            token: None,
            seed,
            endpoints: 1,
            networks: Vec::new(),
            backoff_min: Span::seconds(1),
            backoff_max: Span::seconds(30),
            jitter_percent: 30,
            delay_floor: Span::seconds(1),
            stable_after: Span::seconds(30),
            connect_timeout: Span::seconds(8),
            heartbeat_interval: Span::seconds(15),
            heartbeat_timeout: Span::seconds(10),
            health_interval: Span::seconds(5),
            idle_ping: Span::seconds(60),
            idle_close: Span::seconds(120),
            detection: Detection::Adaptive,
            soft_warm_min: Span::seconds(1),
            soft_cold_min: Span::seconds(2),
            soft_max: Span::seconds(5),
            hard_min: Span::seconds(4),
            probe_soft: Span::seconds(2),
            probe_hard: Span::seconds(4),
            background_interval: Span::seconds(55),
            background_spread: Span::seconds(5),
            fallback_attempts: 10,
            fallback_effort: Span::seconds(6),
            poll_wait: Span::seconds(25),
            return_min: Span::seconds(30),
            return_max: Span::seconds(35),
            channels_max: 128,
            messages: true,
            publish_bytes_max: 256 * 1024,
            publish_messages_max: 256,
        }
    }

    /// The same settings, each within what the machine can keep: no span of nothing, so that no
    /// deadline is due for ever, and none above 49 days, so that every draw fits 32 bits.
    pub(crate) fn bounded(mut self) -> Self {
        for span in [
            &mut self.backoff_min,
            &mut self.backoff_max,
            &mut self.delay_floor,
            &mut self.stable_after,
            &mut self.connect_timeout,
            &mut self.heartbeat_interval,
            &mut self.heartbeat_timeout,
            &mut self.health_interval,
            &mut self.idle_ping,
            &mut self.idle_close,
            &mut self.soft_warm_min,
            &mut self.soft_cold_min,
            &mut self.soft_max,
            &mut self.hard_min,
            &mut self.probe_soft,
            &mut self.probe_hard,
            &mut self.background_interval,
            &mut self.background_spread,
            &mut self.fallback_effort,
            &mut self.poll_wait,
            &mut self.return_min,
            &mut self.return_max,
        ] {
            span.0 = span.0.clamp(1, u64::from(u32::MAX));
        }
        // Otherwise the answer to a ping would be overdue before it was asked for.
        self.idle_close = self.idle_close.max(self.idle_ping + self.health_interval);
        self.endpoints = self.endpoints.clamp(1, ENDPOINTS_MAX);
        self.jitter_percent = self.jitter_percent.min(100);
        self
    }
}
