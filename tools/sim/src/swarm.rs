//! What a seed makes of a run: how big, how fast, how narrow, and which faults. Every run leaves
//! most kinds of faults out, so that the others are seen without them.

use steadfast_history::Retention;
use steadfast_machine::Span;

use crate::dice::{Dice, Purpose};
use crate::fault::{Fault, KINDS, Targets, series};

/// The least and most time that is hurt, in virtual milliseconds.
const HURT_MS: (u64, u64) = (120_000, 300_000);
/// About so many events are handed to apps in one run at most: what a run may cost.
const DELIVERIES_MAX: u64 = 4_000;

/// The options of one run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The seed that they come from.
    pub(crate) seed: u32,
    /// How many links, 1–8.
    pub(crate) links: usize,
    /// How many channels, 1–5.
    pub(crate) channels: usize,
    /// How long faults go on.
    pub(crate) hurt_ms: u64,
    /// The mean time between two events of a channel.
    pub(crate) publish_ms: u64,
    /// How many in a hundred publishes come as a burst of up to so many.
    pub(crate) burst: (u32, u64),
    /// How many in a hundred events have a replace key, and how many keys there are.
    pub(crate) replace: (u32, u64),
    /// The largest payload in bytes.
    pub(crate) payload_bytes_max: u64,
    /// Whether channels end.
    pub(crate) is_ending: bool,
    /// Messages that may wait for a session, which is also the size of a page.
    pub(crate) queue_messages_max: usize,
    /// Bytes that may wait for a session.
    pub(crate) queue_bytes_max: usize,
    /// Bytes that may be on their way to a link before writing to it waits.
    pub(crate) send_buffer_bytes: usize,
    /// Events in one answer to a poll.
    pub(crate) poll_events_max: usize,
    /// What a channel keeps.
    pub(crate) retention: Retention,
    /// The least latency one way, and how much jitter may add.
    pub(crate) latency_ms: (u64, u64),
    /// The longest that the broker takes to read a page.
    pub(crate) read_ms_max: u64,
    /// How late a timer may be.
    pub(crate) timer_ms_max: u64,
    /// How long a token is valid, where the server wants one.
    pub(crate) token_ms: Option<u64>,
    /// The mean time between two whims of an app; none where apps follow and wait.
    pub(crate) whim_ms: Option<u64>,
    /// The mean time between two publishes of an app; none where apps only listen.
    pub(crate) link_publish_ms: Option<u64>,
    /// What goes wrong, and when.
    pub(crate) faults: Vec<(u64, Fault)>,
}

impl Options {
    /// The options of `seed`.
    pub(crate) fn draw(seed: u32) -> Self {
        let mut dice = Dice::new(seed, Purpose::Swarm);
        let dice = &mut dice;
        let links = 1 + dice.index(8);
        let channels = 1 + dice.index(5);
        let hurt_ms = dice.between(HURT_MS.0, HURT_MS.1);
        let pairs = u64::try_from(links * channels).unwrap_or(u64::MAX);
        let publish_ms_min = pairs * hurt_ms / DELIVERIES_MAX;
        let publish_ms = dice.pick([150, 700, 3_000]).max(publish_ms_min);
        let targets = Targets { links, channels };
        let latency_ms = dice.pick([(1, 5), (20, 30), (80, 200), (300, 1_500)]);
        // A narrow buffer on a long way is no fault to heal from: it stays slow for ever.
        let is_near = latency_ms.0 < 50;
        let send_buffer_bytes = if is_near {
            dice.pick([1, 2_000, 65_536])
        } else {
            dice.pick([20_000, 65_536, 65_536])
        };
        Self {
            seed,
            links,
            channels,
            hurt_ms,
            publish_ms,
            burst: dice.pick([(0, 1), (3, 30), (1, 150)]),
            replace: dice.pick([(0, 1), (30, 2), (90, 3), (100, 1)]),
            payload_bytes_max: dice.pick([20, 20, 300, 4_000]),
            is_ending: dice.chance(60),
            queue_messages_max: dice.pick([1, 4, 8, 32]),
            queue_bytes_max: dice.pick([2_000, 20_000, 1_048_576]),
            send_buffer_bytes,
            poll_events_max: dice.pick([2, 20, 100]),
            retention: draw_retention(dice),
            latency_ms,
            read_ms_max: dice.pick([0, 5, 200]),
            timer_ms_max: dice.pick([0, 5, 200]),
            token_ms: dice.pick([None, None, Some(40_000), Some(120_000)]),
            whim_ms: dice.pick([None, Some(10_000), Some(40_000)]),
            link_publish_ms: dice.pick([None, Some(1_000), Some(8_000)]).map(|every_ms| {
                // Every link may be handed what any of them publishes.
                let links = u64::try_from(links).unwrap_or(u64::MAX);
                every_ms.max(links * links * hurt_ms / DELIVERIES_MAX)
            }),
            faults: draw_faults(seed, hurt_ms, targets),
        }
    }

    /// A small steady world: one link that follows one channel with about one event a second, on
    /// a path of this latency, and these faults until `hurt_ms`.
    pub(crate) fn steady(
        seed: u32,
        latency_ms: (u64, u64),
        hurt_ms: u64,
        faults: Vec<(u64, Fault)>,
    ) -> Self {
        Self {
            seed,
            links: 1,
            channels: 1,
            hurt_ms,
            publish_ms: 1_000,
            burst: (0, 1),
            replace: (0, 1),
            payload_bytes_max: 20,
            is_ending: false,
            queue_messages_max: 32,
            queue_bytes_max: 1_048_576,
            send_buffer_bytes: 65_536,
            poll_events_max: 100,
            retention: Retention::default(),
            latency_ms,
            read_ms_max: 5,
            timer_ms_max: 5,
            token_ms: None,
            whim_ms: None,
            link_publish_ms: None,
            faults,
        }
    }

    /// The same world, in which nothing goes wrong.
    pub(crate) fn calmed(self) -> Self {
        let retention = Retention::default();
        Self { token_ms: None, whim_ms: None, faults: Vec::new(), retention, ..self }
    }

    /// Whether nothing that is published ever grows too old or too much.
    pub(crate) fn keeps_everything(&self) -> bool {
        self.retention == Retention::default()
    }
}

fn draw_retention(dice: &mut Dice) -> Retention {
    let whole = Retention::default();
    dice.pick([
        whole,
        whole,
        Retention { events_max: 5, ..whole },
        Retention { events_max: 60, ..whole },
        Retention { age_max: Span::seconds(20), ..whole },
        Retention { bytes_max: 4_000, ..whole },
    ])
}

fn draw_faults(seed: u32, hurt_ms: u64, targets: Targets) -> Vec<(u64, Fault)> {
    let mut dice = Dice::new(seed, Purpose::Faults);
    let share = dice.pick([10, 35, 35, 70]);
    let mut all = Vec::new();
    for kind in KINDS {
        let every_ms = dice.pick([6_000, 20_000, 60_000, 100_000]);
        if dice.chance(share) {
            all.extend(series(&mut dice, kind, every_ms, hurt_ms, targets));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn options_stay_in_their_ranges_and_follow_from_the_seed_alone() {
        for seed in 0..300 {
            let options = Options::draw(seed);
            assert!((1..=8).contains(&options.links), "seed {seed}");
            assert!((1..=5).contains(&options.channels), "seed {seed}");
            assert!((120_000..=300_000).contains(&options.hurt_ms), "seed {seed}");
            assert!(options.faults.iter().all(|(at, _)| *at < options.hurt_ms), "seed {seed}");
            assert_eq!(format!("{options:?}"), format!("{:?}", Options::draw(seed)));
        }
    }
}
