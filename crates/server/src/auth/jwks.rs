//! The keys of tokens that are behind a URL: fetched, kept, and changed while the node runs. In:
//! the settings, and tokens whose key is not known. Out: the verifier in force. Strangers can make
//! up as many `kid`s as they like: `refresh` decides what that may cost.

mod fetch;
mod refresh;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use steadfast_broker::clock::Clock;
use steadfast_machine::{Machine, Span};
use tokio::sync::{Notify, Semaphore, watch};

use self::fetch::JwksFetch;
use self::refresh::{JwksRefresh, KeyAnswer, RefreshInput, RefreshOutput, RefreshRules};
use super::token::{JwksSource, KeySet, TokenError, Verifier};
use crate::config::JwksSettings;

pub(crate) use fetch::parse_url;

/// Tokens that wait for a fetch at once; one more is told to come back.
const WAITING_MAX: usize = 256;

/// The keys behind a URL.
#[derive(Debug)]
pub(crate) struct JwksKeys {
    clock: Clock,
    fetch: JwksFetch,
    /// How long a token may wait for a fetch.
    wait_max: Duration,
    /// How long the node waits for the first fetch before it serves clients.
    first_max: Duration,
    /// With the keys of the settings alone.
    own: RwLock<Verifier>,
    /// With those of the URL too.
    current: RwLock<Arc<Verifier>>,
    refresh: Mutex<JwksRefresh>,
    /// What the last fetch brought.
    text: Mutex<Vec<u8>>,
    /// Wakes the task that fetches.
    wake: Notify,
    /// How many fetches have ended.
    ended: watch::Sender<u64>,
    room: Semaphore,
    counts: FetchCounts,
}

#[derive(Debug, Default)]
struct FetchCounts {
    changed: AtomicU64,
    unchanged: AtomicU64,
    failed: AtomicU64,
}

/// What is known of the keys, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JwksReport {
    /// Fetches that have ended, by result.
    pub(crate) fetches: [(&'static str, u64); 3],
    /// How old the set is, if there is one.
    pub(crate) age: Option<Span>,
    /// How many keys tokens may be signed with, those of the settings included.
    pub(crate) keys: usize,
    /// Fetches that have failed since the last one that succeeded.
    pub(crate) failures: u32,
}

/// Fetches the keys of these settings once. Returns how many can be used and how many cannot, or
/// why there are none; `None` if there is no URL.
pub async fn try_out(settings: &JwksSettings) -> Option<Result<(usize, usize), String>> {
    let fetch = fetch_of(settings)?;
    let trying = async {
        let fetch = fetch?;
        let text = fetch.fetch().await.map_err(|error| error.to_string())?;
        let set = KeySet::parse(&text, JwksSource::Url);
        let (set, skipped) = set.map_err(|error| error.to_string())?;
        Ok((set.len(), skipped.len()))
    };
    Some(trying.await)
}

/// What fetches the set of these settings, or why their URL cannot be used; `None` if there is no
/// URL.
fn fetch_of(settings: &JwksSettings) -> Option<Result<JwksFetch, String>> {
    let made = |url: &str| {
        let url = parse_url(url).map_err(|error| error.to_string())?;
        let fetch = JwksFetch::new(url, Duration::from_millis(settings.timeout_ms));
        fetch.map_err(|error| error.to_string())
    };
    settings.url.as_deref().map(made)
}

impl JwksKeys {
    /// Keys behind the URL of these settings, besides those of `own`; `None` if there is no URL.
    pub(crate) fn new(
        settings: &JwksSettings,
        own: &Verifier,
        clock: Clock,
    ) -> Result<Option<Arc<Self>>, String> {
        let Some(fetch) = fetch_of(settings) else { return Ok(None) };
        let fetch = fetch?;
        let rules = RefreshRules {
            refresh: Span(settings.refresh_ms),
            pause: Span(settings.pause_ms),
            stale_max: (settings.stale_ms_max > 0).then_some(Span(settings.stale_ms_max)),
        };
        let seed = getrandom::u32().map_err(|error| error.to_string())?;
        Ok(Some(Arc::new(Self {
            clock,
            fetch,
            wait_max: Duration::from_millis(settings.wait_ms),
            first_max: Duration::from_millis(settings.timeout_ms),
            own: RwLock::new(own.clone()),
            current: RwLock::new(Arc::new(own.clone())),
            refresh: Mutex::new(JwksRefresh::new(clock.now(), rules, seed)),
            text: Mutex::default(),
            wake: Notify::new(),
            ended: watch::Sender::new(0),
            room: Semaphore::new(WAITING_MAX),
            counts: FetchCounts::default(),
        })))
    }

    /// The verifier in force.
    pub(crate) fn verifier(&self) -> Arc<Verifier> {
        Arc::clone(&self.current.read())
    }

    /// Fetches the set whenever that is due, without end.
    pub(crate) async fn run(self: Arc<Self>) {
        self.hand(RefreshInput::Tick).await;
        loop {
            let wake = self.refresh.lock().wake();
            let due = async {
                match wake {
                    Some(wake) => tokio::time::sleep_until(self.clock.timer(wake.at)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.wake.notified() => {}
            }
            self.hand(RefreshInput::Tick).await;
        }
    }

    /// Waits until the first fetch has ended, however it did, for as long as a fetch may take.
    pub(crate) async fn first(&self) {
        let mut ended = self.ended.subscribe();
        drop(tokio::time::timeout(self.first_max, ended.wait_for(|ended| *ended > 0)).await);
    }

    /// What to check a token with whose key the verifier in force does not have: the keys after a
    /// fetch, if that may bring it.
    pub(crate) async fn after_fetch(&self, kid: Option<&str>) -> Result<Arc<Verifier>, TokenError> {
        let mut ended = self.ended.subscribe();
        match self.ask(kid) {
            KeyAnswer::Unknown => Err(TokenError::UnknownKey),
            KeyAnswer::Later(after) => Err(later(after)),
            KeyAnswer::Wait => {
                let _room = self.room.try_acquire().map_err(|_| later(Span::seconds(1)))?;
                let waiting = tokio::time::timeout(self.wait_max, ended.changed());
                match waiting.await {
                    Ok(_) => Ok(self.verifier()),
                    Err(_) => Err(later(Span::seconds(1))),
                }
            }
        }
    }

    /// The answer to a token whose key is still not known after a fetch.
    pub(crate) fn still_unknown(&self, kid: Option<&str>) -> TokenError {
        match self.ask(kid) {
            KeyAnswer::Unknown => TokenError::UnknownKey,
            KeyAnswer::Later(after) => later(after),
            KeyAnswer::Wait => later(Span::seconds(1)),
        }
    }

    /// What operators see.
    pub(crate) fn report(&self) -> JwksReport {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let FetchCounts { changed, unchanged, failed } = &self.counts;
        let refresh = self.refresh.lock();
        JwksReport {
            fetches: [
                ("changed", count(changed)),
                ("failed", count(failed)),
                ("unchanged", count(unchanged)),
            ],
            age: refresh.age(self.clock.now()),
            keys: self.current.read().key_count(),
            failures: refresh.failures(),
        }
    }

    fn ask(&self, kid: Option<&str>) -> KeyAnswer {
        let answer = self.refresh.lock().ask(self.clock.now(), kid);
        self.wake.notify_one();
        answer
    }

    /// Hands an input to the machine, and does what it says until there is nothing left.
    async fn hand(&self, mut input: RefreshInput) {
        loop {
            let outputs: Vec<_> = {
                let mut refresh = self.refresh.lock();
                refresh.handle(self.clock.now(), input);
                std::iter::from_fn(|| refresh.poll()).collect()
            };
            if matches!(input, RefreshInput::Fetched | RefreshInput::Failed) {
                self.ended.send_modify(|ended| *ended += 1);
            }
            let mut end = None;
            for output in outputs {
                match output {
                    RefreshOutput::Discard => self.discard(),
                    RefreshOutput::Fetch => end = Some(self.fetch_once().await),
                }
            }
            let Some(end) = end else { return };
            input = end;
        }
    }

    async fn fetch_once(&self) -> RefreshInput {
        let failure = match self.fetch.fetch().await {
            Ok(text) => match self.take(&text) {
                Ok(()) => return RefreshInput::Fetched,
                Err(failure) => failure,
            },
            Err(error) => error.to_string(),
        };
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        // One line for a row of failures.
        if self.refresh.lock().failures() == 0 {
            tracing::warn!(failure, "the keys behind `auth.jwks.url` cannot be fetched");
        } else {
            tracing::debug!(failure, "the keys behind `auth.jwks.url` cannot be fetched");
        }
        RefreshInput::Failed
    }

    /// Uses the keys of a set that was fetched.
    fn take(&self, text: &[u8]) -> Result<(), String> {
        let (set, skipped) =
            KeySet::parse(text, JwksSource::Url).map_err(|error| error.to_string())?;
        if self.refresh.lock().failures() > 0 {
            tracing::info!("the keys behind `auth.jwks.url` can be fetched again");
        }
        let mut last = self.text.lock();
        if *last == text {
            self.counts.unchanged.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        text.clone_into(&mut last);
        self.counts.changed.fetch_add(1, Ordering::Relaxed);
        let (keys, skipped) = (set.len(), skipped.len());
        tracing::info!(keys, skipped, "the keys behind `auth.jwks.url` have changed");
        *self.current.write() = Arc::new(self.own.read().with_set(set));
        Ok(())
    }

    /// Takes other keys of the settings, beside those that were fetched last.
    pub(crate) fn replace_own(&self, own: Verifier) {
        // Held until the end, so that no fetch puts its keys beside the old ones.
        let text = self.text.lock();
        // It was parsed before.
        let fetched = KeySet::parse(&text, JwksSource::Url).map(|(set, _)| own.with_set(set));
        *self.current.write() = Arc::new(fetched.unwrap_or_else(|_| own.clone()));
        *self.own.write() = own;
    }

    fn discard(&self) {
        tracing::warn!(
            "the keys behind `auth.jwks.url` are older than `auth.jwks.stale_ms_max` and are used \
             no more"
        );
        self.text.lock().clear();
        *self.current.write() = Arc::new(self.own.read().clone());
    }
}

fn later(after: Span) -> TokenError {
    let seconds = after.0.div_ceil(1000).max(1);
    TokenError::KeysUnavailable { retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX) }
}

#[cfg(test)]
mod tests;
