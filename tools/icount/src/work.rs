//! The work that is counted, on the pure parts alone: no socket, no task, no time. In: its name and
//! how often. Out: nothing; it fails where the parts do not do what they should.

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use steadfast_history::{HistoryConfig, MemoryLog, PageLimit, Publication, Publish};
use steadfast_hub::{Encoding, Grants, Hub, HubConfig, Opening, SessionKey, Transport};
use steadfast_machine::Millis;
use steadfast_protocol::codec::json;
use steadfast_protocol::{
    ChannelName, ChannelRequest, ClientFrame, EventName, Limits, LinkId, Payload, Position, Since,
    Timestamp,
};
use steadfast_websocket::{self as websocket, Inbound, Joined, Message};

/// Sessions that follow the channel.
const MEMBERS: u64 = 1_000;
/// Frames that wait for each session.
const WAITING: usize = 8;
/// Events in the history that is resumed from.
const KEPT: u64 = 5_000;
/// More bytes than ever wait here.
const BYTES_MAX: usize = 1024 * 1024;

/// Does the named work so often.
pub(crate) fn run(name: &str, times: u64) -> anyhow::Result<()> {
    match name {
        "frames-in" => frames_in(times),
        "frames-out" => frames_out(times),
        "publish" => publish(times),
        "fan-out" => fan_out(times),
        "resume" => resume(times),
        other => bail!("there is no work {other:?}"),
    }
}

/// Heartbeats as a client sends them, masked, to decoded frames.
fn frames_in(times: u64) -> anyhow::Result<()> {
    let text = r#"{"type":"heartbeat","id":12,"timestamp":1790000000000,"next_ms":15000}"#;
    let mask = [0x11, 0x22, 0x33, 0x44];
    let length = u8::try_from(text.len())?;
    let masked = text.bytes().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
    let header = [0x81, 0x80 | length].into_iter().chain(mask);
    let wire: Vec<u8> = header.chain(masked).collect();
    let mut inbound = Inbound::new(websocket::Limits::default());
    for _ in 0..times {
        let mut bytes = wire.clone();
        let mut feed = inbound.feed(&mut bytes);
        let Some(Message::Text(text)) = feed.poll()? else { bail!("no text") };
        let frame = json::client_frame(&text, &Limits::default());
        ensure!(matches!(frame, Ok(ClientFrame::Heartbeat(_))), "{frame:?}");
    }
    Ok(())
}

/// Payloads that wait for one socket to the bytes of one write, never the same twice.
fn frames_out(times: u64) -> anyhow::Result<()> {
    let payloads = |byte| (0..WAITING).map(|_| Bytes::from(vec![byte; 200])).collect::<Vec<_>>();
    let turns = [payloads(b'a'), payloads(b'b')];
    let mut joined = Joined::default();
    let mut left = times;
    for turn in turns.iter().cycle() {
        if left == 0 {
            break;
        }
        let bytes = joined.of(turn);
        ensure!(bytes.len() == WAITING * 204, "{} bytes", bytes.len());
        left = left.saturating_sub(WAITING as u64);
    }
    Ok(())
}

/// Events to a channel that keeps them.
fn publish(times: u64) -> anyhow::Result<()> {
    let mut stage = Stage::new()?;
    for at in 1..=times {
        ensure!(stage.publish()?.offset == at);
    }
    Ok(())
}

/// Events to a thousand sessions, and what each is to be written.
fn fan_out(deliveries: u64) -> anyhow::Result<()> {
    let mut stage = Stage::new()?;
    let sessions = (0..MEMBERS).map(|at| stage.follow(at)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut frames = Vec::new();
    for _ in 0..deliveries / MEMBERS {
        let publication = stage.publish()?;
        stage.hub.publication(Millis(1), &publication);
        while stage.hub.poll().is_some() {}
        for key in &sessions {
            ensure!(stage.hub.take_text(Millis(1), *key, BYTES_MAX, &mut frames), "no text");
            stage.hub.written(Millis(1), *key);
        }
        ensure!(frames.len() as u64 == MEMBERS, "{} deliveries", frames.len());
        frames.clear();
    }
    Ok(())
}

/// A session that missed events reads them from history, page by page.
fn resume(events: u64) -> anyhow::Result<()> {
    let mut stage = Stage::new()?;
    let mut epoch = None;
    for _ in 0..KEPT {
        epoch = Some(stage.publish()?.epoch.clone());
    }
    let epoch = epoch.context("nothing was published")?;
    let last = Position::new(epoch, KEPT.saturating_sub(events));
    let key = stage.open(0, Since::After(last))?;
    ensure!(stage.catch_up(key)? >= events, "some were not resumed");
    Ok(())
}

struct Stage {
    hub: Hub,
    streams: MemoryLog,
    channel: ChannelName,
    event: EventName,
    data: Payload,
}

impl Stage {
    fn new() -> anyhow::Result<Self> {
        let data = format!(r#"{{"step":12,"text":"{}"}}"#, "x".repeat(120));
        Ok(Self {
            hub: Hub::new(HubConfig::default(), Millis(0)),
            streams: MemoryLog::new(HistoryConfig::default()),
            channel: ChannelName::new("counts:1")?,
            event: EventName::new("progress")?,
            data: Payload::new(&data)?,
        })
    }

    fn publish(&mut self) -> anyhow::Result<std::sync::Arc<Publication>> {
        let publish = Publish {
            channel: self.channel.clone(),
            event: self.event.clone(),
            data: self.data.clone(),
            is_final: false,
            replace: None,
            idempotency_key: None,
        };
        let published = self.streams.publish(Millis(1), Timestamp(0), publish);
        let Ok(published) = published else { bail!("{published:?}") };
        published.publication.context("no publication")
    }

    fn open(&mut self, at: u64, since: Since) -> anyhow::Result<SessionKey> {
        let opening = Opening {
            link: LinkId::new(&format!("link-{at:08}"))?,
            address: None,
            identity: None,
            generation: 1,
            transport: Transport::WebSocket,
            encoding: Encoding::Frames,
            client: None,
            grants: Grants::everything(),
            expires: None,
            heartbeat: None,
            channels: vec![ChannelRequest { id: None, channel: self.channel.clone(), since }],
            time: Timestamp(0),
        };
        let opened = self.hub.open(Millis(0), opening);
        opened.map_err(|error| anyhow::anyhow!("{error:?}"))
    }

    /// A session that is live.
    fn follow(&mut self, at: u64) -> anyhow::Result<SessionKey> {
        let key = self.open(at, Since::Now)?;
        self.catch_up(key)?;
        Ok(key)
    }

    /// Does what the session has to do, until there is nothing; how many events that was at least.
    fn catch_up(&mut self, key: SessionKey) -> anyhow::Result<u64> {
        let mut frames = 0;
        loop {
            let work = self.hub.take(Millis(1), key);
            frames += work.frames.len() as u64;
            let Some(read) = work.read else {
                if work.frames.is_empty() {
                    while self.hub.poll().is_some() {}
                    return Ok(frames);
                }
                continue;
            };
            let limit = PageLimit { is_thinned: true, ..read.limit };
            let page = self.streams.read(Millis(1), &read.channel, &read.since, limit);
            self.hub.page(Millis(1), key, &read, page);
        }
    }
}
