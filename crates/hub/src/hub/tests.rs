//! The hub with the memory broker behind it, driven in virtual time.

mod delivery;
mod life;
mod limits;
mod refresh;
mod requests;
mod timelines;
mod users;

use alloc::string::String;
use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::codec::json;
use steadfast_protocol::codec::sse::EVENT_END;
use steadfast_protocol::{
    ChannelName, ChannelRequest, EventName, HeartbeatTerms, Limits, LinkId, Payload, ReplaceKey,
    Since, Timestamp,
};

use super::{Hub, OpenError, Opening, Output};
use crate::{
    Encoding, FrameRequest, Grants, HubConfig, Outgoing, SessionKey, SessionReport, StreamEvent,
    Transport,
};
use steadfast_history::{HistoryConfig, MemoryLog, Publish};

/// A hub, its broker, and the time.
struct TestHub {
    hub: Hub,
    streams: MemoryLog,
    now: Millis,
    ended: Vec<SessionReport>,
}

impl TestHub {
    fn new() -> Self {
        Self::with(HubConfig::default(), HistoryConfig::default())
    }

    fn with(config: HubConfig, streams: HistoryConfig) -> Self {
        let now = Millis(1_000);
        Self {
            hub: Hub::new(config, now),
            streams: MemoryLog::new(streams),
            now,
            ended: Vec::new(),
        }
    }

    fn opening(link: &str, generation: u64, channels: &[(&str, Since)]) -> Opening {
        Opening {
            link: LinkId::new(link).unwrap(),
            address: None,
            identity: None,
            generation,
            transport: Transport::WebSocket,
            encoding: Encoding::Frames,
            client: None,
            grants: Grants::everything(),
            expires: None,
            heartbeat: Some(HeartbeatTerms { interval: 15_000, timeout: 10_000 }),
            channels: channels.iter().map(|(name, since)| request(name, since)).collect(),
            time: Timestamp(0),
        }
    }

    fn open(&mut self, link: &str, channels: &[(&str, Since)]) -> SessionKey {
        self.hub.open(self.now, Self::opening(link, 1, channels)).unwrap()
    }

    fn publish(&mut self, publish: Publish) {
        let published = self.streams.publish(self.now, Timestamp(0), publish).unwrap();
        if let Some(publication) = published.publication {
            self.hub.publication(self.now, &publication);
        }
    }

    fn say(&mut self, key: SessionKey, text: &str) {
        let frame = json::client_frame(text, &Limits::default());
        let request = self.hub.frame(self.now, Timestamp(0), key, text.len(), frame);
        if let Some(FrameRequest::Publish { id, publish }) = request {
            let result = self.streams.publish(self.now, Timestamp(0), publish);
            let answer = result.map(|published| {
                if let Some(publication) = &published.publication {
                    self.hub.publication(self.now, publication);
                }
                published.into_receipt()
            });
            self.hub.published(self.now, key, id, answer);
        }
    }

    /// One turn of the session's owner: take, write, read what is asked for.
    fn turn(&mut self, key: SessionKey) -> Vec<Outgoing> {
        let work = self.hub.take(self.now, key);
        if let Some(read) = &work.read {
            let page = self.streams.read(self.now, &read.channel, &read.since, read.limit);
            self.hub.page(self.now, key, read, page);
        }
        work.frames.into()
    }

    /// Turns until nothing is left, as a session that reads at once.
    fn drain(&mut self, key: SessionKey) -> Vec<Outgoing> {
        let mut all = Vec::new();
        let mut idle = 0;
        while idle < 2 {
            let frames = self.turn(key);
            idle = if frames.is_empty() { idle + 1 } else { 0 };
            all.extend(frames);
        }
        all
    }

    /// What a draining session is told, as it is sent.
    fn texts(&mut self, key: SessionKey) -> Vec<String> {
        let all = self.drain(key);
        let texts = all.iter().filter_map(|item| match item {
            Outgoing::Text(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
            Outgoing::StreamEvent(event) => Some(stream_text(event)),
            Outgoing::Ping | Outgoing::Signal | Outgoing::Close { .. } => None,
        });
        texts.collect()
    }

    /// What a draining session is told, a line each.
    fn heard(&mut self, key: SessionKey) -> Vec<String> {
        self.drain(key).iter().map(brief).collect()
    }

    fn pass(&mut self, milliseconds: u64) {
        let end = Millis(self.now.0 + milliseconds);
        while self.hub.wake().at <= end {
            self.now = self.hub.wake().at.max(self.now);
            self.hub.tick(self.now);
        }
        self.now = end;
    }

    fn outputs(&mut self) -> Vec<SessionKey> {
        let mut ready = Vec::new();
        while let Some(output) = self.hub.poll() {
            match output {
                Output::Ready(key) => ready.push(key),
                Output::Ended(report) => self.ended.push(report),
            }
        }
        ready
    }
}

fn request(name: &str, since: &Since) -> ChannelRequest {
    ChannelRequest { id: None, channel: ChannelName::new(name).unwrap(), since: since.clone() }
}

fn event(channel: &str) -> Publish {
    Publish {
        channel: ChannelName::new(channel).unwrap(),
        event: EventName::new("progress").unwrap(),
        data: Payload::null(),
        is_final: false,
        replace: None,
        idempotency_key: None,
    }
}

fn replacing(channel: &str, key: &str) -> Publish {
    Publish { replace: Some(ReplaceKey::new(key).unwrap()), ..event(channel) }
}

fn last(channel: &str) -> Publish {
    Publish { is_final: true, ..event(channel) }
}

/// An event of an event stream as it is sent.
fn stream_text(event: &StreamEvent) -> String {
    String::from_utf8([&event.head, &event.frame, EVENT_END].concat()).unwrap()
}

/// `event 3`, `subscribed 0/5`, `superseded 1-4`, `close 4401` …
fn brief(item: &Outgoing) -> String {
    use alloc::format;
    let text = match item {
        Outgoing::Text(text) => core::str::from_utf8(text).unwrap(),
        Outgoing::StreamEvent(event) => return stream_text(event),
        Outgoing::Ping => return "ws ping".into(),
        Outgoing::Signal => return "signal".into(),
        Outgoing::Close { code, .. } => return format!("close {code}"),
    };
    let json: serde_json::Value = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(_) => return text.into(),
    };
    let kind = json["type"].as_str().unwrap_or("?");
    match kind {
        "event" => format!("event {}", json["offset"]),
        "subscribed" if json["gap"].is_object() => {
            let cause = json["gap"]["cause"].as_str().unwrap_or("?");
            format!("gap {cause} to {}", json["gap"]["to"]["offset"])
        }
        "subscribed" => format!("subscribed {}/{}", json["offset"], json["head"]),
        "superseded" => format!("superseded {}-{}", json["from"], json["to"]),
        "error" => format!("error {}", json["code"].as_str().unwrap_or("?")),
        _ => kind.into(),
    }
}
