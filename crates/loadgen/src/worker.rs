//! A worker process: one thread that holds many links. In: orders, a line each, on standard input.
//! Out: words on standard output. Between them one poll, one read buffer, and for each link
//! little more than its socket.

mod count;
mod heartbeats;
mod link;
mod opening;
mod receiver;

use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use crate::clock::{self, MILLISECOND};
use crate::worker_protocol::{Share, Word, WorkerOrder};
use count::Count;
use heartbeats::Heartbeats;
use link::Link;
use opening::Opener;

/// The token of the thread that reads orders; all below are links.
const ORDERS: Token = Token(usize::MAX);
/// Bytes that are read at once: a link that falls behind is read in few calls.
const READ_BYTES: usize = 64 * 1024;
/// Readable links that are looked at before time is.
const EVENTS_MAX: usize = 1_024;
/// Orders that wait at most.
const ORDERS_MAX: usize = 16;
/// The longest wait, so that a worker without work still looks around.
const IDLE_WAIT: u64 = 500 * MILLISECOND;

/// Does what standard input says until it ends; the reason, where that is not possible.
pub fn work() -> Result<(), String> {
    let (sender, orders) = mpsc::sync_channel(ORDERS_MAX);
    let poll = Poll::new().map_err(|error| format!("no poll: {error}"))?;
    let waker = Waker::new(poll.registry(), ORDERS).map_err(|error| format!("no poll: {error}"))?;
    let waker = Arc::new(waker);
    thread::spawn(move || read_orders(&sender, &waker));
    let Ok(WorkerOrder::Begin(share)) = orders.recv() else { return Err("no first order".into()) };
    let ended = Worker::new(poll, *share).run(&orders);
    if let Err(why) = &ended {
        // Whoever hired may have gone; then nobody wants to know.
        let _ = say(&Word::Failed(why.clone()));
    }
    ended
}

fn read_orders(sender: &SyncSender<WorkerOrder>, waker: &Waker) {
    for line in io::stdin().lock().lines() {
        let Ok(Ok(order)) = line.map(|line| serde_json::from_str(&line)) else { break };
        if sender.send(order).is_err() || waker.wake().is_err() {
            break;
        }
    }
    // The end of the orders is noticed by the next look.
    let _ = waker.wake();
}

fn say(word: &Word) -> Result<(), String> {
    let mut line = serde_json::to_vec(word).map_err(|error| error.to_string())?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    let written = out.write_all(&line).and_then(|()| out.flush());
    written.map_err(|error| format!("nobody listens: {error}"))
}

struct Worker {
    poll: Poll,
    share: Share,
    links: Vec<Link>,
    opener: Option<Opener>,
    heartbeats: Heartbeats,
    count: Count,
    buffer: Box<[u8]>,
    accept: String,
    // A cheap sequence for masks, which protect nothing here.
    mask: u32,
}

impl Worker {
    fn new(poll: Poll, share: Share) -> Self {
        let links = (0..share.links).map(|_| Link::default()).collect();
        let heartbeats = Heartbeats::every(share.heartbeat_ms * MILLISECOND);
        let count = Count::new(share.channels);
        let buffer = vec![0; READ_BYTES].into_boxed_slice();
        let accept = crate::wire::accept();
        Self { poll, share, links, opener: None, heartbeats, count, buffer, accept, mask: 1 }
    }

    fn run(&mut self, orders: &Receiver<WorkerOrder>) -> Result<(), String> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let wait = self.next_due().saturating_sub(clock::now()).min(IDLE_WAIT);
            // Rounded up, so that nothing is asked for just before its time.
            let wait = Duration::from_millis(wait.div_ceil(MILLISECOND));
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(format!("the poll fails: {error}"));
                }
                Ok(()) | Err(_) => {}
            }
            for event in &events {
                let token = event.token();
                if token != ORDERS {
                    self.on_ready(token.0, event)?;
                }
            }
            let done = self.count.take_done();
            if !done.is_empty() {
                say(&Word::Done(done))?;
            }
            loop {
                match orders.try_recv() {
                    Ok(WorkerOrder::End) | Err(TryRecvError::Disconnected) => {
                        self.end();
                        return Ok(());
                    }
                    Ok(order) => self.on_order(order)?,
                    Err(TryRecvError::Empty) => break,
                }
            }
            self.on_time()?;
        }
    }

    fn next_due(&self) -> u64 {
        let opening = self.opener.as_ref().map_or(u64::MAX, Opener::next_due);
        opening.min(self.heartbeats.next_due())
    }

    fn on_order(&mut self, order: WorkerOrder) -> Result<(), String> {
        match order {
            WorkerOrder::Connect(opening) => {
                self.opener = Some(Opener::new(opening, self.links.len(), clock::now()));
                Ok(())
            }
            WorkerOrder::Measure => {
                for link in &mut self.links {
                    link.measure();
                }
                self.count.clear();
                say(&Word::Measuring(self.count.members()))
            }
            WorkerOrder::Collect(published) => {
                let lost = self
                    .links
                    .iter()
                    .map(|link| published.get(link.channel).map_or(0, |&events| link.lost(events)));
                let collected = self.count.collect(lost.sum());
                say(&Word::Collected(Box::new(collected)))
            }
            WorkerOrder::Begin(_) | WorkerOrder::End => Err("an order at the wrong time".into()),
        }
    }

    fn on_time(&mut self) -> Result<(), String> {
        let now = clock::now();
        self.open_more(now)?;
        while let Some(link) = self.heartbeats.take_due(now) {
            self.send_heartbeat(link, now);
        }
        Ok(())
    }

    fn next_mask(&mut self) -> u32 {
        self.mask = self.mask.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.mask
    }

    /// Says goodbye on every link, so that the server has nothing to find out by itself.
    fn end(&mut self) {
        let mut goodbye = Vec::new();
        for at in 0..self.links.len() {
            goodbye.clear();
            let mask = self.next_mask();
            crate::wire::push_close(&mut goodbye, mask);
            self.links[at].write_last(&goodbye);
        }
    }
}
