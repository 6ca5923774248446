//! The workers that hold the links, as seen from the process that hired them. In: how many links,
//! how to open them. Out: what became of them. Must not know: frames, sockets of links.

mod worker_handle;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use mio::{Events, Poll};

use crate::clock::{self, SECOND};
use crate::error::BenchError;
use crate::figures::{Connects, Times, merge, rate, seconds};
use crate::publisher::{Publisher, TOKENS};
use crate::sizes::{LINKS_MAX, WORKERS_MAX, links_per_worker};
use crate::target::Target;
use crate::worker_protocol::{Opened, Opening, Share, Word, WorkerOrder};
use worker_handle::WorkerHandle;

/// The hidden command by which a program that hires becomes a worker: it calls [`crate::work`].
pub const WORKER_COMMAND: &str = "bench-worker";
/// Readiness that is looked at at once.
const EVENTS_MAX: usize = 256;
/// How long workers are waited for beyond the time that a link may take.
const SLACK: u64 = 10 * SECOND;

/// Whom to hire, for what.
#[derive(Clone, Debug)]
pub struct Hiring {
    /// The server.
    pub target: Target,
    /// The program that becomes a worker when it is called with [`WORKER_COMMAND`].
    pub program: PathBuf,
    /// Links altogether.
    pub links: usize,
    /// Channels; link n follows channel n modulo their number.
    pub channels: usize,
    /// What the names of channels begin with; a number follows.
    pub channel_prefix: String,
    /// What the ids of links begin with; a number follows.
    pub link_prefix: String,
    /// How often a link says that it is alive, in milliseconds.
    pub heartbeat_ms: u64,
    /// Worker processes; as few as hold the links where none is given.
    pub workers: Option<usize>,
}

/// How links are opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connecting {
    /// How many may be on their way at once.
    pub at_once: usize,
    /// How many may be begun a second.
    pub per_second: Option<f64>,
    /// How long one may take.
    pub patience: Duration,
}

/// Hired workers.
#[derive(Debug)]
pub struct WorkerPool {
    pub(crate) poll: Poll,
    events: Events,
    hands: Vec<WorkerHandle>,
    pub(crate) hiring: Hiring,
    /// Live links of each channel, and how many workers have any.
    pub(crate) members: Vec<u64>,
    pub(crate) holders: Vec<u32>,
    /// Events of each channel so far.
    pub(crate) numbers: Vec<u64>,
    /// Events of all so far.
    pub(crate) message: u64,
}

impl WorkerPool {
    /// Starts the workers; they have no link yet.
    pub fn hire(hiring: Hiring) -> Result<Self, BenchError> {
        let counts = split(&hiring, links_per_worker())?;
        let poll = Poll::new().map_err(BenchError::system("a poll"))?;
        let channels = hiring.channels;
        let mut workers = Self {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            hands: Vec::new(),
            members: vec![0; channels],
            holders: vec![0; channels],
            numbers: vec![0; channels],
            message: 0,
            hiring,
        };
        let mut first = 0;
        for (at, links) in counts.into_iter().enumerate() {
            let mut hand =
                WorkerHandle::start(&workers.hiring.program, workers.poll.registry(), at)?;
            hand.tell(&WorkerOrder::Begin(Box::new(share(&workers.hiring, first, links, at))))?;
            workers.hands.push(hand);
            first += links;
        }
        Ok(workers)
    }

    /// How many processes hold the links.
    pub fn workers(&self) -> usize {
        self.hands.len()
    }

    /// Opens all links; `tell` is told how much of it is done, from 0 to 1.
    pub fn connect(
        &mut self,
        connecting: &Connecting,
        tell: &mut dyn FnMut(f64),
    ) -> Result<Connects, BenchError> {
        let workers = self.hands.len();
        let patience = u64::try_from(connecting.patience.as_nanos()).unwrap_or(u64::MAX / 4);
        let order = WorkerOrder::Connect(Opening {
            at_once: connecting.at_once.div_ceil(workers),
            per_second: connecting.per_second.map(|all| all / workers as f64),
            patience,
        });
        self.tell_all(&order)?;
        let mut opened: Vec<Opened> = Vec::new();
        let mut progress = vec![0; workers];
        let mut heard_at = clock::now();
        while opened.len() < workers {
            let words = self.turn(Duration::from_millis(100), None)?;
            if words.is_empty() && seconds(heard_at, clock::now()) > seconds(0, patience + SLACK) {
                return Err(BenchError::Worker("it does not answer".into()));
            }
            for (at, word) in words {
                heard_at = clock::now();
                match word {
                    Word::Progress { live, failed } => progress[at] = live + failed,
                    Word::Opened(one) => opened.push(*one),
                    Word::Measuring(_) | Word::Done(_) | Word::Collected(_) | Word::Failed(_) => {}
                }
            }
            tell(progress.iter().sum::<u64>() as f64 / self.hiring.links as f64);
        }
        self.enter_open(opened)
    }

    /// Has the workers count from nothing, and asks who is still there.
    pub(crate) fn measure(&mut self) -> Result<(), BenchError> {
        self.tell_all(&WorkerOrder::Measure)?;
        self.members.fill(0);
        self.holders.fill(0);
        let mut left = self.workers();
        while left > 0 {
            for (_, word) in self.turn(Duration::from_millis(100), None)? {
                let Word::Measuring(members) = word else { continue };
                left -= 1;
                for (channel, links) in members {
                    self.members[channel] += u64::from(links);
                    self.holders[channel] += 1;
                }
            }
        }
        let is_empty = self.members.iter().all(|links| *links == 0);
        let reason = || "they have ended since they were opened".to_owned();
        let links = self.hiring.links;
        if is_empty { Err(BenchError::NoLink { links, reason: reason() }) } else { Ok(()) }
    }

    /// Lets time pass; links say that they are alive.
    pub fn hold(&mut self, lasts: Duration, tell: &mut dyn FnMut(f64)) -> Result<(), BenchError> {
        let begun = clock::now();
        let whole = lasts.as_secs_f64();
        loop {
            let passed = seconds(begun, clock::now());
            if passed >= whole {
                return Ok(());
            }
            tell(passed / whole);
            let wait = Duration::from_secs_f64((whole - passed).clamp(0.001, 0.1));
            self.turn(wait, None)?;
        }
    }

    /// Closes all links and ends the workers.
    pub fn dismiss(mut self) {
        for hand in &mut self.hands {
            hand.dismiss();
        }
    }

    fn enter_open(&mut self, opened: Vec<Opened>) -> Result<Connects, BenchError> {
        let (mut connects, mut times) = (Connects::default(), Times::default());
        let (mut from, mut to) = (u64::MAX, 0);
        for one in opened {
            merge(&mut connects.failed, one.failed);
            times.add(&one.took);
            (from, to) = (from.min(one.began_at), to.max(one.ended_at));
            connects.live +=
                one.members.iter().map(|(_, members)| u64::from(*members)).sum::<u64>();
        }
        if connects.live == 0 {
            let most = connects.failed.into_iter().max_by_key(|(_, count)| *count);
            let reason = most.map_or_else(|| "no reason".into(), |(reason, _)| reason);
            return Err(BenchError::NoLink { links: self.hiring.links, reason });
        }
        connects.seconds = seconds(from, to);
        connects.per_second = rate(connects.live, connects.seconds);
        connects.latency = times.spread();
        Ok(connects)
    }

    pub(crate) fn tell_all(&mut self, order: &WorkerOrder) -> Result<(), BenchError> {
        self.hands.iter_mut().try_for_each(|hand| hand.tell(order))
    }

    /// Waits once, for words or a publisher's sockets; the words.
    pub(crate) fn turn(
        &mut self,
        wait: Duration,
        mut publisher: Option<&mut Publisher>,
    ) -> Result<Vec<(usize, Word)>, BenchError> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Vec::new()),
            other => other.map_err(BenchError::system("a poll"))?,
        }
        let mut words = Vec::new();
        for event in &self.events {
            let token = event.token().0;
            if token >= TOKENS {
                if let Some(publisher) = &mut publisher {
                    publisher.on_ready(token)?;
                }
            } else if let Some(hand) = self.hands.get_mut(token) {
                for word in hand.words()? {
                    if let Word::Failed(why) = word {
                        return Err(BenchError::Worker(why));
                    }
                    words.push((token, word));
                }
            }
        }
        Ok(words)
    }
}

/// How many links each worker holds.
fn split(hiring: &Hiring, per_worker: usize) -> Result<Vec<usize>, BenchError> {
    let Hiring { links, channels, workers, .. } = *hiring;
    let too_many = |why: String| BenchError::TooManyLinks { wanted: links, why };
    let size =
        |what, got: usize, must: String| Err(BenchError::Size { what, got: got.to_string(), must });
    if links == 0 || links > LINKS_MAX {
        return size("the number of links", links, format!("1 to {LINKS_MAX}"));
    }
    if channels == 0 || channels > links {
        return size("the number of channels", channels, format!("1 to {links}, that of links"));
    }
    if per_worker == 0 {
        return Err(too_many("the limit of open files is too low; raise it (`ulimit -n`)".into()));
    }
    let least = links.div_ceil(per_worker);
    let workers = workers.unwrap_or(least).min(links);
    if workers < least {
        return Err(too_many(format!(
            "{workers} processes hold {per_worker} each by their limit of open files; \
             let there be {least}, or raise the limit (`ulimit -n`)"
        )));
    }
    if workers == 0 || workers > WORKERS_MAX {
        return size("the number of processes", workers, format!("1 to {WORKERS_MAX}"));
    }
    Ok((0..workers).map(|at| links / workers + usize::from(at < links % workers)).collect())
}

fn share(hiring: &Hiring, first: usize, links: usize, at: usize) -> Share {
    // One source address has some 28,000 ports; on this machine itself there are many addresses.
    let is_here = matches!(hiring.target.address.ip(), IpAddr::V4(ip) if ip.is_loopback());
    let own = u8::try_from(at + 1).unwrap_or(u8::MAX);
    Share {
        target: hiring.target.clone(),
        first,
        links,
        channels: hiring.channels,
        channel_prefix: hiring.channel_prefix.clone(),
        link_prefix: hiring.link_prefix.clone(),
        source: (is_here && at > 0).then_some(Ipv4Addr::new(127, 0, 0, own)),
        heartbeat_ms: hiring.heartbeat_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::{Hiring, share, split};
    use crate::target::Target;

    fn hiring(links: usize, channels: usize, workers: Option<usize>) -> Hiring {
        Hiring {
            target: Target::steadfast("http://127.0.0.1:1", "http://127.0.0.1:2").unwrap(),
            program: "none".into(),
            links,
            channels,
            channel_prefix: "a:".into(),
            link_prefix: "bench-".into(),
            heartbeat_ms: 25_000,
            workers,
        }
    }

    #[test]
    fn links_are_spread_over_as_few_processes_as_can_hold_them() {
        assert_eq!(split(&hiring(100, 1, None), 100).unwrap(), [100]);
        assert_eq!(split(&hiring(101, 1, None), 100).unwrap(), [51, 50]);
        assert_eq!(split(&hiring(5, 1, Some(3)), 100).unwrap(), [2, 2, 1]);
        assert_eq!(split(&hiring(2, 1, Some(3)), 100).unwrap(), [1, 1]);
    }

    #[test]
    fn what_makes_no_run_is_said() {
        let why = |links, channels, workers, per_worker| {
            split(&hiring(links, channels, workers), per_worker).unwrap_err().to_string()
        };
        assert!(why(0, 1, None, 9).contains("1 to"));
        assert!(why(1_000_001, 1, None, 9).contains("1000000"));
        assert!(why(5, 0, None, 9).contains("channels"));
        assert!(why(5, 6, None, 9).contains("channels"));
        assert!(why(5, 1, None, 0).contains("ulimit"));
        assert!(why(101, 1, Some(1), 100).contains("let there be 2"));
        assert!(why(201, 1, None, 1).contains("1 to 200"));
        assert!(split(&hiring(200, 1, None), 1).is_ok());
    }

    #[test]
    fn each_further_worker_of_this_machine_has_an_address_of_its_own() {
        let mut hiring = hiring(10, 1, None);
        assert_eq!(share(&hiring, 0, 5, 0).source, None);
        assert_eq!(share(&hiring, 5, 5, 1).source.unwrap().to_string(), "127.0.0.2");
        hiring.target.address = "192.0.2.1:80".parse().unwrap();
        assert_eq!(share(&hiring, 5, 5, 1).source, None);
    }
}
