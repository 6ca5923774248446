//! One device: the real link, what a shell knows beside it, and an app that reads all notices.
//! In: inputs and the time. Out: what the link asks for. Must not know: wires, servers, faults.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_link::{
    Config, Input, Link, LinkState, Notice, Output, PollId, Reason, SocketId, Statistics, Why,
};
use steadfast_machine::{Machine as _, Millis};
use steadfast_protocol::{ChannelName, LinkId, Position, Since, Token};

use crate::net::WireId;
use crate::world::Due;

/// Publishes that may wait on one link: few, so that there are sometimes too many.
const PUBLISHES_MAX: usize = 20;
/// How often a link speaks while nobody looks.
const HIDDEN_HEARTBEAT_MS: u64 = 55_000;

/// A link with its shell and its app.
#[derive(Debug)]
pub(crate) struct SimClient {
    /// The app's view.
    pub(crate) app: App,
    /// Sockets that the link has not given up.
    pub(crate) sockets: BTreeMap<SocketId, WireId>,
    /// Polls that the link has not given up.
    pub(crate) polls: BTreeSet<PollId>,
    /// The newest token that the link was given.
    pub(crate) token: Option<Token>,
    /// Until when the device sleeps.
    pub(crate) asleep_until: Option<u64>,
    /// What came while it slept.
    pub(crate) mail: Vec<Due>,
    /// Until when the device reports no network.
    pub(crate) offline_until: Option<u64>,
    /// Whether nobody looks at the app, and when that was last told.
    pub(crate) hidden: (bool, u64),
    /// Tells the newest planned tick from those that were planned before.
    pub(crate) tick: u64,
    name: LinkId,
    link: Link,
}

/// What an app knows.
#[derive(Debug)]
pub(crate) struct App {
    /// The last state it was told, and why.
    pub(crate) state: (LinkState, Reason),
    /// Whether it wants the link up.
    pub(crate) is_connecting: bool,
    /// What it follows, with the last position it was told of.
    pub(crate) following: BTreeMap<ChannelName, Option<Position>>,
    /// Where it stopped in channels that it left.
    pub(crate) left: BTreeMap<ChannelName, Position>,
    /// What it published and has heard nothing of.
    pub(crate) publishing: BTreeSet<u64>,
    /// The last ticket it used.
    pub(crate) last_ticket: u64,
}

impl SimClient {
    /// A device with its link at rest; `None` where its name is no name.
    pub(crate) fn new(
        index: usize,
        seed: u32,
        token: Option<Token>,
        tunes: &[fn(&mut Config)],
    ) -> Option<Self> {
        let name = LinkId::new(&format!("sim-link-{index:02}")).ok()?;
        let mut config = Config::new(name.clone(), seed);
        for tune in tunes {
            tune(&mut config);
        }
        config.token.clone_from(&token);
        config.publish_messages_max = PUBLISHES_MAX;
        Some(Self {
            app: App {
                state: (LinkState::Disconnected, Reason::Closed),
                is_connecting: false,
                following: BTreeMap::new(),
                left: BTreeMap::new(),
                publishing: BTreeSet::new(),
                last_ticket: 0,
            },
            sockets: BTreeMap::new(),
            polls: BTreeSet::new(),
            token,
            asleep_until: None,
            mail: Vec::new(),
            offline_until: None,
            hidden: (false, 0),
            tick: 0,
            name,
            link: Link::new(config),
        })
    }

    /// Hands an input to the link and gives all that follows from it.
    pub(crate) fn handle(&mut self, now: u64, input: Input) -> Vec<Output> {
        if let Input::Token(Some(token)) = &input {
            self.token = Some(token.clone());
        }
        if matches!(input, Input::Connect | Input::Close) {
            self.app.is_connecting = input == Input::Connect;
        }
        if matches!(input, Input::Background | Input::Foreground) {
            self.hidden = (input == Input::Background, now);
        }
        self.link.handle(Millis(now), input);
        std::iter::from_fn(|| self.link.poll()).collect()
    }

    /// What the server knows it by.
    pub(crate) const fn name(&self) -> &LinkId {
        &self.name
    }

    /// How the link says that it has fared.
    pub(crate) fn statistics(&self, now: Millis) -> Statistics {
        self.link.statistics(now)
    }

    /// How often the link may have said that it would speak, in milliseconds.
    pub(crate) const fn heartbeat_ms(&self, now: u64) -> u64 {
        let (is_hidden, since) = self.hidden;
        // Shown again, it has yet to reach the server with what it says of its next heartbeat.
        let is_slow = is_hidden || since > 0 && now < since + HIDDEN_HEARTBEAT_MS + 10_000;
        if is_slow { HIDDEN_HEARTBEAT_MS } else { 15_000 }
    }

    /// When the link wants to be told the time.
    pub(crate) fn wake_at(&self) -> Option<u64> {
        self.link.wake().map(|wake| wake.at.0)
    }

    /// Whether it wants to be told the time for more than to tell people of a rest, or cease to.
    pub(crate) fn wants_effort(&self) -> bool {
        self.link.wake().is_some_and(|wake| wake.why != Why::Message)
    }
}

impl App {
    /// Begins to follow a channel.
    pub(crate) fn follow(&mut self, channel: &ChannelName) {
        self.left.remove(channel);
        self.following.insert(channel.clone(), None);
    }

    /// Ceases to follow a channel, and remembers where.
    pub(crate) fn leave(&mut self, channel: &ChannelName) {
        if let Some(Some(position)) = self.following.remove(channel) {
            self.left.insert(channel.clone(), position);
        }
    }

    /// Where it could go on in a channel that it left.
    pub(crate) fn resume_point(&self, channel: &ChannelName) -> Option<Since> {
        self.left.get(channel).cloned().map(Since::After)
    }

    /// Reads one notice.
    pub(crate) fn hear(&mut self, notice: &Notice) {
        match notice {
            Notice::State { new, reason, .. } => {
                self.state = (*new, *reason);
                if (*new, *reason) == (LinkState::Disconnected, Reason::Finished) {
                    self.is_connecting = false;
                }
            }
            Notice::Subscribed { channel, position, .. } => self.reach(channel, position),
            Notice::Event(event) => {
                if let Some(epoch) = &event.epoch {
                    let position = Position::new(epoch.clone(), event.offset);
                    self.reach(&event.channel, &position);
                }
            }
            Notice::Gap { channel, gap } => self.reach(channel, &gap.to),
            Notice::Published { ticket, .. } | Notice::PublishFailed { ticket, .. } => {
                self.publishing.remove(ticket);
            }
            Notice::Finished { channel } | Notice::Refused { channel, .. } => self.leave(channel),
            Notice::Quality(_) | Notice::Message { .. } => {}
        }
    }

    fn reach(&mut self, channel: &ChannelName, position: &Position) {
        if let Some(place) = self.following.get_mut(channel) {
            *place = Some(position.clone());
        }
    }
}
