//! A shell and a server that do as they please. What they do is drawn by weights, so that links
//! come up often enough for the rest to matter.

use steadfast_link::{
    Config, DialFailure, Input, Link, NetworkKey, NetworkKind, Output, PollFailure,
};
use steadfast_machine::{Machine as _, Millis};
use steadfast_protocol::{
    ChannelName, ClientFrame, CloseCode, Epoch, ErrorFrame, Event, EventName, Gap, GapCause,
    GoAway, HeartbeatTerms, LinkId, LinkLimits, Payload, PollAnswer, PollEvent, PollPage, Position,
    Scalar, ServerFrame, Since, Subscribed, Superseded, Token, Welcome,
};

use crate::watch::Watch;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    pub(crate) kind: u8,
    pub(crate) a: u16,
    pub(crate) b: u16,
}

/// The link, and what its shell knows.
pub(crate) struct World {
    link: Link,
    now: u64,
    socket: u32,
    poll: u32,
    request: Option<Scalar>,
    heartbeat: Option<Scalar>,
    publish: Option<Scalar>,
    ticket: u64,
    is_dialling: bool,
    is_greeting: bool,
    /// Where the events of each channel have got to, so that most of them come in order.
    next: [u64; 3],
}

impl World {
    pub(crate) fn new(seed: u32) -> Self {
        let mut config = Config::new(LinkId::new("link-0001").unwrap(), seed);
        config.channels_max = 2;
        config.endpoints = if seed.is_multiple_of(2) { 1 } else { 2 };
        config.publish_messages_max = 4;
        Self {
            link: Link::new(config),
            now: 0,
            socket: 0,
            poll: 0,
            request: None,
            heartbeat: None,
            publish: None,
            ticket: 0,
            is_dialling: false,
            is_greeting: false,
            next: [1; 3],
        }
    }

    pub(crate) fn begin(&mut self, watch: &mut Watch) {
        self.tell(Input::Subscribe { channel: channel(0), since: Since::Start }, watch);
        self.tell(Input::Connect, watch);
    }

    pub(crate) fn step(&mut self, act: Act, watch: &mut Watch) {
        self.pass_time(act, watch);
        let input = self.input(act);
        self.tell(input, watch);
    }

    /// Nothing more happens: the link never wakes in vain for ever.
    pub(crate) fn idle(&mut self, watch: &mut Watch) {
        for _ in 0..50 {
            let Some(wake) = self.link.wake() else { break };
            self.now = self.now.max(wake.at.0);
            self.tick(watch);
        }
        self.tell(Input::Close, watch);
        assert_eq!(watch.unanswered(), 0, "a publish was dropped silently");
    }

    fn pass_time(&mut self, act: Act, watch: &mut Watch) {
        let span = match (act.a / 7) % 16 {
            0 => 0,
            1..=9 => u64::from(act.b % 50),
            10..=12 => u64::from(act.b % 3000),
            13 | 14 => u64::from(act.b % 20_000),
            _ => u64::from(act.b) * 20,
        };
        let until = self.now + span;
        let oversleeps = act.b % 32 == 3;
        while !oversleeps
            && let Some(wake) = self.link.wake()
            && wake.at.0 < until
        {
            self.now = self.now.max(wake.at.0);
            self.tick(watch);
        }
        self.now = until;
    }

    fn tick(&mut self, watch: &mut Watch) {
        self.tell(Input::Tick, watch);
        if let Some(wake) = self.link.wake() {
            assert!(wake.at.0 > self.now, "woken at {} for {wake:?}", self.now);
        }
    }

    fn tell(&mut self, input: Input, watch: &mut Watch) {
        let wake = self.link.wake().map(|wake| wake.at.0);
        watch.before(&input);
        watch.time(self.now, wake, &input);
        self.link.handle(Millis(self.now), input);
        while let Some(output) = self.link.poll() {
            watch.after(self.now, &output);
            self.note(&output);
        }
        watch.detach_session(self.now, self.link.state());
        let statistics = self.link.statistics(Millis(self.now));
        assert!(statistics.availability <= 10_000);
        assert!(statistics.realtime_availability <= statistics.availability);
        let ended = statistics.successful_reconnects + statistics.failed_reconnects;
        assert!((ended..=ended + 1).contains(&statistics.total_reconnects));
    }

    fn note(&mut self, output: &Output) {
        match output {
            Output::OpenSocket { socket, .. } => {
                self.socket = *socket;
                self.is_dialling = true;
                self.is_greeting = false;
            }
            Output::Poll { poll, .. } => self.poll = *poll,
            Output::Send { frame, .. } => match &**frame {
                ClientFrame::Subscribe(request) => self.request.clone_from(&request.id),
                ClientFrame::Refresh { id, .. } => self.request.clone_from(id),
                ClientFrame::Heartbeat(heartbeat) => self.heartbeat.clone_from(&heartbeat.id),
                ClientFrame::Publish(publish) => self.publish.clone_from(&publish.id),
                ClientFrame::Hello(_) => {
                    self.request = None;
                    self.is_greeting = true;
                }
                ClientFrame::Unsubscribe { .. }
                | ClientFrame::Ping { .. }
                | ClientFrame::Pong { .. } => {}
            },
            Output::CloseSocket { .. }
            | Output::CancelPoll { .. }
            | Output::Probe { .. }
            | Output::WantToken
            | Output::Tell(_) => {}
        }
    }

    fn input(&mut self, Act { kind, a, b }: Act) -> Input {
        let socket = self.socket;
        if self.is_dialling && !a.is_multiple_of(4) {
            self.is_dialling = false;
            return match b % 4 {
                0 => Input::SocketFailed { socket, failure: dial_failure(a) },
                _ => Input::SocketOpened { socket },
            };
        }
        if self.is_greeting && !a.is_multiple_of(8) {
            self.is_greeting = false;
            return self.frame(welcome(a, b));
        }
        match kind {
            0 | 1 => Input::Connect,
            2 => Input::Retry,
            3..=5 => Input::Subscribe { channel: channel(a), since: since(b) },
            6 => Input::Unsubscribe { channel: channel(a) },
            7 if b.is_multiple_of(3) => Input::TokenUnavailable,
            7 | 8 => Input::Token((!b.is_multiple_of(4)).then(|| Token::new("t"))),
            9 => Input::Close,
            10..=13 => Input::Online,
            14 | 15 => Input::Offline,
            16 => Input::NetworkChanged { kind: NetworkKind::Unknown, key: None },
            17 => Input::NetworkChanged { kind: NetworkKind::Wifi, key: NetworkKey::new("home") },
            18 => Input::WeakNetwork(a.is_multiple_of(2)),
            19 => Input::Foreground,
            20 => Input::Background,
            21..=23 => Input::Resumed,
            24..=28 => Input::SocketClosed { socket, code: close_code(a) },
            29 => Input::SocketClosed { socket: u32::from(a % 8), code: close_code(b) },
            30..=33 => Input::SocketAlive { socket },
            34..=60 => Input::Polled { poll: self.poll, outcome: self.outcome(a, b) },
            61..=75 => Input::Probed { is_ok: !a.is_multiple_of(4) },
            76..=100 => self.subscribed(a, b),
            101..=110 => self.frame(ServerFrame::HeartbeatAck {
                id: self.heartbeat.clone(),
                timestamp: Scalar::number(0),
                server_time: time(),
            }),
            111 | 112 => self.frame(ServerFrame::Ping { id: None }),
            113 => self.frame(ServerFrame::Refreshed {
                id: self.request.clone(),
                expires_in_ms: (a % 3 > 0).then(|| u64::from(b) * 8),
            }),
            114 | 115 => self.frame(ServerFrame::GoAway(GoAway {
                reason: "drain".into(),
                after_ms: u64::from(a % 5000),
                spread_ms: u64::from(b % 5000),
                to: (a.is_multiple_of(2)).then(|| "wss://other/v1/ws".into()),
            })),
            116..=118 => self.frame(ServerFrame::Finished { channel: channel(a) }),
            119..=122 => self.frame(ServerFrame::Error(ErrorFrame {
                id: (a.is_multiple_of(2)).then(|| self.request.clone()).flatten(),
                channel: Some(channel(b)),
                code: "forbidden".into(),
                message: "no".into(),
                retry: !a.is_multiple_of(3),
                retry_after_ms: None,
            })),
            123..=140 => self.superseded(a, b),
            141..=149 => Input::Tick,
            150..=165 => self.published(a),
            166..=181 => self.publish_answered(a, b),
            182..=255 => self.event(a, b),
        }
    }

    fn frame(&self, frame: ServerFrame) -> Input {
        Input::SocketFrame { socket: self.socket, frame: Box::new(frame) }
    }

    fn offset(&mut self, a: u16, b: u16) -> u64 {
        let next = &mut self.next[usize::from(a % 3)];
        let offset = match b % 16 {
            0 => u64::from(b / 16) % 20,
            1 => *next + 1,
            _ => *next,
        };
        *next = offset + 1;
        offset
    }

    fn event(&mut self, a: u16, b: u16) -> Input {
        let offset = self.offset(a, b);
        self.frame(ServerFrame::Event(Event {
            channel: channel(a),
            epoch: (b % 32 == 7).then(|| epoch(b)),
            offset,
            event: EventName::new("progress").unwrap(),
            data: Payload::null(),
            time: time(),
        }))
    }

    fn superseded(&mut self, a: u16, b: u16) -> Input {
        let from = self.offset(a, b);
        let to = from + u64::from(a % 3);
        self.next[usize::from(a % 3)] = to + 1;
        self.frame(ServerFrame::Superseded(Superseded { channel: channel(a), from, to }))
    }

    fn published(&mut self, a: u16) -> Input {
        self.ticket += 1;
        Input::Publish {
            ticket: self.ticket,
            channel: channel(a),
            event: EventName::new("progress").unwrap(),
            data: Payload::null(),
            is_final: false,
            replace: None,
        }
    }

    fn publish_answered(&mut self, a: u16, b: u16) -> Input {
        let id = self.publish.clone();
        if a.is_multiple_of(3) {
            let (code, message) = ("broker_unavailable".into(), "later".into());
            let retry = !b.is_multiple_of(4);
            let channel = Some(channel(b));
            return self.frame(ServerFrame::Error(ErrorFrame {
                id,
                channel,
                code,
                message,
                retry,
                retry_after_ms: None,
            }));
        }
        self.frame(ServerFrame::Published {
            id,
            epoch: epoch(0),
            offset: u64::from(b),
            repeated: false,
        })
    }

    fn subscribed(&mut self, a: u16, b: u16) -> Input {
        let channel = channel(a);
        let position = self.link.position(&channel).cloned();
        let epoch = if b % 16 == 5 { epoch(b) } else { known_epoch(position.as_ref()) };
        let offset = match b % 8 {
            0 => u64::from(b / 8) % 12,
            _ => position.as_ref().map_or(0, |position| position.offset),
        };
        self.next[usize::from(a % 3)] = offset + 1;
        let to = Position::new(epoch.clone(), offset);
        let gap = position.filter(|_| b.is_multiple_of(3));
        let gap = gap.map(|from| Gap { from, to, cause: GapCause::Retention });
        let id = if a.is_multiple_of(3) { None } else { self.request.clone() };
        let recovered = gap.is_none();
        let frame = Subscribed { id, channel, epoch, offset, head: offset, recovered, gap };
        self.frame(ServerFrame::Subscribed(Box::new(frame)))
    }

    fn outcome(&mut self, a: u16, b: u16) -> Result<Box<PollAnswer>, PollFailure> {
        match b % 32 {
            0 => return Err(PollFailure::Busy { retry_after_ms: u64::from(a) }),
            1 => return Err(PollFailure::Unauthorized),
            2 => return Err(PollFailure::Refused),
            3..=8 => return Err(PollFailure::Unreachable),
            _ => {}
        }
        let channel = channel(a);
        let position = self.link.position(&channel).cloned();
        let epoch = if b % 64 == 9 { epoch(a) } else { known_epoch(position.as_ref()) };
        let behind =
            position.map_or(0, |position| position.offset) + u64::from(b.is_multiple_of(7));
        let events = (1..=u64::from(a % 4)).map(|n| PollEvent {
            offset: behind + n,
            event: EventName::new("progress").unwrap(),
            data: Payload::null(),
            time: time(),
        });
        let events: Vec<_> = events.collect();
        let offset = behind + u64::from(a % 4);
        let is_final = b.is_multiple_of(61);
        let page = PollPage { channel, epoch, offset, events, is_final, gap: None };
        let next_poll_ms = u64::from(a % 2000);
        Ok(Box::new(PollAnswer { pages: vec![page], refused: Vec::new(), next_poll_ms }))
    }
}

fn channel(n: u16) -> ChannelName {
    ChannelName::new(["a:1", "b:2", "c:3"][usize::from(n % 3)]).unwrap()
}

fn epoch(n: u16) -> Epoch {
    Epoch::new(["e1", "e2", "e3"][usize::from(n % 3)]).unwrap()
}

fn known_epoch(position: Option<&Position>) -> Epoch {
    position.map_or_else(|| epoch(0), |position| position.epoch.clone())
}

fn time() -> Box<str> {
    "2026-02-28T00:00:00.000Z".into()
}

fn since(n: u16) -> Since {
    match n % 4 {
        0 => Since::Now,
        1 => Since::After(Position::new(epoch(n), u64::from(n % 5))),
        _ => Since::Start,
    }
}

fn close_code(n: u16) -> CloseCode {
    let codes =
        [1000, 1001, 1005, 1006, 1006, 1006, 1012, 1013, 4000, 4002, 4101, 4200, 4202, 4300, 4401];
    CloseCode(codes[usize::from(n) % codes.len()])
}

fn dial_failure(n: u16) -> DialFailure {
    match n % 16 {
        0 => DialFailure::Refused,
        1..=3 => DialFailure::Busy { retry_after_ms: u64::from(n) },
        4 => DialFailure::Portal,
        5..=10 => DialFailure::Blocked,
        _ => DialFailure::Unreachable,
    }
}

fn welcome(a: u16, b: u16) -> ServerFrame {
    ServerFrame::Welcome(Box::new(Welcome {
        link: LinkId::new("link-0001").unwrap(),
        node: "n".into(),
        region: "r".into(),
        heartbeat: HeartbeatTerms {
            interval: if a % 8 == 1 { u64::from(b) * 8 } else { 15_000 },
            timeout: if a % 8 == 2 { u64::from(b) } else { 10_000 },
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
        crash_window_ms: u64::from(b),
        path_idle_limit_ms: None,
        token_expires_in_ms: (a % 4 == 1).then(|| u64::from(b) * 8),
        server_time: time(),
    }))
}
