//! What must be true of a link's outputs, whatever it was told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use steadfast_link::{Grade, Input, LinkState, Notice, Output, PollFailure, Reason, SocketId};
use steadfast_protocol::{
    Advice, ChannelName, ClientFrame, Position, PublishFrame, ServerFrame, Superseded,
};

use crate::saying::Saying;

use crate::silence::Silence;

/// Remembers what was said, and panics at the first broken promise.
#[derive(Default)]
pub(crate) struct Watch {
    is_offline: bool,
    is_token_wanted: bool,
    /// How many tokens the app has given: now, and when the newest `hello` was sent.
    tokens: u32,
    hello_tokens: u32,
    /// The same, when a token was refused.
    refused_tokens: Option<u32>,
    /// Whether a network came or changed since the last attempt.
    is_network_new: bool,
    attempts: VecDeque<u64>,
    open: BTreeSet<SocketId>,
    /// Those of them that have not said `hello`, and to which endpoint they go.
    dialling: BTreeMap<SocketId, u8>,
    /// Where the last attempt went, as long as it had no rival.
    lone_endpoint: Option<u8>,
    /// Those under way, each with the number of tokens when it was sent.
    polls: BTreeMap<u32, u32>,
    is_probing: bool,
    state: Option<(LinkState, Reason)>,
    told: BTreeMap<ChannelName, Position>,
    superseded: Vec<Superseded>,
    grade: Option<Grade>,
    saying: Saying,
    /// What was published and not answered, by ticket.
    published: BTreeSet<u64>,
    /// What was sent last for each channel, by key.
    keys: BTreeMap<ChannelName, u64>,
    silence: Silence,
    /// The kinds of output, the states and one change of state that were seen.
    pub(crate) seen: BTreeSet<String>,
}

impl Watch {
    pub(crate) fn before(&mut self, input: &Input) {
        match input {
            Input::Offline => self.is_offline = true,
            Input::Online | Input::NetworkChanged { .. } => {
                self.is_offline = false;
                self.is_network_new = true;
            }
            Input::Token(token) => {
                self.is_token_wanted = false;
                self.tokens += u32::from(token.is_some());
            }
            Input::TokenUnavailable => self.is_token_wanted = false,
            Input::Unsubscribe { channel } => {
                self.told.remove(channel);
            }
            Input::SocketClosed { socket, code } => {
                let is_greeted = self.open.remove(socket);
                let is_dialling = self.dialling.remove(socket).is_some();
                if is_greeted && !is_dialling && code.advice() == Advice::RefreshToken {
                    self.refused_tokens = Some(self.hello_tokens);
                }
            }
            Input::SocketFailed { socket, .. } => {
                self.open.remove(socket);
                self.dialling.remove(socket);
            }
            Input::SocketFrame { frame, .. } => {
                if let ServerFrame::Superseded(superseded) = &**frame {
                    self.superseded.push(superseded.clone());
                }
            }
            Input::Polled { poll, outcome } => {
                let tokens = self.polls.remove(poll);
                if matches!(outcome, Err(PollFailure::Unauthorized)) && tokens.is_some() {
                    self.refused_tokens = tokens;
                }
            }
            Input::Probed { .. } => self.is_probing = false,
            Input::Publish { ticket, .. } => {
                self.published.insert(*ticket);
            }
            Input::Connect
            | Input::Retry
            | Input::Subscribe { .. }
            | Input::Close
            | Input::WeakNetwork(_)
            | Input::Resumed
            | Input::Foreground
            | Input::Background
            | Input::SocketOpened { .. }
            | Input::SocketAlive { .. }
            | Input::Tick => {}
        }
    }

    /// Beside [`Watch::before`]: when it comes, and by when the link wanted to be woken.
    pub(crate) fn time(&mut self, now: u64, wake: Option<u64>, input: &Input) {
        self.silence.on_input(now, wake, input);
    }

    /// Once everything has followed from an input.
    pub(crate) fn after(&mut self, now: u64, output: &Output) {
        let json = serde_json::to_value(output).unwrap();
        self.seen.extend(json["kind"].as_str().map(str::to_owned));
        match output {
            Output::OpenSocket { socket, endpoint, .. } => self.on_open(now, *socket, *endpoint),
            Output::Send { socket, frame } => {
                if let ClientFrame::Publish(frame) = &**frame {
                    self.on_publish(frame);
                }
                if let ClientFrame::Hello(_) = &**frame {
                    self.hello_tokens = self.tokens;
                }
                assert!(self.open.contains(socket), "sends on a socket it does not have");
                self.dialling.remove(socket);
                self.silence.on_send(now, frame);
            }
            Output::CloseSocket { socket, .. } => {
                assert!(self.open.remove(socket), "closes a socket it does not have");
                self.dialling.remove(socket);
                self.silence.on_close(now, *socket);
            }
            Output::Poll { poll, .. } => {
                assert!(!self.is_offline, "polls without a network");
                let is_new = self.polls.insert(*poll, self.tokens).is_none();
                assert!(is_new, "an id of a poll was used twice");
            }
            Output::CancelPoll { poll } => {
                assert!(self.polls.remove(poll).is_some(), "cancels a poll that is not under way");
            }
            Output::Probe { .. } => {
                assert!(!self.is_offline, "probes without a network");
                self.is_probing = true;
            }
            Output::WantToken => {
                assert!(!self.is_token_wanted, "asks for a token twice");
                self.is_token_wanted = true;
            }
            Output::Tell(Notice::Message { message }) => {
                self.seen.extend(message.map(|message| message.code.as_str().to_owned()));
                self.saying.on_message(now, *message);
            }
            Output::Tell(notice) => self.on_notice(now, notice),
        }
    }

    /// Everything that follows from one input was said.
    pub(crate) fn detach_session(&self, now: u64, state: LinkState) {
        self.silence.check(now, state);
        self.saying.check(self.state, self.is_offline);
    }

    /// Beside a live session there is one attempt at most, and it may race two endpoints.
    fn on_open(&mut self, now: u64, socket: SocketId, endpoint: u8) {
        assert!(!self.is_offline, "an attempt without a network");
        let is_refused = self.refused_tokens == Some(self.tokens);
        assert!(!is_refused, "an attempt with a token that was refused");
        // Two endpoints are one attempt, side by side or one after the other.
        let is_soon = self.attempts.back().is_some_and(|at| now < at + 1000);
        let is_instead = is_soon && self.lone_endpoint.is_some_and(|other| other != endpoint);
        let is_rival = is_instead || !self.dialling.is_empty();
        self.lone_endpoint = (!is_rival).then_some(endpoint);
        assert!(self.open.len() - self.dialling.len() <= 1, "an attempt beside two sessions");
        assert!(self.dialling.len() <= 1, "three sockets are opening at once");
        let is_again = self.dialling.values().any(|other| *other == endpoint);
        assert!(!is_again || !is_soon, "races itself within the floor");
        // Which of two endpoints came first on another network is not known.
        let is_spaced = is_rival || !is_soon || core::mem::take(&mut self.is_network_new);
        assert!(is_spaced, "two attempts within the floor");
        self.open.insert(socket);
        self.dialling.insert(socket, endpoint);
        self.attempts.push_back(now);
        self.attempts.retain(|at| at + 60_000 >= now);
        assert!(self.attempts.len() <= 14, "{} attempts in 60 s", self.attempts.len());
    }

    fn on_notice(&mut self, now: u64, notice: &Notice) {
        match notice {
            Notice::State { new, old, reason } => {
                self.silence.on_state(now, *new, *reason);
                let before = self.state.replace((*new, *reason));
                let shown = before.map_or(LinkState::Disconnected, |(state, _)| state);
                assert_eq!(shown, *old, "states do not follow one another");
                self.seen.insert(new.as_str().to_owned());
                self.seen.insert(format!("{} to {}", old.as_str(), new.as_str()));
                assert_ne!(before, Some((*new, *reason)), "a state was told twice");
                if *new == LinkState::Disconnected && *reason != Reason::Offline {
                    self.is_token_wanted = false;
                    self.refused_tokens = None;
                }
            }
            Notice::Subscribed { channel, position, .. } => {
                if let Some(told) = self.told.get(channel) {
                    assert!(self.follows(channel, told, position.offset), "{told:?} {position:?}");
                    assert_eq!(told.epoch, position.epoch, "another epoch without a gap");
                }
                self.told.insert(channel.clone(), position.clone());
            }
            Notice::Event(event) => {
                let told = self.told.get(&event.channel).expect("an event before its position");
                assert_eq!(event.epoch.as_ref(), Some(&told.epoch), "an epoch nobody told");
                assert!(event.offset > told.offset, "{} was told before", event.offset);
                let before = event.offset - 1;
                assert!(self.follows(&event.channel, told, before), "a hole: {told:?} {event:?}");
                let position = Position::new(told.epoch.clone(), event.offset);
                self.told.insert(event.channel.clone(), position);
            }
            Notice::Gap { channel, gap } => {
                if let Some(told) = self.told.get(channel) {
                    assert!(self.follows(channel, told, gap.from.offset), "{told:?} {gap:?}");
                    assert_eq!(told.epoch, gap.from.epoch, "a gap from elsewhere");
                }
                self.told.insert(channel.clone(), gap.to.clone());
            }
            Notice::Quality(report) => {
                assert_ne!(self.grade.replace(report.grade), Some(report.grade), "told twice");
                assert!(report.score <= 100);
            }
            Notice::Message { .. } => {}
            Notice::Published { ticket, .. } | Notice::PublishFailed { ticket, .. } => {
                assert!(self.published.remove(ticket), "a publish is answered twice");
            }
            Notice::Finished { channel } | Notice::Refused { channel, .. } => {
                self.told.remove(channel);
            }
        }
    }

    /// Of a channel no publish is sent before an older one; the same may be sent again.
    fn on_publish(&mut self, frame: &PublishFrame) {
        let key: u64 = frame.idempotency_key.as_ref().unwrap().as_str().parse().unwrap();
        let before = self.keys.insert(frame.channel.clone(), key).unwrap_or_default();
        assert!(key >= before, "{key} was sent after {before}");
    }

    /// How many publishes nobody has heard of yet.
    pub(crate) fn unanswered(&self) -> usize {
        self.published.len()
    }

    /// Whether nothing lies between what was told and `offset`, but what the server superseded.
    fn follows(&self, channel: &ChannelName, told: &Position, offset: u64) -> bool {
        (told.offset + 1..=offset).all(|missing| {
            let stands = |one: &Superseded| one.from <= missing && missing <= one.to;
            self.superseded.iter().any(|one| one.channel == *channel && stands(one))
        })
    }
}
