//! Lives of a hub whose sessions do what the bytes say: frames, reads, closes, time. Every event
//! reaches a follower once and in order, or is told as a gap, and nothing is left of who has gone.

use std::collections::BTreeMap;

use steadfast_history::{HistoryConfig, MemoryLog, PageLimit, Publish, Retention};
use steadfast_hub::{
    Encoding, FrameRequest, Grants, Hub, HubConfig, Identity, Opening, Outgoing, Output,
    SessionKey, Transport,
};
use steadfast_machine::{Millis, Span};
use steadfast_protocol::codec::json;
use steadfast_protocol::{
    ChannelName, ChannelRequest, CloseCode, EventName, LinkId, Payload, ServerFrame, Since,
    Timestamp,
};

const LINKS: u8 = 3;
const CHANNELS: u8 = 3;
const TIME: Timestamp = Timestamp(1_800_000_000_000);

struct Life {
    hub: Hub,
    log: MemoryLog,
    now: Millis,
    sessions: Vec<SessionKey>,
    generation: u64,
    /// By session and channel: the last offset that it was given.
    given: BTreeMap<(SessionKey, ChannelName), u64>,
}

/// Each pair of bytes is a step: what happens, and to whom.
pub(crate) fn life(bytes: &[u8]) {
    let mut life = Life {
        hub: Hub::new(HubConfig { queue_messages_max: 4, ..HubConfig::default() }, Millis(0)),
        log: MemoryLog::new(HistoryConfig {
            retention: Retention { events_max: 8, ..Retention::default() },
            ..HistoryConfig::default()
        }),
        now: Millis(0),
        sessions: Vec::new(),
        generation: 0,
        given: BTreeMap::new(),
    };
    for step in bytes.chunks_exact(2).take(2_000) {
        life.step(step[0], step[1]);
    }
    life.end();
}

impl Life {
    fn step(&mut self, kind: u8, which: u8) {
        let channel = name(which % CHANNELS);
        let session = self.sessions.get(usize::from(which) % self.sessions.len().max(1)).copied();
        match (kind % 9, session) {
            (0, _) => self.open(which),
            (1 | 2, _) => self.publish(&channel, which),
            (3, _) => {
                self.now += Span(u64::from(which) * 50);
                self.hub.tick(self.now);
            }
            (4, Some(key)) => {
                let text = frame(which, &channel);
                let decoded = json::client_frame(&text, &HubConfig::default().limits);
                if let Some(FrameRequest::Publish { id, publish }) =
                    self.hub.frame(self.now, TIME, key, text.len(), decoded)
                {
                    let published = self.log.publish(self.now, TIME, publish);
                    let publication =
                        published.as_ref().ok().and_then(|one| one.publication.clone());
                    if let Some(publication) = publication {
                        self.hub.publication(self.now, &publication);
                    }
                    let receipt = published.map(steadfast_history::Published::into_receipt);
                    self.hub.published(self.now, key, id, receipt);
                }
            }
            (5, Some(key)) => self.hub.closed(self.now, key, CloseCode::NORMAL, "gone"),
            (6, Some(key)) => self.hub.close(self.now, key, CloseCode::DRAINING, "go"),
            (7, _) => {
                self.log.delete(&channel);
                self.hub.forgotten(&channel);
            }
            (_, Some(key)) => self.take(key),
            (_, None) => {}
        }
        self.drain();
    }

    fn open(&mut self, which: u8) {
        self.generation += 1;
        let request =
            ChannelRequest { id: None, channel: name(which % CHANNELS), since: Since::Start };
        let link =
            LinkId::new(&format!("link-{:04}", which % LINKS)).unwrap_or_else(|e| panic!("{e}"));
        let opening = Opening {
            link,
            address: None,
            identity: Some(Identity::default().into()),
            generation: if which > 250 { 1 } else { self.generation },
            transport: Transport::WebSocket,
            encoding: Encoding::Frames,
            client: None,
            grants: Grants::everything(),
            expires: which.is_multiple_of(7).then_some(self.now + Span(5_000)),
            heartbeat: None,
            channels: vec![request; usize::from(which % 2)],
            time: TIME,
        };
        if let Ok(key) = self.hub.open(self.now, opening) {
            self.sessions.push(key);
        }
    }

    fn publish(&mut self, channel: &ChannelName, which: u8) {
        let publish = Publish {
            channel: channel.clone(),
            event: EventName::new("e").unwrap_or_else(|e| panic!("{e}")),
            data: Payload::new(&which.to_string()).unwrap_or_else(|e| panic!("{e}")),
            is_final: false,
            replace: None,
            idempotency_key: None,
        };
        if let Ok(published) = self.log.publish(self.now, TIME, publish)
            && let Some(publication) = published.publication
        {
            self.hub.publication(self.now, &publication);
        }
    }

    /// Takes what a session has to do, once, and reads what it asks for.
    fn take(&mut self, key: SessionKey) {
        let work = self.hub.take(self.now, key);
        for item in work.frames {
            if let Outgoing::Text(text) = item {
                let text = std::str::from_utf8(&text).unwrap_or_else(|e| panic!("{e}"));
                let frame = json::server_frame(text).unwrap_or_else(|e| panic!("{text}: {e}"));
                self.hear(key, frame.unwrap_or_else(|| panic!("an unknown frame: {text}")));
            }
        }
        if let Some(read) = work.read {
            let limit = PageLimit { events_max: 2, ..read.limit };
            let page = self.log.read(self.now, &read.channel, &read.since, limit);
            self.hub.page(self.now, key, &read, page);
        }
    }

    fn hear(&mut self, key: SessionKey, frame: ServerFrame) {
        match frame {
            ServerFrame::Subscribed(subscribed) => {
                let to = subscribed.offset;
                self.given.insert((key, subscribed.channel), to);
            }
            ServerFrame::Event(event) => {
                let given = self.given.get_mut(&(key, event.channel.clone()));
                let given = given.unwrap_or_else(|| panic!("an event of nothing that is followed"));
                assert_eq!(event.offset, *given + 1, "{} is out of order", event.channel);
                *given = event.offset;
            }
            ServerFrame::Welcome(_)
            | ServerFrame::Superseded(_)
            | ServerFrame::Finished { .. }
            | ServerFrame::Published { .. }
            | ServerFrame::Refreshed { .. }
            | ServerFrame::HeartbeatAck { .. }
            | ServerFrame::Pong { .. }
            | ServerFrame::Ping { .. }
            | ServerFrame::GoAway(_)
            | ServerFrame::Error(_) => {}
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.hub.poll() {
            if let Output::Ended(report) = output {
                self.sessions.retain(|key| *key != report.session);
            }
        }
    }

    /// All go: nothing is left.
    fn end(mut self) {
        for key in std::mem::take(&mut self.sessions) {
            for _ in 0..40 {
                self.take(key);
            }
            self.hub.closed(self.now, key, CloseCode::NORMAL, "the end");
        }
        self.drain();
        let totals = self.hub.totals();
        assert_eq!((totals.connections, totals.members, totals.channels), (0, 0, 0));
    }
}

fn name(which: u8) -> ChannelName {
    ChannelName::new(&format!("demo:{which}")).unwrap_or_else(|e| panic!("{e}"))
}

fn frame(which: u8, channel: &ChannelName) -> String {
    let kind = ["subscribe", "unsubscribe", "publish", "heartbeat", "ping", "nothing"];
    let kind = kind[usize::from(which / CHANNELS) % kind.len()];
    let event = if kind == "publish" { r#","event":"e","data":1"# } else { "" };
    format!(r#"{{"type":"{kind}","id":1,"channel":"{channel}"{event}}}"#)
}
