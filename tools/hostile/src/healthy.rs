//! The clients beside an attack: links that follow channels, and a publisher that publishes at a
//! steady rate. In: where the server is. Out: how late events are, and what was lost, doubled or
//! out of order. They run on a thread of their own, so that attackers do not make them late.

mod link;
mod publisher;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::sync::watch;

/// Links.
pub const LINKS: usize = 500;
/// Channels.
pub const CHANNELS: usize = 40;
/// Channels that each link follows, and so events that each channel's event becomes.
pub const FOLLOWED: usize = 4;
/// Events a second of all channels together.
pub const RATE: u32 = 100;
/// How long all links may take to be there, and to have what was published.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether they are.
const LOOK: Duration = Duration::from_millis(5);

/// What clients saw that must not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Events that were left out, where a later one came.
    pub lost: u64,
    /// Events that came again.
    pub doubled: u64,
    /// Sessions that ended, gaps, publishes that failed.
    pub broken: u64,
    /// What the first of those was.
    pub first: Option<String>,
}

/// How late events were, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    sorted: Vec<u32>,
}

impl Latency {
    /// From samples in any order.
    pub fn of(mut samples: Vec<u32>) -> Self {
        samples.sort_unstable();
        Self { sorted: samples }
    }

    /// How many events.
    pub const fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The time within which this part of all came, in milliseconds; 0 without any.
    pub fn percentile(&self, percent: usize) -> f64 {
        let at = (self.sorted.len() * percent).div_ceil(100).saturating_sub(1);
        self.sorted.get(at).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }
}

/// What links and publisher share with whoever watches them.
#[derive(Debug)]
struct Shared {
    begun: Instant,
    samples: Mutex<Vec<u32>>,
    faults: Mutex<Faults>,
    /// The newest offset of each channel that was answered.
    acked: Vec<AtomicU64>,
    /// The newest offset of each channel of each link.
    positions: Vec<AtomicU64>,
    followed: AtomicU64,
}

impl Shared {
    fn broken(&self, what: String) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.broken += 1;
        faults.first.get_or_insert(what);
    }

    fn missed(&self, lost: u64, doubled: u64) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.lost += lost;
        faults.doubled += doubled;
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// The clients. They end with it.
#[derive(Debug)]
pub struct Healthy {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// The name of a channel.
fn channel(number: usize) -> String {
    format!("healthy:{number}")
}

/// The channels that a link follows.
fn followed_by(link: usize) -> impl Iterator<Item = usize> {
    (0..FOLLOWED).map(move |at| (link + at * (CHANNELS / FOLLOWED)) % CHANNELS)
}

impl Healthy {
    /// Has all links follow, then the publisher begin. `certificate` is that of a server with TLS.
    pub async fn start(
        (public, internal): (SocketAddr, SocketAddr),
        certificate: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            begun: Instant::now(),
            samples: Mutex::default(),
            faults: Mutex::default(),
            acked: (0..CHANNELS).map(|_| AtomicU64::new(0)).collect(),
            positions: (0..LINKS * FOLLOWED).map(|_| AtomicU64::new(0)).collect(),
            followed: AtomicU64::new(0),
        });
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inner = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("healthy".to_owned()).spawn(move || {
            runtime.block_on(run(inner, public, internal, certificate, stopped));
        })?;
        let healthy = Self { shared, stop, thread: Some(thread) };
        let wanted = (LINKS * FOLLOWED) as u64;
        let all = || healthy.shared.followed.load(Ordering::Relaxed) == wanted;
        healthy.becomes("all links follow", all).await?;
        Ok(healthy)
    }

    /// What came since this was last asked.
    pub fn take_latency(&self) -> Latency {
        let mut samples = self.shared.samples.lock().unwrap_or_else(PoisonError::into_inner);
        Latency::of(std::mem::take(&mut samples))
    }

    /// What went wrong since this was last asked.
    pub fn take_faults(&self) -> Faults {
        let mut faults = self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut faults)
    }

    /// Waits until every link has all that was answered until now.
    pub async fn catches_up(&self) -> anyhow::Result<()> {
        let acked: Vec<u64> =
            self.shared.acked.iter().map(|offset| offset.load(Ordering::Acquire)).collect();
        let has_all = || {
            (0..LINKS).all(|link| {
                followed_by(link).enumerate().all(|(at, channel)| {
                    let position = &self.shared.positions[link * FOLLOWED + at];
                    position.load(Ordering::Acquire) >= acked[channel]
                })
            })
        };
        self.becomes("every link has every event", has_all).await
    }

    async fn becomes(&self, what: &str, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !is_so() {
            if begun.elapsed() > PATIENCE {
                let first = self.take_faults().first.unwrap_or_default();
                bail!("not within {} s: {what} ({first})", PATIENCE.as_secs());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Ends them.
    pub fn end(mut self) -> anyhow::Result<()> {
        let _ = self.stop.send(true);
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().ok().context("the healthy clients have panicked")
    }
}

async fn run(
    shared: Arc<Shared>,
    public: SocketAddr,
    internal: SocketAddr,
    certificate: Option<PathBuf>,
    mut stopped: watch::Receiver<bool>,
) {
    let dialer = match link::Dialer::new(public, certificate.as_deref()) {
        Ok(dialer) => Arc::new(dialer),
        Err(error) => return shared.broken(error.to_string()),
    };
    let publishing = async {
        for number in 0..LINKS {
            tokio::spawn(link::follow(Arc::clone(&shared), Arc::clone(&dialer), number));
        }
        let wanted = (LINKS * FOLLOWED) as u64;
        while shared.followed.load(Ordering::Relaxed) < wanted {
            tokio::time::sleep(LOOK).await;
        }
        let error = publisher::run(&shared, internal).await.err();
        shared.broken(format!("the publisher has ended: {error:?}"));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = publishing => {}
        _ = stopped.changed() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{CHANNELS, FOLLOWED, LINKS, Latency, followed_by};

    #[test]
    fn percentiles_are_of_what_came() {
        let latency = Latency::of((1..=1000).rev().collect());
        assert!((latency.percentile(50) - 0.5).abs() < 0.001);
        assert!((latency.percentile(99) - 0.99).abs() < 0.001);
        assert!(Latency::default().percentile(99) < 0.001);
        assert!((Latency::of(vec![7000]).percentile(50) - 7.0).abs() < 0.001);
    }

    #[test]
    fn every_channel_is_followed_by_as_many_links() {
        let mut links = [0; CHANNELS];
        for link in 0..LINKS {
            let mut followed: Vec<usize> = followed_by(link).collect();
            for channel in &followed {
                links[*channel] += 1;
            }
            followed.sort_unstable();
            followed.dedup();
            assert_eq!(followed.len(), FOLLOWED);
        }
        assert!(links.iter().all(|count| *count == LINKS * FOLLOWED / CHANNELS), "{links:?}");
    }
}
