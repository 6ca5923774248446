//! The machine: one link, kept alive. In: what happened, and when. Out: what to do, what to tell
//! the app, and when to be woken. Must not know a URL, a clock, a socket or a thread.
//!
//! ```text
//! resting ──connect──▶ trying ──welcome──▶ live        any ──offline──▶ offline ──online──▶ trying
//!    ▲                  │  ▲ ▲──────loss────┘ ▲         any ──close, finished, rejected──▶ resting
//!    └──never───────────┘  └──lost── polling ─┘ every channel followed
//! ```

mod app;
mod attempt;
mod device;
mod dials;
mod fallback;
mod frame;
#[cfg(debug_assertions)]
mod invariants;
mod measurements;
mod planning;
mod polls;
mod publishes;
mod reconnect;
mod refresh;
mod returning;
mod successor;
mod timers;
mod transitions;
mod user_messages;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use steadfast_machine::{Machine, Millis, Rng, Wake};
use steadfast_protocol::{ChannelName, ClientFrame, CloseCode, Generation, Position, PublishFrame};

use crate::connector::Connector;
use crate::credential::{Credential, Renewal};
use crate::device::Device;
use crate::health::Health;
use crate::pacer::FramePacer;
use crate::phase::Phase;
use crate::poller::Poller;
use crate::publisher::Publisher;
use crate::statistics::{Record, Statistics};
use crate::subscriptions::Subscriptions;
use crate::{
    Clue, Config, Input, LinkState, Messages, NetworkRecord, Notice, Output, Reason, SocketId, Why,
};

/// What the link closes a socket with when it means to come back.
const COMING_BACK: CloseCode = CloseCode::RECONNECT;

/// One link: made once, driven by a shell for as long as the app wants it.
///
/// Call [`Machine::handle`] with each input, then [`Machine::poll`] until it gives `None`, and
/// hand in [`Input::Tick`] no later than [`Machine::wake`] says. Time never goes back. Inputs about
/// sockets and polls that the link has closed or cancelled are ignored.
#[derive(Debug)]
pub struct Link {
    config: Config,
    rng: Rng,
    phase: Phase,
    shown: LinkState,
    reason: Reason,
    subscriptions: Subscriptions,
    publisher: Publisher,
    pacer: FramePacer,
    connector: Connector,
    poller: Poller,
    credential: Credential,
    record: Record,
    health: Health,
    messages: Messages,
    /// What was wrong with the token when it was last refused.
    token_fault: Clue,
    out: VecDeque<Output>,
    now: Millis,
    generation: Generation,
    /// The version of the token in the newest `hello`, or in the newest `refresh` that was taken.
    session_token_version: u32,
    /// The end of the session's token, where the server has told it.
    renewal: Option<Renewal>,
    /// When that was sent.
    hello_sent_at: Millis,
    is_online: bool,
    device: Device,
    /// Whether a session was welcomed since the app asked.
    has_connected: bool,
}

impl Link {
    /// A link at rest. Spans of nothing in `config` are taken as 1 ms.
    pub fn new(config: Config) -> Self {
        let config = config.bounded();
        Self {
            rng: Rng::new(config.seed),
            phase: Phase::Resting,
            shown: LinkState::Disconnected,
            reason: Reason::Closed,
            subscriptions: Subscriptions::new(config.channels_max),
            publisher: Publisher::new(),
            pacer: FramePacer::default(),
            connector: Connector::new(&config),
            poller: Poller::new(),
            credential: Credential::new(config.token.clone()),
            record: Record::new(),
            health: Health::new(Device::new().bounds(&config)),
            messages: Messages::new(),
            token_fault: Clue::TokenRefused,
            out: VecDeque::new(),
            now: Millis::ZERO,
            generation: 0,
            session_token_version: 0,
            renewal: None,
            hello_sent_at: Millis::ZERO,
            is_online: true,
            device: Device::new(),
            has_connected: false,
            config,
        }
    }

    /// What the app is shown.
    pub const fn state(&self) -> LinkState {
        self.shown
    }

    /// Why the link is in that state; [`Reason::Closed`] before the app first asked.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// How the link has fared up to `now`, which is no earlier than the last input.
    pub fn statistics(&self, now: Millis) -> Statistics {
        let mut record = self.record.clone();
        if let Some(from) = self.slept_from(now) {
            record.sleep(from, now);
        }
        record.statistics(now)
    }

    /// When the next attempt to get a session begins, while one is planned.
    pub const fn next_attempt_at(&self) -> Option<Millis> {
        self.connector.next_attempt_at()
    }

    /// The last event of a channel that the app has been handed; `None` where the channel is not
    /// followed, or nothing is known of it yet.
    pub fn position(&self, channel: &ChannelName) -> Option<&Position> {
        self.subscriptions.find(channel)?.position()
    }

    /// What is remembered of networks at `now`, no earlier than the last input, for
    /// [`Config::networks`] of a later link: at most 20 records of what was heard in the last 24 h.
    pub fn networks(&self, now: Millis) -> Vec<NetworkRecord> {
        self.connector.records(now)
    }

    /// The channels followed, in the order in which the app asked for them.
    pub fn channels(&self) -> impl Iterator<Item = &ChannelName> {
        self.subscriptions.iter().map(|subscription| &subscription.channel)
    }

    fn dispatch(&mut self, now: Millis, input: Input) {
        match input {
            Input::Connect => self.on_connect(now),
            Input::Retry => self.on_retry(now),
            Input::Subscribe { channel, since } => self.on_subscribe(now, channel, since),
            Input::Unsubscribe { channel } => self.on_unsubscribe(now, &channel),
            Input::Publish { ticket, channel, event, data, is_final, replace } => {
                let (id, idempotency_key) = (None, None);
                let frame =
                    PublishFrame { id, channel, event, data, is_final, replace, idempotency_key };
                self.on_publish(ticket, frame);
            }
            Input::Token(Some(token)) => self.on_token(now, token),
            Input::Token(None) => self.on_no_token(now),
            Input::TokenUnavailable => self.on_token_unavailable(now),
            Input::Close => self.on_close(now),
            Input::Online => self.on_online(now),
            Input::Offline => self.on_offline(now),
            Input::NetworkChanged { kind, key } => self.on_network_changed(now, kind, key),
            Input::WeakNetwork(is_weak) => self.on_weak_network(now, is_weak),
            Input::Resumed => self.on_resumed(now),
            Input::Foreground => self.on_foreground(now),
            Input::Background => self.on_background(now),
            Input::SocketOpened { socket } => self.on_socket_opened(now, socket),
            Input::SocketFailed { socket, failure } => {
                self.on_socket_failed(now, socket, failure);
            }
            Input::SocketFrame { socket, frame } => self.on_socket_frame(now, socket, *frame),
            Input::SocketAlive { socket } => self.on_socket_alive(now, socket),
            Input::SocketClosed { socket, code } => self.on_socket_closed(now, socket, code),
            Input::Polled { poll, outcome } => self.on_polled(now, poll, outcome),
            Input::Probed { is_ok } => self.on_probed(now, is_ok),
            Input::Tick => {}
        }
    }

    fn tell(&mut self, notice: Notice) {
        self.out.push_back(Output::Tell(notice));
    }

    fn send(&mut self, socket: SocketId, frame: ClientFrame) {
        self.pacer.on_sent(self.now);
        self.out.push_back(Output::Send { socket, frame: Box::new(frame) });
    }
}

impl Machine for Link {
    type Input = Input;
    type Output = Output;
    type Why = Why;

    fn handle(&mut self, now: Millis, input: Input) {
        debug_assert!(self.out.is_empty(), "outputs are polled before the next input");
        debug_assert!(now >= self.now, "time goes back");
        let now = now.max(self.now);
        let has_slept = self.notice_sleep(now);
        self.now = now;
        self.note_input(now, &input);
        self.dispatch(now, input);
        if has_slept {
            // Not before: the input may be the answer to one of them.
            self.cancel_polls();
        }
        self.run(now);
        self.update_quality(now);
        self.tell_message(now);
        #[cfg(debug_assertions)]
        self.check();
    }

    fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn wake(&self) -> Option<Wake<Why>> {
        match (self.next_wake(), self.message_wake()) {
            (Some(wake), other) => Some(wake.earlier(other)),
            (None, other) => other,
        }
    }
}

#[cfg(test)]
mod tests;
