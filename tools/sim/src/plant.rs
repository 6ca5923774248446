//! Bugs put in on purpose, to see that the checks are awake. In: what is on its way to an app or a
//! machine. Out: something a little different.

use steadfast_link::Notice;
use steadfast_protocol::Payload;

/// A bug on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Every 20th event is never handed to its app.
    DropEvent,
    /// Every 20th event is handed to its app twice.
    RepeatEvent,
    /// Every 20th event has other data.
    AlterEvent,
    /// No app hears of a gap.
    HideGap,
    /// Every app hears twice that a channel has finished.
    RepeatEnd,
    /// No app hears that a session was lost.
    HideLoss,
    /// Links are never told the time.
    NoTicks,
    /// Links are told the time over and over.
    BusyTimer,
    /// Every attempt is made many times.
    Hammer,
    /// The hub is never told the time.
    NoHubTicks,
    /// The hub's owner counts what it takes many times over.
    GreedyOutbox,
    /// Nothing is sent to links any more once the faults have stopped.
    NoHealing,
    /// No page is read any more once the faults have stopped.
    NoPages,
    /// The broker knows no idempotency keys.
    ForgetKeys,
}

/// All of them, each with the check that has to find it.
pub const PLANTS: [(Plant, &str); 14] = [
    (Plant::DropEvent, "gaps"),
    (Plant::RepeatEvent, "order"),
    (Plant::AlterEvent, "order"),
    (Plant::HideGap, "gaps"),
    (Plant::RepeatEnd, "ended"),
    (Plant::HideLoss, "states"),
    (Plant::NoTicks, "zombies"),
    (Plant::BusyTimer, "idle"),
    (Plant::Hammer, "attempts"),
    (Plant::NoHubTicks, "zombies"),
    (Plant::GreedyOutbox, "outbox"),
    (Plant::NoHealing, "returned"),
    (Plant::NoPages, "converged"),
    (Plant::ForgetKeys, "publishes"),
];

/// One event in so many is planted.
const EVERY: u64 = 20;

/// The bug of a run, if it has one.
#[derive(Debug, Default)]
pub(crate) struct Planted {
    plant: Option<Plant>,
    events: u64,
}

impl Planted {
    /// A run with this bug.
    pub(crate) const fn new(plant: Option<Plant>) -> Self {
        Self { plant, events: 0 }
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    /// What an app is told in place of `notice`.
    pub(crate) fn told(&mut self, notice: Notice) -> Vec<Notice> {
        use steadfast_link::LinkState::Connected;
        self.events += u64::from(matches!(notice, Notice::Event(_)));
        let is_turn = self.events.is_multiple_of(EVERY);
        match (self.plant, notice) {
            (Some(Plant::DropEvent), Notice::Event(_)) if is_turn => Vec::new(),
            (Some(Plant::RepeatEvent), notice @ Notice::Event(_)) if is_turn => {
                vec![notice.clone(), notice]
            }
            (Some(Plant::AlterEvent), Notice::Event(mut event)) if is_turn => {
                event.data = Payload::null();
                vec![Notice::Event(event)]
            }
            (Some(Plant::HideGap), Notice::Gap { .. })
            | (Some(Plant::HideLoss), Notice::State { old: Connected, .. }) => Vec::new(),
            (Some(Plant::RepeatEnd), notice @ Notice::Finished { .. }) => {
                vec![notice.clone(), notice]
            }
            (_, notice) => vec![notice],
        }
    }
}
