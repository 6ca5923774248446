//! The measurements: each with a fresh server. In: a peer, sizes. Out: figures, and whatever was
//! lost, doubled, out of order or failed on the way.

use std::time::Duration;

use anyhow::ensure;
use steadfast_loadgen::{Connecting, Connects, Deliveries, Hiring, Load, Pace, Usage, WorkerPool};

use crate::cores::Cores;
use crate::figures::Figure;
use crate::peers::{Peer, Places};
use crate::server::Server;

/// Links that are on their way at once, where there is no storm.
const AT_ONCE: usize = 100;
/// Bytes of an event's data.
const EVENT_BYTES: usize = 150;
/// How long a link may take.
const LINK_PATIENCE: Duration = Duration::from_secs(30);
/// Events on their way when many channels are saturated.
const SATURATED: usize = 512;
/// How long a server is left alone before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(3);

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Links of the big rows.
    pub(crate) many: usize,
    /// Channels of the rows with one link each.
    pub(crate) channels: usize,
    /// How long each load lasts.
    pub(crate) lasts: Duration,
}

/// What one measurement found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) figures: Vec<(Figure, f64)>,
    pub(crate) faults: Vec<String>,
}

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Row {
    /// Many links that come in good order, and then do nothing.
    Idle,
    /// Many links that come at once.
    Storm,
    /// One channel that a thousand links follow: paced, then one and eight events in flight.
    Thousand,
    /// One channel that many links follow: paced, then four events in flight.
    Many,
    /// Many channels with one link each: 5,000 and 20,000 events a second, then as many as go.
    Channels,
    /// One channel that a hundred links follow, paced.
    Hundred,
}

/// What measurements need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bed<'a> {
    pub(crate) places: &'a Places,
    pub(crate) cores: Option<Cores>,
    pub(crate) sizes: Sizes,
}

impl Row {
    pub(crate) const ALL: [Self; 6] =
        [Self::Idle, Self::Storm, Self::Thousand, Self::Many, Self::Channels, Self::Hundred];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Storm => "storm",
            Self::Thousand => "thousand",
            Self::Many => "many",
            Self::Channels => "channels",
            Self::Hundred => "hundred",
        }
    }

    /// Measures it with a fresh server.
    pub(crate) fn run(self, peer: Peer, bed: &Bed<'_>) -> anyhow::Result<Found> {
        let server = Server::start(peer, bed.places, bed.cores)?;
        let Sizes { many, channels, .. } = bed.sizes;
        let (links, channels, at_once) = match self {
            Self::Idle => (many, (many / 2).max(1), AT_ONCE),
            Self::Storm => (many, 1, many),
            Self::Thousand => (1000, 1, AT_ONCE),
            Self::Many => (many, 1, AT_ONCE),
            Self::Channels => (channels, channels, AT_ONCE),
            Self::Hundred => (100, 1, AT_ONCE),
        };
        let before = server.usage()?;
        let workers = WorkerPool::hire(hiring(&server, bed.places, links, channels))?;
        let mut test = Test { server, workers, bed, found: Found::default() };
        let connects = test.connect(at_once)?;
        match self {
            Self::Idle => test.idle(before, &connects)?,
            Self::Storm => test.storm(&connects)?,
            Self::Thousand => test.thousand()?,
            Self::Many => test.many()?,
            Self::Channels => test.channels()?,
            Self::Hundred => test.hundred()?,
        }
        let Test { workers, found, .. } = test;
        workers.dismiss();
        Ok(found)
    }
}

fn hiring(server: &Server, places: &Places, links: usize, channels: usize) -> Hiring {
    Hiring {
        target: server.target.clone(),
        program: places.own.clone(),
        links,
        channels,
        channel_prefix: "bench-".into(),
        link_prefix: "bench-link-".into(),
        heartbeat_ms: 25_000,
        workers: None,
    }
}

/// One measurement while it runs.
struct Test<'a> {
    server: Server,
    workers: WorkerPool,
    bed: &'a Bed<'a>,
    found: Found,
}

impl Test<'_> {
    fn connect(&mut self, at_once: usize) -> anyhow::Result<Connects> {
        let connecting = Connecting { at_once, per_second: None, patience: LINK_PATIENCE };
        let connects = self.workers.connect(&connecting, &mut |_| {})?;
        for (reason, count) in &connects.failed {
            self.found.faults.push(format!("{count} links failed: {reason}"));
        }
        Ok(connects)
    }

    fn note(&mut self, figure: Figure, value: f64) {
        self.found.figures.push((figure, value));
    }

    /// Publishes; what came of it, and what it cost.
    fn load(&mut self, pace: Pace) -> anyhow::Result<(Deliveries, Usage, Usage)> {
        let load = Load { pace, lasts: self.bed.sizes.lasts, bytes: EVENT_BYTES };
        let before = self.server.usage()?;
        let found = self.workers.publish(&load, &mut |_| {})?;
        let after = self.server.usage()?;
        ensure!(found.delivered > 0, "{pace:?}: no event came to any link: {found:?}");
        if !found.is_whole() || found.held_back > 0 {
            let Deliveries { expected, delivered, lost, doubled, out_of_order, .. } = found;
            let (held, refused) = (found.held_back, &found.refused);
            self.found.faults.push(format!(
                "{pace:?}: {delivered} of {expected} delivered, {lost} lost, {doubled} doubled, \
                 {out_of_order} out of order, {held} held back, {} unanswered, \
                 refused {refused:?}, links ended {:?}",
                found.unanswered, found.ended_links
            ));
        }
        Ok((found, before, after))
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of links")]
    fn idle(&mut self, before: Usage, connects: &Connects) -> anyhow::Result<()> {
        self.note(Figure::Connects, connects.per_second);
        self.workers.hold(SETTLE, &mut |_| {})?;
        let bytes = before.memory_per_link(self.server.usage()?, connects.live);
        self.note(Figure::IdleBytes, bytes);
        // Idle links are links: one event a channel shows it.
        let lasts = self.bed.sizes.lasts.as_secs_f64();
        self.load(Pace::PerSecond(connects.live as f64 / 2.0 / lasts)).map(drop)
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of links")]
    fn storm(&mut self, connects: &Connects) -> anyhow::Result<()> {
        self.note(Figure::Storm, connects.per_second);
        self.note(Figure::StormFailed, connects.failures() as f64);
        self.note(Figure::StormP99, connects.latency.p99_ms);
        self.load(Pace::PerSecond(1.0)).map(drop)
    }

    fn thousand(&mut self) -> anyhow::Result<()> {
        let (paced, ..) = self.load(Pace::PerSecond(20.0))?;
        self.note(Figure::ThousandP50, paced.latency.p50_ms);
        self.note(Figure::ThousandP99, paced.latency.p99_ms);
        let (one, ..) = self.load(Pace::InFlight(1))?;
        self.note(Figure::ThousandOne, one.per_second);
        let (eight, ..) = self.load(Pace::InFlight(8))?;
        self.note(Figure::ThousandEight, eight.per_second);
        Ok(())
    }

    fn many(&mut self) -> anyhow::Result<()> {
        let (paced, before, after) = self.load(Pace::PerSecond(2.0))?;
        self.note(Figure::ManyP50, paced.latency.p50_ms);
        self.note(Figure::ManyMax, paced.latency.max_ms);
        self.note(Figure::ManyCpu, before.cpu_per_million(after, paced.delivered));
        let (four, ..) = self.load(Pace::InFlight(4))?;
        self.note(Figure::ManyFour, four.per_second);
        Ok(())
    }

    fn channels(&mut self) -> anyhow::Result<()> {
        let (some, ..) = self.load(Pace::PerSecond(5_000.0))?;
        self.note(Figure::ChannelsP50, some.latency.p50_ms);
        self.note(Figure::ChannelsP99, some.latency.p99_ms);
        let (busy, before, after) = self.load(Pace::PerSecond(20_000.0))?;
        self.note(Figure::BusyP50, busy.latency.p50_ms);
        self.note(Figure::BusyP99, busy.latency.p99_ms);
        let cores = (after.cpu_seconds - before.cpu_seconds) / busy.seconds.max(1e-3);
        self.note(Figure::BusyCores, cores);
        let (most, ..) = self.load(Pace::InFlight(SATURATED))?;
        self.note(Figure::ChannelsMost, most.per_second);
        Ok(())
    }

    fn hundred(&mut self) -> anyhow::Result<()> {
        let (paced, ..) = self.load(Pace::PerSecond(20.0))?;
        self.note(Figure::HundredP50, paced.latency.p50_ms);
        self.note(Figure::HundredP99, paced.latency.p99_ms);
        Ok(())
    }
}
