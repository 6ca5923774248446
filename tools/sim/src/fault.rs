//! What can go wrong, and a list of it for one run. In: dice and how much of what. Out: faults
//! with their instants. Must not know: what a fault does to wires and sessions.

use steadfast_link::NetworkKind;

use crate::dice::Dice;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Everything of a link takes longer.
    Delay { link: usize, extra_ms: u64, for_ms: u64 },
    /// Nothing passes either way, and nobody is told.
    Stall { link: usize, for_ms: u64 },
    /// A link reads slowly.
    Trickle { link: usize, each_ms: u64, for_ms: u64 },
    /// The open sockets of a link are forgotten by something in between.
    Hole { link: usize },
    /// The open sockets of a link break. Where only one side hears of it they are half open.
    Cut { link: usize, tells_link: bool, tells_server: bool },
    /// No new WebSocket, while plain HTTP works.
    Block { link: usize, for_ms: u64, is_cutting: bool, is_hanging: bool },
    /// The first of several endpoints never answers.
    Deafen { link: usize, for_ms: u64 },
    /// No connection, and the device does not notice.
    Unreach { link: usize, for_ms: u64, is_silent: bool },
    /// The device reports no network.
    Offline { link: usize, for_ms: u64 },
    /// The device moves to another network; what it had open breaks, or does not.
    Move { link: usize, is_breaking: bool, kind: NetworkKind },
    /// The device sleeps.
    Sleep { link: usize, for_ms: u64, waking: Waking },
    /// Nobody looks at the app.
    Hide { link: usize, for_ms: u64 },
    /// The device calls its network weak.
    Weak { link: usize, for_ms: u64 },
    /// The server refuses newcomers.
    Busy { for_ms: u64, retry_after_ms: u64 },
    /// The server dies and comes back.
    Restart { down_ms: u64, is_lossy: bool, is_told: bool },
    /// The server asks all links to leave, then restarts with its streams.
    Drain { after_ms: u64, spread_ms: u64 },
    /// A channel's history is deleted.
    Forget { channel: usize },
    /// The broker takes nothing from links, and says so.
    Refuse { for_ms: u64 },
    /// The path is gone for a while, and what is open outlives it, as TCP does.
    Blackout { link: usize, for_ms: u64 },
    /// The device moves to a network that wants a log-in first.
    Portal { link: usize, for_ms: u64 },
    /// The server asks all links to leave for another node, which has the same streams.
    HandOver { after_ms: u64, spread_ms: u64 },
}

/// What a link hears first when its device wakes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waking {
    /// That it was asleep, then the time.
    ResumedFirst,
    /// The time, then that it was asleep.
    TickFirst,
    /// The time only, as in a throttled page.
    TickOnly,
    /// What has come meanwhile, then that it was asleep.
    MailFirst,
}

const WAKINGS: [Waking; 4] =
    [Waking::ResumedFirst, Waking::TickFirst, Waking::TickOnly, Waking::MailFirst];

/// The kinds of faults, each drawn or left out as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Delay,
    Stall,
    Trickle,
    Hole,
    Cut,
    Block,
    Unreach,
    Offline,
    Move,
    Sleep,
    Busy,
    Restart,
    Drain,
    Forget,
    Refuse,
    Hide,
    Weak,
}

/// All kinds.
pub(crate) const KINDS: [Kind; 17] = [
    Kind::Delay,
    Kind::Stall,
    Kind::Trickle,
    Kind::Hole,
    Kind::Cut,
    Kind::Block,
    Kind::Unreach,
    Kind::Offline,
    Kind::Move,
    Kind::Sleep,
    Kind::Busy,
    Kind::Restart,
    Kind::Drain,
    Kind::Forget,
    Kind::Refuse,
    Kind::Hide,
    Kind::Weak,
];

/// How many links and channels there are to hurt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Targets {
    /// Links.
    pub(crate) links: usize,
    /// Channels.
    pub(crate) channels: usize,
}

/// The faults of one kind, one about every `every_ms` until `end`.
pub(crate) fn series(
    dice: &mut Dice,
    kind: Kind,
    every_ms: u64,
    end: u64,
    targets: Targets,
) -> Vec<(u64, Fault)> {
    let mut all = Vec::new();
    let mut at = dice.between(0, every_ms);
    while at < end {
        all.push((at, draw(dice, kind, targets)));
        at += dice.between(every_ms / 2, every_ms * 3 / 2).max(1);
    }
    all
}

fn draw(dice: &mut Dice, kind: Kind, targets: Targets) -> Fault {
    let link = dice.index(targets.links);
    let for_ms = dice.pick([500, 3_000, 9_000, 15_000, 30_000, 60_000]);
    match kind {
        Kind::Delay => Fault::Delay { link, extra_ms: dice.between(100, 6_000), for_ms },
        Kind::Stall => Fault::Stall { link, for_ms },
        Kind::Trickle => Fault::Trickle { link, each_ms: dice.between(20, 2_000), for_ms },
        Kind::Hole => Fault::Hole { link },
        Kind::Cut => {
            let (tells_link, tells_server) =
                dice.pick([(true, true), (true, true), (true, false), (false, true)]);
            Fault::Cut { link, tells_link, tells_server }
        }
        Kind::Block => {
            let for_ms = dice.between(10_000, 150_000);
            Fault::Block { link, for_ms, is_cutting: dice.chance(80), is_hanging: dice.chance(40) }
        }
        Kind::Unreach => Fault::Unreach { link, for_ms, is_silent: dice.chance(50) },
        Kind::Offline => Fault::Offline { link, for_ms },
        Kind::Move => {
            let is_breaking = dice.chance(60);
            let kind = if for_ms < 9_000 { NetworkKind::Wifi } else { NetworkKind::Cellular };
            Fault::Move { link, is_breaking, kind }
        }
        Kind::Sleep => {
            let waking = dice.pick(WAKINGS);
            Fault::Sleep { link, for_ms: for_ms.max(3_000), waking }
        }
        Kind::Busy => Fault::Busy { for_ms, retry_after_ms: dice.between(0, 20_000) },
        Kind::Restart => Fault::Restart {
            down_ms: dice.pick([0, 500, 5_000, 20_000]),
            is_lossy: dice.chance(50),
            is_told: dice.chance(60),
        },
        Kind::Drain => {
            let after_ms = dice.between(0, 10_000);
            Fault::Drain { after_ms, spread_ms: dice.between(0, 10_000) }
        }
        Kind::Refuse => Fault::Refuse { for_ms },
        Kind::Hide => Fault::Hide { link, for_ms: for_ms * 3 },
        Kind::Weak => Fault::Weak { link, for_ms },
        Kind::Forget => Fault::Forget { channel: dice.index(targets.channels) },
    }
}
