//! Any frame of a server, and any answer to a poll: most as the link could expect them, some out
//! of order, of another numbering, for another channel, or twice.

use steadfast_link::Input;
use steadfast_protocol::{
    ChannelName, ErrorFrame, Event, EventName, Gap, GapCause, GoAway, HeartbeatTerms, LinkLimits,
    Payload, PollAnswer, PollEvent, PollPage, PollRefusal, Position, Scalar, ServerFrame,
    Subscribed, Superseded, Welcome,
};

use super::Undrawn;
use super::draw::channel;
use super::life::Life;
use super::settings::link_id;

/// The type of every frame.
pub(super) const FRAME_KINDS: [&str; 12] = [
    "welcome",
    "subscribed",
    "event",
    "superseded",
    "finished",
    "published",
    "refreshed",
    "heartbeat_ack",
    "pong",
    "ping",
    "go_away",
    "error",
];

/// The type of a frame.
pub(super) const fn frame_kind(frame: &ServerFrame) -> &'static str {
    match frame {
        ServerFrame::Welcome(_) => "welcome",
        ServerFrame::Subscribed(_) => "subscribed",
        ServerFrame::Event(_) => "event",
        ServerFrame::Superseded(_) => "superseded",
        ServerFrame::Finished { .. } => "finished",
        ServerFrame::Published { .. } => "published",
        ServerFrame::Refreshed { .. } => "refreshed",
        ServerFrame::HeartbeatAck { .. } => "heartbeat_ack",
        ServerFrame::Pong { .. } => "pong",
        ServerFrame::Ping { .. } => "ping",
        ServerFrame::GoAway(_) => "go_away",
        ServerFrame::Error(_) => "error",
    }
}

impl Life {
    /// The frame that is waited for, or another.
    pub(super) fn frame(&mut self) -> Result<ServerFrame, Undrawn> {
        let kind = match self.asked.next_frame() {
            Some(kind) if self.dice.chance(75) => kind,
            // Half of all frames are events.
            Some(_) | None if self.dice.chance(50) => "event",
            Some(_) | None => FRAME_KINDS[self.dice.index(FRAME_KINDS.len())],
        };
        self.frame_of(kind)
    }

    fn frame_of(&mut self, kind: &str) -> Result<ServerFrame, Undrawn> {
        Ok(match kind {
            "welcome" => self.welcome(),
            "subscribed" => self.subscribed(),
            "event" => self.event(),
            "superseded" => {
                let (index, offset) = self.place();
                let to = offset + self.dice.between(0, 2);
                self.next_offset[index] = to + 1;
                ServerFrame::Superseded(Superseded { channel: channel(index), from: offset, to })
            }
            "finished" => ServerFrame::Finished { channel: self.channel() },
            "published" => {
                let offset = self.dice.between(1, 9);
                ServerFrame::Published {
                    id: self.request(),
                    epoch: self.epoch(),
                    offset,
                    repeated: false,
                }
            }
            "refreshed" => ServerFrame::Refreshed {
                id: self.request(),
                expires_in_ms: self.token_expires_in_ms(),
            },
            "heartbeat_ack" => self.heartbeat_ack(),
            "pong" => ServerFrame::Pong { id: self.request() },
            "ping" => ServerFrame::Ping { id: self.request() },
            "go_away" => self.go_away(),
            "error" => self.error(),
            other => return Err(Undrawn(format!("no trace draws the frame {other}"))),
        })
    }

    fn welcome(&mut self) -> ServerFrame {
        ServerFrame::Welcome(Box::new(Welcome {
            link: link_id(),
            node: "n1".into(),
            region: "r1".into(),
            heartbeat: HeartbeatTerms {
                interval: self.dice.pick([15_000, 15_000, 15_000, 1, 4_000, 100_000]),
                timeout: self.dice.pick([10_000, 10_000, 10_000, 1, 3_000, 50_000]),
            },
            limits: LinkLimits {
                message_bytes: 1 << 20,
                queue_messages: 32,
                channels: 128,
                frames_per_second: 50,
                frames_burst: 200,
                publish_bytes_per_second: None,
                publish_bytes_burst: None,
            },
            crash_window_ms: self.dice.pick([0, 5_000, 5_000, 60_000]),
            path_idle_limit_ms: None,
            token_expires_in_ms: self.token_expires_in_ms(),
            server_time: time(),
        }))
    }

    /// Soon, later than a trace lasts, or never.
    fn token_expires_in_ms(&mut self) -> Option<u64> {
        self.dice.pick([None, None, Some(0), Some(20_000), Some(86_400_000)])
    }

    fn subscribed(&mut self) -> ServerFrame {
        let asked = self.asked.channels.pop();
        let is_other = self.dice.chance(10);
        let channel = asked.filter(|_| !is_other).unwrap_or_else(|| self.channel());
        let position = self.link.position(&channel).cloned();
        let epoch = self.epoch_of(&channel);
        let offset = match self.dice.index(8) {
            0 => self.dice.between(0, 12),
            _ => position.as_ref().map_or(0, |position| position.offset),
        };
        self.go_on(&channel, offset + 1);
        let to = Position::new(epoch.clone(), offset);
        let has_gap = self.dice.chance(20);
        let cause = self.dice.pick([GapCause::Retention, GapCause::EpochChanged]);
        let gap = position.filter(|_| has_gap).map(|from| Gap { from, to, cause });
        let id = self.request();
        let head = offset + self.dice.between(0, 3);
        let recovered = gap.is_none();
        let frame = Subscribed { id, channel, epoch, offset, head, recovered, gap };
        ServerFrame::Subscribed(Box::new(frame))
    }

    fn event(&mut self) -> ServerFrame {
        let (index, offset) = self.place();
        self.next_offset[index] = offset + 1;
        let has_epoch = self.dice.chance(10);
        ServerFrame::Event(Event {
            channel: channel(index),
            epoch: has_epoch.then(|| self.epoch()),
            offset,
            event: event_name(),
            data: self.payload(),
            time: time(),
        })
    }

    fn heartbeat_ack(&mut self) -> ServerFrame {
        let is_other = self.dice.chance(10);
        let number = self.dice.between(0, 9);
        let other = is_other.then(|| Scalar::number(number));
        ServerFrame::HeartbeatAck {
            id: other.or_else(|| self.asked.heartbeat.clone()),
            timestamp: Scalar::number(0),
            server_time: time(),
        }
    }

    fn go_away(&mut self) -> ServerFrame {
        let is_elsewhere = self.dice.chance(50);
        ServerFrame::GoAway(GoAway {
            reason: "drain".into(),
            after_ms: self.dice.pick([0, 1_000, 5_000]),
            spread_ms: self.dice.pick([0, 2_000, 10_000]),
            to: is_elsewhere.then(|| "wss://other.example/v1/ws".into()),
        })
    }

    fn error(&mut self) -> ServerFrame {
        let has_channel = self.dice.chance(80);
        ServerFrame::Error(ErrorFrame {
            id: self.request(),
            channel: has_channel.then(|| self.channel()),
            code: self.dice.pick(["forbidden", "busy", "bad_frame"]).into(),
            message: "not like this".into(),
            retry: self.dice.chance(60),
            retry_after_ms: None,
        })
    }

    /// The outcome of a poll: of one under way, or of one that is not wanted any more.
    pub(super) fn polled(&mut self) -> Input {
        let under_way = self.asked.polls.first().cloned();
        let is_stale = self.dice.chance(self.leaning.stale);
        let (poll, channels) = match under_way {
            Some((poll, _)) if !is_stale => {
                let of_it = self.asked.polls.iter().filter(|(own, _)| *own == poll);
                (poll, of_it.map(|(_, channel)| channel.clone()).collect())
            }
            Some(_) | None => {
                let newest = u64::from(self.asked.poll);
                let poll = u32::try_from(self.dice.between(0, newest + 1)).unwrap_or_default();
                (poll, vec![self.channel()])
            }
        };
        let outcome = match self.poll_failure() {
            Some(failure) => Err(failure),
            None => Ok(Box::new(self.answer(channels))),
        };
        Input::Polled { poll, outcome }
    }

    /// Mostly a page for each channel; some have none, or are refused.
    fn answer(&mut self, channels: Vec<ChannelName>) -> PollAnswer {
        let is_alone = channels.len() == 1;
        let (mut pages, mut refused) = (Vec::new(), Vec::new());
        for channel in channels {
            match self.dice.index(16) {
                0..=2 if !is_alone => {}
                3 => refused.push(PollRefusal {
                    channel: channel.as_str().into(),
                    code: self.dice.pick(["forbidden", "broker_unavailable"]).into(),
                    detail: "not like this".into(),
                }),
                _ => pages.push(self.page(channel)),
            }
        }
        PollAnswer { pages, refused, next_poll_ms: self.dice.pick([0, 0, 500, 3_000]) }
    }

    fn page(&mut self, channel: ChannelName) -> PollPage {
        let position = self.link.position(&channel).cloned();
        let epoch = self.epoch_of(&channel);
        let skipped = self.dice.pick([0, 0, 0, 0, 0, 1]);
        let behind = position.as_ref().map_or(0, |position| position.offset) + skipped;
        let count = self.dice.between(0, 3);
        let events = (1..=count).map(|nth| PollEvent {
            offset: behind + nth,
            event: event_name(),
            data: self.payload(),
            time: time(),
        });
        let events: Vec<_> = events.collect();
        let offset = behind + count;
        self.go_on(&channel, offset + 1);
        let has_gap = self.dice.chance(10);
        let to = Position::new(epoch.clone(), behind);
        let cause = GapCause::Retention;
        PollPage {
            channel,
            epoch,
            offset,
            events,
            is_final: self.dice.chance(2),
            gap: position.filter(|_| has_gap).map(|from| Gap { from, to, cause }),
        }
    }

    /// A channel's index and an offset in it: mostly the next one.
    fn place(&mut self) -> (usize, u64) {
        let index = self.dice.index(3);
        let next = self.next_offset[index];
        let offset = match self.dice.index(16) {
            0 => self.dice.between(1, 20),
            1 => next + 1,
            _ => next,
        };
        (index, offset)
    }

    /// The next event of `channel` has this offset.
    fn go_on(&mut self, of: &ChannelName, next: u64) {
        for index in 0..self.next_offset.len() {
            if channel(index) == *of {
                self.next_offset[index] = next;
            }
        }
    }

    fn request(&mut self) -> Option<Scalar> {
        let number = self.dice.between(0, 9);
        match self.dice.index(8) {
            0 => None,
            1 => Some(Scalar::number(number)),
            _ => self.asked.request.clone(),
        }
    }

    fn payload(&mut self) -> Payload {
        let text = self.dice.pick(["null", "7", r#""text""#, r#"{"n":1,"of":[1,2.50,"é"]}"#]);
        Payload::new(text).unwrap_or_else(|_| Payload::null())
    }
}

fn event_name() -> EventName {
    #[expect(clippy::expect_used, reason = "the name is fixed, and a test makes traces")]
    EventName::new("progress").expect("a name")
}

fn time() -> Box<str> {
    "2026-02-28T00:00:00.000Z".into()
}
