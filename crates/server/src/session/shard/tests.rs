//! The flush batches of a shard, with a socket that accepts as much as a test allows.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use steadfast_history::{HistoryConfig, MemoryLog, PageLimit, Publish};
use steadfast_hub::{Encoding, Grants, Transport};
use steadfast_protocol::{
    ChannelName, ChannelRequest, EventName, LinkId, Payload, Since, Timestamp,
};
use steadfast_websocket::outbound::text_frame;
use tokio::sync::Semaphore;

use steadfast_hub::Outgoing;

use super::*;
use crate::config::CompressionSettings;
use crate::net::socket::TryWrite;

/// Accepts `room` bytes, then no more. Calls `meanwhile` within each write.
#[derive(Default)]
struct Pipe {
    room: AtomicUsize,
    writes: AtomicUsize,
    taken: Mutex<Vec<u8>>,
    meanwhile: Mutex<Option<Box<dyn FnMut() + Send>>>,
}

impl std::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pipe")
    }
}

impl TryWrite for Pipe {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.fetch_add(1, Relaxed);
        if let Some(meanwhile) = &mut *self.meanwhile.lock() {
            meanwhile();
        }
        let taken = bytes.len().min(self.room.load(Relaxed));
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room.fetch_sub(taken, Relaxed);
        self.taken.lock().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn event(name: &str) -> Publish {
    Publish {
        channel: channel(name),
        event: EventName::new("progress").unwrap(),
        data: Payload::new("{\"n\": 1}").unwrap(),
        is_final: false,
        replace: None,
        idempotency_key: None,
    }
}

struct Stage {
    shard: Arc<Shard>,
    streams: MemoryLog,
    batch: FlushBatch,
    permits: Arc<Semaphore>,
}

struct Seat {
    key: SessionKey,
    waker: Arc<SessionWaker>,
    pipe: Arc<Pipe>,
}

impl Stage {
    fn new() -> Self {
        let compression = Arc::new(Compression::new(CompressionSettings::default()));
        let (hub, clock) = (HubConfig::default(), Clock::start());
        let shard = Shard::new(0, hub, clock, Arc::default(), compression);
        let (streams, batch) = (MemoryLog::new(HistoryConfig::default()), FlushBatch::default());
        Self { shard: Arc::new(shard), streams, batch, permits: Arc::new(Semaphore::new(1000)) }
    }

    /// A session that follows channel `a` and has nothing to do.
    fn follower(&mut self, room: usize) -> Seat {
        self.follower_of("a", room)
    }

    fn follower_of(&mut self, name: &str, room: usize) -> Seat {
        self.seat(name, room, false)
    }

    fn seat(&mut self, name: &str, room: usize, is_compressed: bool) -> Seat {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let pipe = Arc::new(Pipe { room: room.into(), ..Pipe::default() });
        let waker = Arc::<SessionWaker>::default();
        let wish = ChannelRequest { id: None, channel: channel(name), since: Since::Now };
        let opening = Opening {
            link: LinkId::new(&format!("follower-{}", COUNT.fetch_add(1, Relaxed))).unwrap(),
            address: None,
            identity: None,
            generation: 1,
            transport: Transport::WebSocket,
            encoding: Encoding::Frames,
            client: None,
            grants: Grants::everything(),
            expires: None,
            heartbeat: None,
            channels: vec![wish],
            time: Timestamp(0),
        };
        let socket = Arc::clone(&pipe) as Arc<dyn TryWrite>;
        let socket = ShardSocket { socket, is_compressed };
        let key = self.shard.open_shared(opening, &waker, Some(socket)).unwrap();
        let seat = Seat { key, waker, pipe };
        self.work(&seat);
        assert!(seat.is_called(), "the welcome is the owner's");
        seat
    }

    /// What the session's task does: takes until there is nothing.
    fn work(&mut self, seat: &Seat) -> Vec<u8> {
        let mut written = Vec::new();
        loop {
            match self.shard.take(seat.key, false) {
                TakenWork::Busy => panic!("no batch is on"),
                TakenWork::Rest(rest) => written.extend_from_slice(&rest),
                TakenWork::Work(work) => {
                    let is_idle = work.frames.is_empty() && work.read.is_none();
                    for frame in work.frames {
                        let Outgoing::Text(text) = frame else { panic!("{frame:?}") };
                        written.extend_from_slice(&text_frame(str::from_utf8(&text).unwrap()));
                    }
                    if let Some(read) = work.read {
                        let (name, since) = (&read.channel, &read.since);
                        let limit = PageLimit { is_thinned: false, ..read.limit };
                        let page = self.streams.read(Millis(0), name, since, limit);
                        self.shard.with(|hub, now| hub.page(now, seat.key, &read, page));
                    }
                    if is_idle {
                        return written;
                    }
                }
            }
        }
    }

    /// Publishes to `a` and lets the shard handle it. Returns the frame.
    fn publish(&mut self) -> Bytes {
        self.publish_to("a")
    }

    fn publish_to(&mut self, name: &str) -> Bytes {
        self.publish_event(event(name))
    }

    fn publish_event(&mut self, event: Publish) -> Bytes {
        let published = self.streams.publish(Millis(0), Timestamp(0), event).unwrap();
        let publication = published.publication.unwrap();
        let permit = Arc::clone(&self.permits).try_acquire_owned().unwrap();
        let frame = text_frame(str::from_utf8(publication.encoded.frame()).unwrap());
        self.shard.queue(&[ChannelUpdate::Published(publication)], &Arc::new(permit));
        assert!(!self.shard.turn(), "one is all that has arrived");
        frame
    }

    /// Writes to the next session of the queue; false if it is empty.
    fn batch(&mut self) -> bool {
        let is_anyone_ready = self.shard.state.lock().is_anyone_ready();
        let has_more = self.shard.batch(&mut self.batch);
        assert_eq!(has_more, self.shard.state.lock().is_anyone_ready());
        is_anyone_ready
    }
}

impl Seat {
    fn is_called(&self) -> bool {
        let wake = self.waker.ready.poll_notified(&Context::from_waker(Waker::noop()));
        matches!(wake, Poll::Ready(()))
    }

    fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut *self.pipe.taken.lock())
    }
}

#[test]
fn an_event_goes_to_every_member_without_its_owner() {
    let mut stage = Stage::new();
    let seats: Vec<Seat> = (0..200).map(|_| stage.follower(usize::MAX)).collect();
    let frame = stage.publish();
    let mut batches = 0;
    while stage.batch() {
        batches += 1;
    }
    assert_eq!(batches, 4, "at most 64 sessions are written to in one go");
    for seat in &seats {
        assert_eq!(seat.taken(), frame);
        assert!(!seat.is_called());
        assert_eq!(stage.work(seat), b"");
    }
}

#[test]
fn a_hot_channel_keeps_nobody_waiting_for_more_than_one_turn_of_all() {
    let mut stage = Stage::new();
    let hot: Vec<Seat> = (0..300).map(|_| stage.follower(usize::MAX)).collect();
    let quiet = stage.follower_of("b", usize::MAX);
    stage.publish();
    assert!(stage.batch());
    let frame = stage.publish_to("b");
    let mut batches = 0;
    // Every batch is followed by one more event to everybody.
    while quiet.pipe.writes.load(Relaxed) == 0 {
        assert!(stage.batch());
        stage.publish();
        batches += 1;
    }
    assert_eq!(
        (batches, &quiet.taken()[..]),
        (4, &frame[..]),
        "those before it in line, 64 a batch"
    );
    while stage.batch() {}
    let all = hot[0].taken();
    assert_eq!(String::from_utf8_lossy(&all).matches(r#""offset":"#).count(), 5);
    assert!(hot.iter().skip(1).all(|seat| seat.taken() == all), "joined or not, it is all there");
}

#[test]
fn frames_that_wait_for_one_socket_are_one_write() {
    let mut stage = Stage::new();
    let seat = stage.follower(usize::MAX);
    let frames = [stage.publish(), stage.publish(), stage.publish()].concat();
    assert!(stage.batch());
    assert!(!stage.batch());
    assert_eq!((seat.taken(), seat.pipe.writes.load(Relaxed)), (frames, 1));
}

#[test]
fn what_a_socket_does_not_take_comes_first_when_its_owner_writes() {
    let mut stage = Stage::new();
    let seat = stage.follower(10);
    let first = stage.publish();
    assert!(stage.batch());
    assert!(seat.is_called());
    assert_eq!(seat.taken(), first[..10]);
    // From now on the socket accepts anything, but the rest of a frame is not written yet.
    seat.pipe.room.store(usize::MAX, Relaxed);
    let second = stage.publish();
    while stage.batch() {}
    assert_eq!(seat.taken(), b"");
    assert_eq!(stage.work(&seat), [&first[10..], &second].concat());
    // The session's task has written everything: the shard writes the next frame.
    let third = stage.publish();
    assert!(stage.batch());
    assert_eq!(seat.taken(), third);
}

#[test]
fn a_socket_that_takes_nothing_is_its_owners() {
    let mut stage = Stage::new();
    let seat = stage.follower(0);
    let frame = stage.publish();
    assert!(stage.batch());
    assert!(seat.is_called());
    assert_eq!(stage.work(&seat), frame);
}

#[test]
fn while_a_round_writes_the_owner_waits_and_no_lock_is_held() {
    let mut stage = Stage::new();
    let seat = stage.follower(usize::MAX);
    let (shard, key, waker) = (Arc::clone(&stage.shard), seat.key, Arc::clone(&seat.waker));
    *seat.pipe.meanwhile.lock() = Some(Box::new(move || {
        assert!(matches!(shard.take(key, true), TakenWork::Busy));
        assert!(shard.leave(key, CloseCode::NORMAL, "bye").is_none());
        let wake = waker.ready.poll_notified(&Context::from_waker(Waker::noop()));
        assert!(wake.is_pending(), "the owner is called when the batch is over");
    }));
    let frame = stage.publish();
    assert!(stage.batch());
    assert_eq!(seat.taken(), frame);
    assert!(seat.is_called());
    let outcome = stage.shard.leave(key, CloseCode::NORMAL, "bye").unwrap();
    assert_eq!(outcome, LeaveResult { rest: Bytes::new(), has_had_ends: false });
    assert_eq!(stage.shard.with(|hub, _| hub.totals().connections), 0);
}

#[test]
fn who_leaves_is_given_the_rest_of_a_frame_that_was_begun() {
    let mut stage = Stage::new();
    let seat = stage.follower(4);
    let frame = stage.publish();
    assert!(stage.batch());
    let outcome = stage.shard.leave(seat.key, CloseCode::NORMAL, "bye").unwrap();
    assert_eq!(outcome.rest, frame[4..]);
}

/// P-94
#[test]
fn who_closes_while_the_end_is_being_written_has_had_it() {
    for (room, has_had_ends) in [(usize::MAX, true), (4, false)] {
        let mut stage = Stage::new();
        let seat = stage.follower(room);
        let (shard, key) = (Arc::clone(&stage.shard), seat.key);
        *seat.pipe.meanwhile.lock() = Some(Box::new(move || {
            // The peer has the end and closes; the batch has not noted that it is written.
            assert!(shard.leave(key, CloseCode::NORMAL, "bye").is_none());
        }));
        stage.publish_event(Publish { is_final: true, ..event("a") });
        while stage.batch() {}
        let outcome = stage.shard.leave(key, CloseCode::NORMAL, "bye").unwrap();
        assert_eq!(outcome.has_had_ends, has_had_ends, "room for {room} bytes");
    }
}

#[test]
fn an_owner_that_has_more_of_its_own_keeps_the_socket() {
    let mut stage = Stage::new();
    let seat = stage.follower(usize::MAX);
    assert!(matches!(stage.shard.take(seat.key, true), TakenWork::Work(_)));
    let frame = stage.publish();
    assert!(stage.batch());
    assert_eq!(seat.taken(), b"");
    assert!(seat.is_called());
    assert_eq!(stage.work(&seat), frame);
}

#[test]
fn a_close_is_its_owners() {
    let mut stage = Stage::new();
    let seat = stage.follower(usize::MAX);
    stage.publish();
    stage.shard.with(|hub, now| hub.close(now, seat.key, CloseCode::NORMAL, "enough"));
    while stage.batch() {}
    assert!(seat.is_called());
    assert_eq!(seat.taken(), b"", "what waits is dropped with the close");
    let TakenWork::Work(work) = stage.shard.take(seat.key, false) else { panic!("no work") };
    assert!(matches!(work.frames.front(), Some(Outgoing::Close { .. })));
}

#[test]
fn more_than_is_joined_is_its_owners_without_a_copy() {
    let mut stage = Stage::new();
    let seat = stage.follower(usize::MAX);
    let size = stage.publish().len();
    while stage.batch() {}
    seat.taken();
    assert!(size * 33 < 64 * 1024, "the queue's own limit comes later");
    let data = format!("\"{}\"", "x".repeat(70_000));
    let mut large = event("a");
    large.data = Payload::new(&data).unwrap();
    let published = stage.streams.publish(Millis(0), Timestamp(0), large).unwrap();
    let permit = Arc::clone(&stage.permits).try_acquire_owned().unwrap();
    let update = ChannelUpdate::Published(published.publication.unwrap());
    stage.shard.queue(&[update], &Arc::new(permit));
    stage.shard.turn();
    assert!(stage.batch());
    assert!(seat.is_called());
    assert_eq!(seat.taken(), b"");
    assert!(stage.work(&seat).len() > 70_000);
}

/// P-161
#[test]
fn those_who_agreed_share_one_compressed_copy_and_the_others_get_the_text() {
    let mut stage = Stage::new();
    let plain: Vec<Seat> = (0..70).map(|_| stage.seat("a", usize::MAX, false)).collect();
    let large = Publish {
        data: Payload::new(&format!("\"{}\"", "many words ".repeat(40))).unwrap(),
        ..event("a")
    };
    stage.publish_event(large.clone());
    while stage.batch() {}
    let counts = stage.shard.compression.counts();
    assert_eq!(counts.copies.load(Relaxed), 0, "nobody needs one");
    for seat in &plain {
        drop(seat.taken());
    }

    let packed: Vec<Seat> = (0..70).map(|_| stage.seat("a", usize::MAX, true)).collect();
    let (small, large) = (stage.publish(), stage.publish_event(large));
    while stage.batch() {}
    for seat in &plain {
        assert_eq!(seat.taken(), [&small[..], &large].concat());
    }
    let first = packed[0].taken();
    let frame = first.strip_prefix(&small[..]).expect("a small one goes as it is");
    let (header, copy) = frame.split_at(2);
    assert_eq!(header, [0xC1, u8::try_from(copy.len()).unwrap()]);
    let text = steadfast_websocket::Inflater::default().inflate(copy, large.len()).unwrap();
    assert!(large.ends_with(&text) && copy.len() < text.len() / 2);
    assert!(packed.iter().skip(1).all(|seat| seat.taken() == first));
    let counts = stage.shard.compression.counts();
    assert_eq!(counts.copies.load(Relaxed), 1);
    assert_eq!(counts.messages.load(Relaxed), 70);
    assert_eq!(counts.bytes_before.load(Relaxed), 70 * text.len() as u64);
    assert_eq!(counts.bytes_after.load(Relaxed), 70 * copy.len() as u64);
}
