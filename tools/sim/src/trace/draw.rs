//! Any input of a kind. In: the kind's word. Out: an input that fits what the link has asked for,
//! or one that does not.

use steadfast_link::{DialFailure, Input, NetworkKey, NetworkKind, PollFailure, SocketId};
use steadfast_protocol::{
    ChannelName, CloseCode, Epoch, EventName, Payload, Position, ReplaceKey, Since, Token,
};

use super::Undrawn;
use super::life::Life;

const NETWORKS: [NetworkKind; 5] = [
    NetworkKind::Wifi,
    NetworkKind::Cellular,
    NetworkKind::Wired,
    NetworkKind::Other,
    NetworkKind::Unknown,
];

const KEYS: [&str; 3] = ["home", "office", "train"];

/// Codes of every advice, those of a broken connection more often.
const CODES: [u16; 18] = [
    1000, 1001, 1005, 1006, 1006, 1006, 1006, 1011, 1012, 1013, 4000, 4002, 4101, 4200, 4202, 4203,
    4300, 4401,
];

impl Life {
    /// An input of this kind.
    pub(super) fn draw(&mut self, kind: &str) -> Result<Input, Undrawn> {
        Ok(match kind {
            "connect" => Input::Connect,
            "retry" => Input::Retry,
            "subscribe" => Input::Subscribe { channel: self.channel(), since: self.since() },
            "unsubscribe" => Input::Unsubscribe { channel: self.channel() },
            "publish" => self.publish(),
            "token" => {
                let number = self.dice.between(1, 9);
                let is_there = self.dice.chance(80);
                Input::Token(is_there.then(|| Token::new(&format!("token-{number}"))))
            }
            "token_unavailable" => Input::TokenUnavailable,
            "close" => Input::Close,
            "online" => Input::Online,
            "offline" => Input::Offline,
            "network_changed" => {
                let is_named = self.dice.chance(50);
                let key = if is_named { NetworkKey::new(self.dice.pick(KEYS)) } else { None };
                Input::NetworkChanged { kind: self.dice.pick(NETWORKS), key }
            }
            "weak_network" => Input::WeakNetwork(self.dice.chance(50)),
            "foreground" => Input::Foreground,
            "background" => Input::Background,
            "resumed" => Input::Resumed,
            "socket_opened" => Input::SocketOpened { socket: self.socket() },
            "socket_failed" => {
                Input::SocketFailed { socket: self.socket(), failure: self.dial_failure() }
            }
            "socket_frame" => {
                let frame = Box::new(self.frame()?);
                Input::SocketFrame { socket: self.socket(), frame }
            }
            "socket_alive" => Input::SocketAlive { socket: self.socket() },
            "socket_closed" => Input::SocketClosed {
                socket: self.socket(),
                code: CloseCode(self.dice.pick(CODES)),
            },
            "polled" => self.polled(),
            "probed" => Input::Probed { is_ok: self.dice.chance(80) },
            "tick" => Input::Tick,
            other => return Err(Undrawn(format!("no trace draws the input {other}"))),
        })
    }

    /// The newest socket, or one that is not wanted any more, or one that never was.
    fn socket(&mut self) -> SocketId {
        let newest = self.asked.socket;
        if self.dice.chance(self.leaning.stale) {
            u32::try_from(self.dice.between(0, u64::from(newest) + 1)).unwrap_or(newest)
        } else {
            newest
        }
    }

    pub(super) fn channel(&mut self) -> ChannelName {
        channel(self.dice.index(3))
    }

    fn since(&mut self) -> Since {
        match self.dice.index(4) {
            0 => Since::Now,
            1 => {
                let offset = self.dice.between(0, 8);
                Since::After(Position::new(self.epoch(), offset))
            }
            _ => Since::Start,
        }
    }

    pub(super) fn epoch(&mut self) -> Epoch {
        epoch(self.dice.index(3))
    }

    /// The epoch that the link knows, or any.
    pub(super) fn epoch_of(&mut self, channel: &ChannelName) -> Epoch {
        let known = self.link.position(channel).map(|position| position.epoch.clone());
        let is_other = self.dice.chance(4);
        if is_other { self.epoch() } else { known.unwrap_or_else(|| epoch(0)) }
    }

    fn publish(&mut self) -> Input {
        self.tickets += 1;
        let is_large = self.dice.chance(5);
        let data = if is_large { format!("\"{}\"", "x".repeat(200_000)) } else { "1".to_owned() };
        Input::Publish {
            ticket: self.tickets,
            channel: self.channel(),
            event: event_name(),
            data: Payload::new(&data).unwrap_or_else(|_| Payload::null()),
            is_final: self.dice.chance(5),
            replace: self.dice.chance(20).then(|| ReplaceKey::new("bar").ok()).flatten(),
        }
    }

    fn dial_failure(&mut self) -> DialFailure {
        match self.dice.index(16) {
            0 => DialFailure::Refused,
            15 => DialFailure::Portal,
            1 | 2 => DialFailure::Busy { retry_after_ms: self.dice.between(0, 20_000) },
            3..=8 => DialFailure::Blocked,
            _ => DialFailure::Unreachable,
        }
    }

    pub(super) fn poll_failure(&mut self) -> Option<PollFailure> {
        match self.dice.index(32) {
            0 => Some(PollFailure::Busy { retry_after_ms: self.dice.between(0, 20_000) }),
            1 => Some(PollFailure::Unauthorized),
            2 => Some(PollFailure::Refused),
            3..=6 => Some(PollFailure::Unreachable),
            _ => None,
        }
    }
}

/// One of three channels.
pub(super) fn channel(index: usize) -> ChannelName {
    #[expect(clippy::expect_used, reason = "the names are fixed, and a test makes traces")]
    ChannelName::new(["a:1", "b:2", "c:3"][index % 3]).expect("a name")
}

fn event_name() -> EventName {
    #[expect(clippy::expect_used, reason = "the name is fixed, and a test makes traces")]
    EventName::new("progress").expect("a name")
}

fn epoch(index: usize) -> Epoch {
    #[expect(clippy::expect_used, reason = "the names are fixed, and a test makes traces")]
    Epoch::new(["e1", "e2", "e3"][index % 3]).expect("an epoch")
}
