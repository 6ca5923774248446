//! One session in virtual time: a device that sleeps and wakes, and a server that answers every
//! heartbeat, or has gone without a word.

use steadfast_link::{Config, Input, Link, Notice, Output, Reason};
use steadfast_machine::{Machine as _, Millis};
use steadfast_protocol::{
    ClientFrame, HeartbeatTerms, LinkId, LinkLimits, Scalar, ServerFrame, Welcome,
};

/// Sleep that no timer shows ends before doubt would begin, give or take a second.
const UNNOTICED_MS: u64 = 6_000;

/// A device, its link, and a server that answers every heartbeat after the same time.
pub(crate) struct Life {
    pub(crate) link: Link,
    pub(crate) now: u64,
    answer_ms: u64,
    /// From when on the server is gone without a word.
    silent_from: u64,
    /// Answers on their way: when each arrives, and to which heartbeat.
    pub(crate) answers: Vec<(u64, Scalar)>,
    /// When the session was taken for dead.
    pub(crate) dead_at: Option<u64>,
}

/// What a link hears first when its device wakes up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum First {
    Time,
    Answers,
    Resumed,
}

impl Life {
    pub(crate) fn new(answer_ms: u64, silent_from: u64) -> Self {
        let link = Link::new(Config::new(LinkId::new("link-0001").unwrap(), 1));
        let (answers, dead_at) = (Vec::new(), None);
        let mut life = Self { link, now: 0, answer_ms, silent_from, answers, dead_at };
        life.tell(Input::Connect);
        life.tell(Input::SocketOpened { socket: 1 });
        life.now = answer_ms.max(1);
        let frame = Box::new(welcome());
        life.tell(Input::SocketFrame { socket: 1, frame });
        life
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.link.handle(Millis(self.now), input);
        while let Some(output) = self.link.poll() {
            match output {
                Output::Send { frame, .. } => {
                    if let ClientFrame::Heartbeat(heartbeat) = *frame
                        && self.now < self.silent_from
                    {
                        let at = self.now + self.answer_ms;
                        self.answers.push((at, heartbeat.id.unwrap()));
                    }
                }
                Output::Tell(Notice::State { reason: Reason::HeartbeatTimeout, .. }) => {
                    self.dead_at = Some(self.now);
                }
                Output::OpenSocket { .. }
                | Output::CloseSocket { .. }
                | Output::Poll { .. }
                | Output::CancelPoll { .. }
                | Output::Probe { .. }
                | Output::WantToken
                | Output::Tell(_) => {}
            }
        }
    }

    /// The device is awake until then, or until the session is lost.
    pub(crate) fn wake_until(&mut self, until: u64) {
        while self.dead_at.is_none() {
            let wake = self.link.wake().map_or(u64::MAX, |wake| wake.at.0);
            let answer = self.answers.first().map_or(u64::MAX, |(at, _)| *at);
            if wake.min(answer) > until {
                break;
            }
            self.now = self.now.max(wake.min(answer));
            if answer <= wake { self.on_activity() } else { self.tell(Input::Tick) }
        }
        self.now = self.now.max(until);
    }

    pub(crate) fn sleep(&mut self, span: u64, first: First) {
        self.now += span;
        match first {
            First::Time => self.tick_if_due(),
            First::Answers => {
                while self.answers.first().is_some_and(|(at, _)| *at <= self.now) {
                    self.on_activity();
                }
                self.tick_if_due();
            }
            First::Resumed => self.tell(Input::Resumed),
        }
    }

    fn tick_if_due(&mut self) {
        if self.link.wake().is_some_and(|wake| wake.at.0 <= self.now) {
            self.tell(Input::Tick);
        }
    }

    fn on_activity(&mut self) {
        let (_, id) = self.answers.remove(0);
        let timestamp = Scalar::number(0);
        let frame = ServerFrame::HeartbeatAck { id: Some(id), timestamp, server_time: time() };
        self.tell(Input::SocketFrame { socket: 1, frame: Box::new(frame) });
        let rtt = self.link.statistics(Millis(self.now)).last_answer_rtt;
        let most = self.answer_ms.max(UNNOTICED_MS);
        assert!(rtt.is_none_or(|rtt| rtt.0 <= most), "{rtt:?} was measured, of {most} at most");
    }
}

fn time() -> Box<str> {
    "2026-02-28T00:00:00.000Z".into()
}

fn welcome() -> ServerFrame {
    ServerFrame::Welcome(Box::new(Welcome {
        link: LinkId::new("link-0001").unwrap(),
        node: "n".into(),
        region: "r".into(),
        heartbeat: HeartbeatTerms { interval: 15_000, timeout: 10_000 },
        limits: LinkLimits {
            message_bytes: 1 << 20,
            queue_messages: 32,
            channels: 128,
            frames_per_second: 50,
            frames_burst: 200,
            publish_bytes_per_second: None,
            publish_bytes_burst: None,
        },
        crash_window_ms: 4_000,
        path_idle_limit_ms: None,
        token_expires_in_ms: None,
        server_time: time(),
    }))
}
