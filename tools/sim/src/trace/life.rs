//! One random life: what a shell would do next, mostly helpful, now and then late or wrong.
//! In: dice, and what the link asks for. Out: the next input and its instant. Every life has its
//! own weights, so that each sees some kinds of inputs often and others never.

use std::collections::BTreeSet;

use steadfast_link::scenario::INPUT_KINDS;
use steadfast_link::{Config, Input, Link, LinkState, Output, PollId, SocketId};
use steadfast_machine::{Machine as _, Millis};
use steadfast_protocol::{ChannelName, ClientFrame, Scalar};

use super::{Step, Undrawn};
use crate::dice::Dice;

/// The link, and what its shell knows.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) dice: Dice,
    pub(super) link: Link,
    pub(super) asked: Asked,
    /// Where the events of each channel have got to, so that most of them come in order.
    pub(super) next_offset: [u64; 3],
    pub(super) leaning: Leaning,
    weights: [u64; INPUT_KINDS.len()],
    /// How many publishes the link was given.
    pub(super) tickets: u64,
    now: u64,
}

/// What the link has asked for, and was not yet given.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) socket: SocketId,
    pub(super) poll: PollId,
    pub(super) request: Option<Scalar>,
    pub(super) heartbeat: Option<Scalar>,
    /// The channels of polls under way, and of requests on the socket.
    pub(super) polls: BTreeSet<(PollId, ChannelName)>,
    pub(super) channels: Vec<ChannelName>,
    pub(super) is_dialling: bool,
    is_greeting: bool,
    is_probing: bool,
    is_heartbeat_due: bool,
    is_token_due: bool,
}

/// What a life is like, in percent.
#[derive(Debug)]
pub(super) struct Leaning {
    /// How often what was asked for is given next.
    helpful: u32,
    /// How often a socket fails to open.
    pub(super) failing: u32,
    /// How often a socket or a poll is one that is no longer wanted.
    pub(super) stale: u32,
    /// How often time runs past a wake.
    oversleeping: u32,
}

impl Life {
    pub(super) fn new(config: Config, mut dice: Dice) -> Self {
        let leaning = Leaning {
            helpful: dice.pick([30, 70, 85, 85]),
            failing: dice.pick([10, 10, 50, 95]),
            stale: dice.pick([5, 5, 20]),
            oversleeping: dice.pick([0, 3, 15]),
        };
        let weights = INPUT_KINDS.map(|kind| usual_weight(kind) * dice.pick([0, 1, 1, 1, 4]));
        Self {
            dice,
            link: Link::new(config),
            asked: Asked::default(),
            next_offset: [1; 3],
            leaning,
            weights,
            tickets: 0,
            now: 0,
        }
    }

    pub(super) const fn link(&self) -> &Link {
        &self.link
    }

    pub(super) const fn now(&self) -> u64 {
        self.now
    }

    /// Draws what happens next. A wake that comes before it is what happens next.
    pub(super) fn next_step(&mut self) -> Result<Step, Undrawn> {
        let at = self.now + self.span();
        let wake = self.link.wake().map(|wake| wake.at.0.max(self.now));
        let is_late = wake.is_some_and(|wake| at > wake);
        if let Some(wake) = wake
            && is_late
            && !self.dice.chance(self.leaning.oversleeping)
        {
            return Ok(Step { at: wake, is_late: false, input: Input::Tick });
        }
        let kind = self.kind();
        Ok(Step { at, is_late, input: self.draw(kind)? })
    }

    /// Hands the input to the link, and gives all that follows.
    pub(super) fn perform(&mut self, step: Step) -> Vec<Output> {
        self.now = step.at;
        self.asked.hear(&step.input);
        self.link.handle(Millis(self.now), step.input);
        let outputs: Vec<Output> = std::iter::from_fn(|| self.link.poll()).collect();
        for output in &outputs {
            self.asked.note(output);
        }
        outputs
    }

    fn span(&mut self) -> u64 {
        match self.dice.between(0, 15) {
            0 => 0,
            1..=8 => self.dice.between(0, 60),
            9..=12 => self.dice.between(0, 3_000),
            13 | 14 => self.dice.between(0, 20_000),
            _ => self.dice.between(0, 1_000_000),
        }
    }

    fn kind(&mut self) -> &'static str {
        let wanted = self.asked.next(self.link.state());
        if let Some(kind) = wanted
            && self.dice.chance(self.leaning.helpful)
        {
            let is_failed = kind == "socket_opened" && self.dice.chance(self.leaning.failing);
            return if is_failed { "socket_failed" } else { kind };
        }
        let sum: u64 = self.weights.iter().sum();
        let mut drawn = self.dice.between(0, sum.max(1) - 1);
        for (kind, weight) in INPUT_KINDS.into_iter().zip(self.weights) {
            match drawn.checked_sub(weight) {
                Some(rest) => drawn = rest,
                None => return kind,
            }
        }
        "tick"
    }
}

impl Asked {
    /// The kind of input that answers what was asked for last.
    fn next(&self, state: LinkState) -> Option<&'static str> {
        let answers = [
            (self.is_probing, "probed"),
            (self.is_dialling, "socket_opened"),
            (self.is_greeting, "socket_frame"),
            (self.is_heartbeat_due, "socket_frame"),
            (self.is_token_due, "token"),
            (!self.polls.is_empty(), "polled"),
            (state == LinkState::Disconnected, "connect"),
        ];
        answers.into_iter().find_map(|(is_asked, kind)| is_asked.then_some(kind))
    }

    /// Whether a frame of this type is what is waited for.
    pub(super) const fn next_frame(&self) -> Option<&'static str> {
        if self.is_greeting {
            Some("welcome")
        } else if self.is_heartbeat_due {
            Some("heartbeat_ack")
        } else if !self.channels.is_empty() {
            Some("subscribed")
        } else {
            None
        }
    }

    fn hear(&mut self, input: &Input) {
        match input {
            Input::SocketOpened { .. } | Input::SocketFailed { .. } => self.is_dialling = false,
            Input::SocketFrame { .. } => {
                self.is_greeting = false;
                self.is_heartbeat_due = false;
            }
            Input::SocketClosed { .. } => {
                self.is_greeting = false;
                self.is_dialling = false;
            }
            Input::Polled { poll, .. } => self.polls.retain(|(own, _)| own != poll),
            Input::Probed { .. } => self.is_probing = false,
            Input::Token(_) | Input::TokenUnavailable => self.is_token_due = false,
            Input::Connect
            | Input::Retry
            | Input::Publish { .. }
            | Input::Subscribe { .. }
            | Input::Unsubscribe { .. }
            | Input::Close
            | Input::Online
            | Input::Offline
            | Input::NetworkChanged { .. }
            | Input::WeakNetwork(_)
            | Input::Foreground
            | Input::Background
            | Input::Resumed
            | Input::SocketAlive { .. }
            | Input::Tick => {}
        }
    }

    fn note(&mut self, output: &Output) {
        match output {
            Output::OpenSocket { socket, .. } => {
                self.socket = *socket;
                self.is_dialling = true;
                self.is_greeting = false;
                self.is_heartbeat_due = false;
                self.channels.clear();
            }
            Output::Send { frame, .. } => self.on_sent(frame),
            Output::CloseSocket { .. } => {
                self.is_dialling = false;
                self.is_greeting = false;
                self.is_heartbeat_due = false;
            }
            Output::Poll { poll, channels, .. } => {
                self.poll = *poll;
                self.polls.extend(channels.iter().map(|one| (*poll, one.channel.clone())));
            }
            Output::CancelPoll { poll } => self.polls.retain(|(own, _)| own != poll),
            Output::Probe { .. } => self.is_probing = true,
            Output::WantToken => self.is_token_due = true,
            Output::Tell(_) => {}
        }
    }

    fn on_sent(&mut self, frame: &ClientFrame) {
        match frame {
            ClientFrame::Hello(hello) => {
                self.request = None;
                self.is_greeting = true;
                self.channels = hello.channels.iter().map(|own| own.channel.clone()).collect();
            }
            ClientFrame::Subscribe(request) => {
                self.request.clone_from(&request.id);
                self.channels.push(request.channel.clone());
            }
            ClientFrame::Refresh { id, .. } => self.request.clone_from(id),
            ClientFrame::Heartbeat(heartbeat) => {
                self.heartbeat.clone_from(&heartbeat.id);
                self.is_heartbeat_due = true;
            }
            ClientFrame::Unsubscribe { .. }
            | ClientFrame::Publish(_)
            | ClientFrame::Ping { .. }
            | ClientFrame::Pong { .. } => {}
        }
    }
}

/// How often an input comes unasked, next to the others.
fn usual_weight(kind: &str) -> u64 {
    match kind {
        "socket_frame" => 60,
        "polled" => 12,
        "subscribe" | "publish" => 5,
        "probed" | "network_changed" | "online" | "socket_closed" | "socket_alive" => 3,
        // Also any that is new.
        _ => 2,
    }
}
