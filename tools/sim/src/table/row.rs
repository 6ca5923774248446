//! The faults of the table: what each does, when the path is good again, and the times that it
//! may take. In: a seed and settings. Out: what was measured in that run.

use steadfast_link::{Config, LinkState, NetworkKey, NetworkKind, NetworkRecord, Reason};

use super::figures::Measured;
use crate::Setup;
use crate::dice::{Dice, Purpose};
use crate::fault::{Fault, Waking};
use crate::swarm::Options;
use crate::timeline::{Moment, Timeline};
use crate::world::World;

/// A fault begins so long after the start: long enough for a session to count as stable.
const FAULT_MS: (u64, u64) = (60_000, 90_000);
/// So long after the path is good again everything that is wrong is ended, for the final account.
const WATCH_MS: u64 = 180_000;
/// Least latency one way, and what jitter may add: a wire, a home, a phone, the other side of the
/// earth.
const LATENCIES_MS: [(u64, u64); 4] = [(5, 5), (20, 20), (60, 60), (150, 150)];

/// A fault of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    faults: fn() -> Vec<Fault>,
    /// How long after its beginning the path is good again.
    lasts_ms: u64,
    kind: Kind,
    known: Option<fn(&mut Config)>,
    /// The longest that noticing may take by the heartbeat, and recovering as first measured,
    /// with a margin.
    pub(super) bounds_ms: [u64; 2],
}

/// What a fault is to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// What is open outlives it: to give that up where the path is good is a false death.
    Passing,
    /// What is open is lost.
    Breaking,
    /// As `Breaking`, and the device knows nothing until it is over.
    Asleep,
    /// The server asks to leave: the path is good all the time.
    Asked,
    /// It is there before the first attempt.
    FirstContact,
    /// What is open is lost, and to recover is to be on a session again, not only to get data.
    Return,
}

const fn row(
    name: &'static str,
    bounds_ms: [u64; 2],
    kind: Kind,
    lasts_ms: u64,
    faults: fn() -> Vec<Fault>,
) -> Row {
    Row { name, faults, lasts_ms, kind, known: None, bounds_ms }
}

impl Row {
    /// The same, for an app that knows something from the start.
    const fn knowing(self, known: fn(&mut Config)) -> Self {
        Self { known: Some(known), ..self }
    }
}

/// All faults of the table.
pub(super) const ROWS: &[Row] = &[
    row("nothing, for 10 min", [0, 2_500], Kind::Passing, 600_000, Vec::new),
    row("3 s more latency for 60 s", [4_500, 6_000], Kind::Passing, 60_000, || {
        vec![Fault::Delay { link: 0, extra_ms: 3_000, for_ms: 60_000 }]
    }),
    row("blackout of 1 s", [0, 4_500], Kind::Passing, 1_000, || blackout(1_000)),
    row("blackout of 3 s", [6_500, 8_500], Kind::Passing, 3_000, || blackout(3_000)),
    row("blackout of 10 s", [25_500, 16_000], Kind::Passing, 10_000, || blackout(10_000)),
    row("blackout of 30 s", [25_500, 16_000], Kind::Passing, 30_000, || blackout(30_000)),
    row("blackout of 300 s", [25_500, 50_000], Kind::Passing, 300_000, || blackout(300_000)),
    row("NAT forgets the connection", [25_500, 32_000], Kind::Breaking, 0, || {
        vec![Fault::Hole { link: 0 }]
    }),
    row("server process dies, back after 5 s", [500, 12_000], Kind::Breaking, 5_000, || {
        restart(true)
    }),
    row("server machine vanishes, back after 5 s", [25_500, 27_000], Kind::Breaking, 5_000, || {
        restart(false)
    }),
    row("drain: asked to leave within 1–6 s", [0, 4_000], Kind::Asked, 0, || {
        vec![Fault::HandOver { after_ms: 1_000, spread_ms: 5_000 }]
    }),
    row("WebSocket blocked at first contact", [6_500, 8_000], Kind::FirstContact, 0, || {
        block(WATCH_MS, false, false)
    }),
    row("WebSocket hangs at first contact", [8_500, 10_000], Kind::FirstContact, 0, || {
        block(WATCH_MS, false, true)
    }),
    row("WebSocket blocked, as remembered", [1, 2_500], Kind::FirstContact, 0, || {
        block(WATCH_MS, false, true)
    })
    .knowing(|config| {
        let known = NetworkKey::new("unknown");
        let record = |key| NetworkRecord { key, odds: 6, sightings: 3, age_ms: 3_600_000 };
        config.networks = known.map(record).into_iter().collect();
    }),
    row("WebSocket cut and blocked from then on", [500, 9_000], Kind::Breaking, 0, || {
        block(WATCH_MS, true, false)
    }),
    row("WebSocket cut and hangs from then on", [500, 11_000], Kind::Breaking, 0, || {
        block(WATCH_MS, true, true)
    }),
    row("WebSocket blocked for 10 min: back on it", [500, 60_000], Kind::Return, 600_000, || {
        block(600_000, true, false)
    }),
    row("the first of two endpoints hangs", [2_500, 4_000], Kind::FirstContact, 0, || {
        vec![Fault::Deafen { link: 0, for_ms: WATCH_MS }]
    })
    .knowing(|config| config.endpoints = 2),
    row(
        "new network with a captive portal for 60 s",
        [4_500, 50_000],
        Kind::Breaking,
        60_000,
        || vec![Fault::Portal { link: 0, for_ms: 60_000 }],
    ),
    row("flight mode for 60 s", [500, 4_000], Kind::Breaking, 60_000, || {
        vec![Fault::Offline { link: 0, for_ms: 60_000 }]
    }),
    row("sleep of 1 h", [4_500, 9_000], Kind::Asleep, 3_600_000, || {
        let waking = Waking::ResumedFirst;
        vec![Fault::Hole { link: 0 }, Fault::Sleep { link: 0, for_ms: 3_600_000, waking }]
    }),
    row("handover to another network", [4_500, 9_000], Kind::Breaking, 0, || {
        let kind = NetworkKind::Cellular;
        vec![Fault::Move { link: 0, is_breaking: true, kind }]
    }),
];

fn block(for_ms: u64, is_cutting: bool, is_hanging: bool) -> Vec<Fault> {
    vec![Fault::Block { link: 0, for_ms, is_cutting, is_hanging }]
}

fn blackout(for_ms: u64) -> Vec<Fault> {
    vec![Fault::Blackout { link: 0, for_ms }]
}

fn restart(is_told: bool) -> Vec<Fault> {
    vec![Fault::Restart { down_ms: 5_000, is_lossy: false, is_told }]
}

impl Row {
    /// One run, measured.
    pub(super) fn run(&self, seed: u32, tune: fn(&mut Config)) -> Measured {
        let mut dice = Dice::new(seed, Purpose::Table);
        let latency_ms = dice.pick(LATENCIES_MS);
        let drawn = dice.between(FAULT_MS.0, FAULT_MS.1);
        let begins = if self.kind == Kind::FirstContact { 0 } else { drawn };
        let faults = (self.faults)().into_iter().map(|fault| (begins, fault)).collect();
        let hurt_ms = begins + self.lasts_ms + WATCH_MS;
        let options = Options::steady(seed, latency_ms, hurt_ms, faults);
        let report =
            World::new(options, Setup { tune: Some(tune), known: self.known, ..Setup::default() })
                .run();
        let mut measured = self.measure(&report.timeline, begins);
        measured.violation = report.violation.map(|violation| violation.to_string());
        measured
    }

    fn measure(&self, timeline: &Timeline, begins: u64) -> Measured {
        let is_loss = |moment| {
            matches!(moment, Moment::State { old: LinkState::Connected, .. })
                && !matches!(moment, Moment::State { new: LinkState::Connected, .. })
        };
        let is_polling = |moment| matches!(moment, Moment::State { new: LinkState::Fallback, .. });
        let lost_at = timeline.first(begins, is_loss);
        let (from, back_at, noticed_at) = match self.kind {
            Kind::Passing | Kind::Breaking | Kind::Return => {
                (begins, begins + self.lasts_ms, lost_at)
            }
            Kind::Asleep => (begins + self.lasts_ms, begins + self.lasts_ms, lost_at),
            Kind::Asked => (begins, lost_at.unwrap_or(begins), None),
            Kind::FirstContact => {
                let asked_at = timeline.first(0, |moment| moment == Moment::Asked).unwrap_or(0);
                (asked_at, asked_at, timeline.first(0, is_polling))
            }
        };
        let head = match self.kind {
            Kind::FirstContact => 0,
            Kind::Asked => timeline.head(back_at),
            Kind::Passing | Kind::Breaking | Kind::Asleep | Kind::Return => timeline.head(begins),
        };
        let is_live = |moment| matches!(moment, Moment::State { new: LinkState::Connected, .. });
        let is_event = |moment| matches!(moment, Moment::Event { offset } if offset > head);
        let is_new = |moment| match self.kind {
            Kind::Return => is_live(moment),
            Kind::Passing | Kind::Breaking | Kind::Asleep | Kind::Asked | Kind::FirstContact => {
                is_event(moment)
            }
        };
        let again_at = timeline.first(back_at, is_new);
        let until = again_at.unwrap_or(u64::MAX);
        let attempts = timeline
            .all()
            .filter(|&(at, moment)| moment == Moment::Attempt && (from..=until).contains(&at));
        Measured {
            noticed_ms: noticed_at.filter(|&at| at <= until).map(|at| at.saturating_sub(from)),
            again_ms: again_at.map(|at| at - back_at),
            attempts: attempts.count() as u64,
            false_deaths: self.false_deaths(timeline, begins, until),
            delivery: timeline.delivery(),
            violation: None,
        }
    }

    /// Sessions that were given up for silence although their path was good.
    fn false_deaths(&self, timeline: &Timeline, begins: u64, recovered_at: u64) -> u64 {
        let good_from = match self.kind {
            Kind::Passing => begins + if self.is_dark() { self.lasts_ms } else { 0 },
            Kind::Breaking | Kind::Asleep | Kind::Asked | Kind::FirstContact | Kind::Return => {
                recovered_at
            }
        };
        let silent = Reason::HeartbeatTimeout;
        let deaths = timeline.all().filter(|&(at, moment)| {
            let is_silence = matches!(moment, Moment::State { reason, .. } if reason == silent);
            is_silence && (at < begins || at >= good_from)
        });
        deaths.count() as u64
    }

    /// Whether nothing passes while it lasts.
    fn is_dark(&self) -> bool {
        (self.faults)().iter().any(|fault| matches!(fault, Fault::Blackout { .. }))
    }
}
