//! Links come to life: so many at once, so many a second, each within its time. In: the order to
//! open, time, what becomes of each. Out: connections begun, and in the end what became of all.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::count;
use super::link::{Link, Phase};
use super::{Worker, say};
use crate::clock::{self, MILLISECOND, SECOND};
use crate::figures::Times;
use crate::worker_protocol::{Opened, Opening, Word};

/// How often progress is told.
const PROGRESS_INTERVAL: u64 = 100 * MILLISECOND;
/// Failures after which no more links are begun, where not one came to life.
const HOPELESS_FAILURES: u64 = 100;
/// Links begun before sockets that wait are looked at again.
const BEGUN_MAX: usize = 64;

/// What is known while links are opened.
#[derive(Debug)]
pub(super) struct Opener {
    opening: Opening,
    links: usize,
    begun: usize,
    under_way: usize,
    live: u64,
    failed: BTreeMap<String, u64>,
    /// Links in the order of their deadlines.
    deadlines: VecDeque<(u64, usize)>,
    began_at: u64,
    ended_at: u64,
    told_at: u64,
    times: Times,
    /// More may be begun at once, and were left for the next look.
    has_more: bool,
}

impl Opener {
    pub(super) fn new(opening: Opening, links: usize, now: u64) -> Self {
        Self {
            opening,
            links,
            begun: 0,
            under_way: 0,
            live: 0,
            failed: BTreeMap::new(),
            deadlines: VecDeque::new(),
            began_at: now,
            ended_at: now,
            told_at: now,
            times: Times::default(),
            has_more: true,
        }
    }

    pub(super) fn next_due(&self) -> u64 {
        if self.has_more {
            return 0;
        }
        let deadline = self.deadlines.front().map_or(u64::MAX, |(due, _)| *due);
        let next = if self.has_room() { self.begins_at(self.begun) } else { u64::MAX };
        deadline.min(next)
    }

    /// When the link of this number may begin.
    fn begins_at(&self, number: usize) -> u64 {
        let Some(per_second) = self.opening.per_second else { return self.began_at };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time within a run is positive and far below 2^53 ns"
        )]
        let after = (number as f64 * SECOND as f64 / per_second) as u64;
        self.began_at + after
    }

    /// Whether it is of no use to go on: many have failed, and not one is live.
    fn is_hopeless(&self) -> bool {
        self.live == 0 && self.failures() >= HOPELESS_FAILURES
    }

    /// Whether another may begin, once its time has come.
    fn has_room(&self) -> bool {
        self.begun < self.links && !self.is_hopeless() && self.under_way < self.opening.at_once
    }

    fn may_begin(&self, now: u64) -> bool {
        self.has_room() && self.begins_at(self.begun) <= now
    }

    /// A link follows its channel, `took` after it was begun.
    pub(super) fn on_live(&mut self, took: u64, now: u64) {
        self.live += 1;
        self.under_way -= 1;
        self.ended_at = now;
        self.times.count(took);
    }

    /// A link will not.
    pub(super) fn on_failed(&mut self, why: String, now: u64) {
        count::add(&mut self.failed, why);
        self.under_way -= 1;
        self.ended_at = now;
    }

    #[cfg(test)]
    pub(super) fn failed(&self) -> &BTreeMap<String, u64> {
        &self.failed
    }

    /// Links that were not even begun have failed, too.
    fn count_left(&mut self) {
        let left = (self.links - self.begun) as u64;
        if left > 0 {
            self.failed.insert("not begun, since no other link came to life".into(), left);
        }
    }

    fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}

impl Worker {
    /// Begins links whose time has come, gives up those whose time is over, and says when all are
    /// done.
    pub(super) fn open_more(&mut self, now: u64) -> Result<(), String> {
        if self.opener.is_none() {
            return Ok(());
        }
        self.begin_more(now);
        self.give_up_late(now);
        let Some(opener) = &mut self.opener else { return Ok(()) };
        if (opener.begun == opener.links || opener.is_hopeless()) && opener.under_way == 0 {
            opener.count_left();
            let done = Opened {
                failed: std::mem::take(&mut opener.failed),
                members: self.count.members(),
                began_at: opener.began_at,
                ended_at: opener.ended_at,
                took: opener.times.counted(),
            };
            self.opener = None;
            return say(&Word::Opened(Box::new(done)));
        }
        if now.saturating_sub(opener.told_at) >= PROGRESS_INTERVAL {
            opener.told_at = now;
            let (live, failed) = (opener.live, opener.failures());
            return say(&Word::Progress { live, failed });
        }
        Ok(())
    }

    fn begin_more(&mut self, now: u64) {
        for _ in 0..BEGUN_MAX {
            let Some(opener) = &mut self.opener else { return };
            opener.has_more = opener.may_begin(now);
            if !opener.has_more {
                return;
            }
            let at = opener.begun;
            opener.begun += 1;
            opener.under_way += 1;
            let now = clock::now();
            opener.deadlines.push_back((now + opener.opening.patience, at));
            if let Err(error) = self.begin(at, now) {
                self.on_end(at, format!("no connection: {error}"), now);
            }
        }
    }

    fn begin(&mut self, at: usize, now: u64) -> io::Result<()> {
        let link = &mut self.links[at];
        link.phase = Phase::Dialling;
        link.begun_at = now;
        link.channel = (self.share.first + at) % self.share.channels;
        let mut stream = dial(self.share.target.address, self.share.source)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(at), interest)?;
        link.stream = Some(stream);
        Ok(())
    }

    fn give_up_late(&mut self, now: u64) {
        loop {
            let Some(opener) = &mut self.opener else { return };
            let Some(&(due, at)) = opener.deadlines.front() else { return };
            let is_over = matches!(self.links[at].phase, Phase::Away | Phase::Live);
            if !is_over && due > now {
                return;
            }
            opener.deadlines.pop_front();
            if !is_over {
                let seconds = opener.opening.patience / SECOND;
                self.on_end(at, format!("not live within {seconds} s"), now);
            }
        }
    }

    /// A link follows its channel.
    pub(super) fn on_live(&mut self, at: usize, offset: u64, now: u64) {
        let Link { channel, begun_at, phase, .. } = self.links[at];
        if phase == Phase::Live {
            // Its numbering begins anew, and so does what is counted.
            self.links[at].enter_live(offset);
            return;
        }
        self.links[at].enter_live(offset);
        self.count.enter(channel);
        if let Some(opener) = &mut self.opener {
            opener.on_live(now.saturating_sub(begun_at), now);
        }
        if self.share.target.dialect.heartbeat(1).is_some() {
            let random = self.next_mask();
            self.heartbeats.enter(at, now, random);
        }
    }

    /// A link has ended, before it was live or later.
    pub(super) fn on_end(&mut self, at: usize, why: String, now: u64) {
        let Link { phase, channel, ref tally, .. } = self.links[at];
        match phase {
            Phase::Away => return,
            Phase::Live => self.count.leave(channel, tally.next(), why),
            Phase::Dialling | Phase::Upgrading | Phase::Greeting => {
                if let Some(opener) = &mut self.opener {
                    opener.on_failed(why, now);
                }
            }
        }
        self.links[at].enter_away();
    }
}

/// Begins a connection, from `source` where one is given.
fn dial(address: SocketAddr, source: Option<std::net::Ipv4Addr>) -> io::Result<TcpStream> {
    let Some(source) = source else { return TcpStream::connect(address) };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    match socket.connect(&address.into()) {
        Err(error) if !is_under_way(&error) => Err(error),
        Ok(()) | Err(_) => Ok(TcpStream::from_std(socket.into())),
    }
}

fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::Opener;
    use crate::clock::SECOND;
    use crate::worker_protocol::Opening;

    fn opener(links: usize, at_once: usize, per_second: Option<f64>) -> Opener {
        Opener::new(Opening { at_once, per_second, patience: SECOND }, links, 1000)
    }

    #[test]
    fn so_many_are_under_way_at_once() {
        let mut opener = opener(5, 2, None);
        assert!(opener.may_begin(1000));
        (opener.begun, opener.under_way) = (2, 2);
        assert!(!opener.may_begin(1000));
        opener.on_live(7, 1007);
        assert!(opener.may_begin(1007));
        opener.on_failed("no".into(), 1008);
        assert_eq!((opener.under_way, opener.live, opener.failures()), (0, 1, 1));
        opener.begun = 5;
        assert!(!opener.may_begin(1008));
        // Nothing is due until the rest has come or is late.
        opener.has_more = false;
        assert_eq!(opener.next_due(), u64::MAX);
    }

    #[test]
    fn no_more_are_begun_where_many_failed_and_none_is_live() {
        let mut opener = opener(500, 1, None);
        for n in 0..super::HOPELESS_FAILURES {
            assert!(opener.may_begin(1000), "{n}");
            (opener.begun, opener.under_way) = (opener.begun + 1, 1);
            opener.on_failed("no".into(), 1000);
        }
        assert!(!opener.may_begin(1000));
        opener.count_left();
        assert_eq!(opener.failures(), 500);
        opener.live = 1;
        assert!(opener.may_begin(1000));
    }

    #[test]
    fn so_many_are_begun_a_second() {
        let mut opener = opener(5, 100, Some(10.0));
        assert!(opener.may_begin(1000));
        opener.begun = 1;
        opener.has_more = false;
        assert!(!opener.may_begin(1000 + SECOND / 10 - 1));
        assert_eq!(opener.next_due(), 1000 + SECOND / 10);
        assert!(opener.may_begin(1000 + SECOND / 10));
    }
}
