//! One running node: everything that its two ports share. In: checked settings. Out: shards, a
//! broker, and who may do what. Must not know HTTP.

mod configs;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use steadfast_broker::clock::Clock;
use steadfast_broker::{Broker, BrokerConfig, DurationCounts, UpdateBus};
use steadfast_history::{Publish, PublishError, Receipt, stable_hash};
use steadfast_hub::{HubConfig, Identity, PLATFORMS, SessionKey, Totals};
use steadfast_protocol::{Limits, LinkId, Timestamp};

use self::configs::{hub_config, limits, streams_config};
use crate::auth::admission::{Admission, Admissions};
use crate::auth::origin::Origins;
use crate::auth::revocations::Revocations;
use crate::auth::tickets::Tickets;
use crate::auth::token::{Claims, TokenError};
use crate::backend_api::BackendKeys;
use crate::client_api::answer_budget::AnswerBudget;
use crate::client_api::delivered_finals::DeliveredFinals;
use crate::config::Config;
use crate::drain::DrainState;
use crate::error::ServeError;
use crate::net::access_limits::{AccessLimits, Refusal};
use crate::net::tls::TlsPorts;
use crate::net::write_progress::WritePace;
use crate::pressure::Pressure;
use crate::reload::ReloadState;
use crate::session::compression::Compression;
use crate::session::session_count::SessionCount;
use crate::session::shard::{Shard, ShardUpdates};
use crate::session::user_budgets::{UserBudgets, UserLimits, UserPermit};

/// Slots of sessions that are counted under one lock of a hub.
const SLOTS_PER_LOCK: u32 = 1_000;
/// The upper ends of the classes of durations of publishes, in microseconds.
const PUBLISH_US: [u64; 13] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];

/// Everything that connections and requests share.
#[derive(Debug)]
pub struct Node {
    /// The settings of the start.
    pub config: Config,
    /// The node's clock.
    pub clock: Clock,
    /// When it started.
    pub started: Timestamp,
    /// Its shards, each with a hub.
    pub shards: Arc<[Arc<Shard>]>,
    /// Its broker.
    pub broker: Broker,
    /// The updates that the broker sends to the shards.
    pub updates: UpdateBus,
    /// Which web pages may connect.
    pub(crate) origins: RwLock<Origins>,
    /// The keys of the internal port.
    pub(crate) backend_keys: RwLock<Arc<BackendKeys>>,
    /// What pages show in place of tokens.
    pub(crate) tickets: Tickets,
    /// The tokens that count no more.
    pub(crate) revocations: Revocations,
    /// What is counted outside of the hubs.
    pub counters: Counters,
    /// How long the broker takes for publishes that come together.
    pub(crate) publish_times: DurationCounts,
    /// Who may connect and ask.
    pub(crate) access: AccessLimits,
    /// What each user has and does.
    pub(crate) users: UserBudgets,
    /// The clients of the older protocol that have had the end of their channel.
    pub(crate) delivered_finals: DeliveredFinals,
    /// What the answers to polls hold that are being written.
    pub(crate) answer_budget: Arc<AnswerBudget>,
    pub(crate) pressure: Pressure,
    /// The certificates of the ports.
    pub(crate) tls: TlsPorts,
    /// The compressed copies of what is sent.
    pub(crate) compression: Arc<Compression>,
    session_count: Arc<SessionCount>,
    /// Who the holders of tokens are, and what they may do.
    pub(crate) admissions: Admissions,
    /// Whether it leaves.
    pub(crate) drain: DrainState,
    /// The settings in force now.
    pub(crate) reload: ReloadState,
}

/// Things counted outside of the hubs.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections refused because there were too many.
    pub refused: AtomicU64,
    /// Requests and handshakes refused for another reason.
    pub rejected: AtomicU64,
    /// Events published.
    pub published: AtomicU64,
    /// Publishes that repeated an earlier one and made no event.
    pub repeated: AtomicU64,
    /// Publishes refused.
    pub publish_errors: AtomicU64,
    /// Polls answered.
    pub polls: AtomicU64,
    /// Polls refused because other answers held all that they may.
    pub polls_refused: AtomicU64,
    /// Responses given up because their peer took them too slowly.
    pub responses_slow: AtomicU64,
    /// Sockets open on the public port, HTTP included.
    pub sockets: AtomicU64,
    /// Connections of the internal port refused because there were too many.
    pub internal_refused: AtomicU64,
    /// Sockets open on the internal port.
    pub internal_sockets: AtomicU64,
}

impl Counters {
    /// Counts one more.
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Node {
    /// Creates a node with these settings, with a shard for each core and no sessions, on the
    /// runtime that this is called on.
    pub fn new(config: Config) -> Result<Arc<Self>, ServeError> {
        let clock = Clock::start();
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(64);
        let session_count = Arc::<SessionCount>::default();
        let names_seed = getrandom::u64().map_err(ServeError::Random)?;
        let hub = HubConfig { names_seed, ..hub_config(&config, cores) };
        let compression = Arc::new(Compression::new(config.compression));
        let shard = |index| {
            let (count, compression) = (Arc::clone(&session_count), Arc::clone(&compression));
            Arc::new(Shard::new(index, hub.clone(), clock, count, compression))
        };
        let shards: Arc<[Arc<Shard>]> = (0..cores).map(shard).collect();
        let updates = UpdateBus::new(Arc::new(ShardUpdates::new(Arc::clone(&shards))));
        let broker = broker(&config, clock, &updates)?;
        let origins = Origins::new(&config.public.allowed_origins, config.dev)?;
        let admissions = Admissions::new(&config, clock)?;
        let tls = TlsPorts::open(&config)?;
        let revocations = revocations(&config, clock)?;
        let tickets = Tickets::new(config.limits.tickets_max, config.limits.tickets_per_ip_max);
        let answer_budget = AnswerBudget::new(config.limits.poll_bytes_total_max);
        let access = AccessLimits::new(&config.public, clock.now());
        let users = UserBudgets::new(UserLimits::new(&config.limits));
        let backend_keys = RwLock::new(Arc::new(BackendKeys::new(&config.internal)));
        let reload = ReloadState::new(config.clone());
        Ok(Arc::new(Self {
            config,
            clock,
            started: clock.date(),
            shards,
            broker,
            updates,
            origins: RwLock::new(origins),
            backend_keys,
            tickets,
            revocations,
            counters: Counters::default(),
            publish_times: DurationCounts::new(&PUBLISH_US),
            access,
            users,
            delivered_finals: DeliveredFinals::default(),
            answer_budget,
            pressure: Pressure::default(),
            tls,
            compression,
            session_count,
            admissions,
            drain: DrainState::default(),
            reload,
        }))
    }

    /// The shard where a link's sessions live.
    pub fn shard_of(&self, link: &LinkId) -> &Arc<Shard> {
        // Ids of links are random, and only the distribution matters.
        let hash = stable_hash(link.as_str().bytes());
        let shards = self.shards.len() as u64;
        let at = usize::try_from(hash % shards).unwrap_or(0);
        // A remainder is less than its divisor, and there is at least one core.
        &self.shards[at]
    }

    /// Who the holder of a token is, what it permits and until when; in `--dev` everything.
    pub async fn admit(&self, token: Option<&str>) -> Result<Admission, TokenError> {
        if self.config.dev {
            return Ok(Admission::everything());
        }
        self.admission(self.claims(token).await?)
    }

    /// The claims of a token.
    pub(crate) async fn claims(&self, token: Option<&str>) -> Result<Claims, TokenError> {
        self.admissions.claims(self.clock, token).await
    }

    /// What checked claims permit, unless they are of a token that was revoked.
    pub(crate) fn admission(&self, claims: Claims) -> Result<Admission, TokenError> {
        let admission = self.admissions.admission(self.clock, claims);
        if self.is_revoked(admission.identity.as_deref()) {
            return Err(TokenError::Revoked);
        }
        Ok(admission)
    }

    /// Counts one more session of a user's link, where the token names a user.
    pub(crate) fn count_user(
        &self,
        identity: Option<&Identity>,
        link: &LinkId,
    ) -> Result<Option<UserPermit>, Refusal> {
        let Some(user) = identity.and_then(|who| who.user.as_ref()) else { return Ok(None) };
        let permit = self.users.open(self.clock.now(), user, link).map_err(Refusal::User);
        permit.inspect_err(|refusal| self.access.count(*refusal)).map(Some)
    }

    /// Refuses claims whose time is over, the leeway included.
    pub(crate) fn check_end(&self, claims: &Claims) -> Result<(), TokenError> {
        claims.check_end(self.clock.date().0 / 1000, self.config.auth.leeway_s)
    }

    /// Whether the token of this identity counts no more. To be asked again once a session is open:
    /// a revocation ends only the sessions that it finds.
    pub(crate) fn is_revoked(&self, identity: Option<&Identity>) -> bool {
        !self.config.dev && self.revocations.covers(identity)
    }

    /// Drops some of what has grown too old. To be called every ten seconds.
    pub(crate) fn expire(&self) {
        self.broker.expire();
        self.compression.expire();
        self.tickets.expire(self.clock.now());
        self.revocations.expire(self.clock.date().0 / 1000);
    }

    /// Stores and announces an event, and counts it.
    pub async fn publish(&self, publish: Publish) -> Result<Receipt, PublishError> {
        let begun = self.clock.elapsed();
        let answer = self.broker.publish(publish).await;
        self.count(std::slice::from_ref(&answer), begun);
        answer
    }

    /// Stores and announces many events, in order, and counts them.
    pub async fn publish_many(
        &self,
        publishes: Vec<Publish>,
    ) -> Vec<Result<Receipt, PublishError>> {
        let begun = self.clock.elapsed();
        let answers = self.broker.publish_many(publishes).await;
        self.count(&answers, begun);
        answers
    }

    fn count(&self, answers: &[Result<Receipt, PublishError>], begun: Duration) {
        self.publish_times.add(self.clock.elapsed().saturating_sub(begun));
        let (mut published, mut repeated, mut refused) = (0, 0, 0);
        for answer in answers {
            *match answer {
                Ok(receipt) if receipt.is_repeat => &mut repeated,
                Ok(_) => &mut published,
                Err(_) => &mut refused,
            } += 1;
        }
        let counters = &self.counters;
        counters.published.fetch_add(published, Ordering::Relaxed);
        counters.repeated.fetch_add(repeated, Ordering::Relaxed);
        counters.publish_errors.fetch_add(refused, Ordering::Relaxed);
    }

    /// A random link id, for a peer that has none of its own.
    pub fn random_link(&self, kind: &str) -> Option<LinkId> {
        let random = getrandom::u64().ok()?;
        LinkId::new(&format!("{kind}-{random:016x}")).ok()
    }

    /// A random number from `low` to `high`; `low` if `high` is not greater.
    pub fn draw_ms(&self, low: u64, high: u64) -> u64 {
        let width = high.saturating_sub(low).saturating_add(1);
        low + getrandom::u64().map_or(0, |random| random % width)
    }

    /// The id of a session, as operators see it.
    pub fn connection_id(shard: usize, key: SessionKey) -> String {
        format!("{shard:x}-{:x}-{:x}", key.index, key.serial)
    }

    /// The session of an id, and its shard.
    pub fn connection_of(&self, id: &str) -> Option<(&Arc<Shard>, SessionKey)> {
        let mut parts = id.splitn(3, '-').map(|part| u32::from_str_radix(part, 16).ok());
        let (shard, index, serial) = (parts.next()??, parts.next()??, parts.next()??);
        let shard = self.shards.get(usize::try_from(shard).ok()?)?;
        Some((shard, SessionKey { index, serial }))
    }

    /// The sum over all shards. A channel with members on several shards counts once for each.
    pub fn totals(&self) -> Totals {
        let mut sum = Totals { peak: self.session_count.peak(), ..Totals::default() };
        for shard in &*self.shards {
            let one = shard.with(|hub, _| hub.totals());
            sum.connections += one.connections;
            sum.accepted += one.accepted;
            sum.closed += one.closed;
            sum.replaced += one.replaced;
            sum.stale += one.stale;
            sum.slow += one.slow;
            sum.deliveries += one.deliveries;
            sum.lagged += one.lagged;
            sum.throttled += one.throttled;
            sum.refreshed += one.refreshed;
            sum.healthy += one.healthy;
            sum.channels += one.channels;
            sum.members += one.members;
            sum.timeline_entries += one.timeline_entries;
            sum.timelines_kept += one.timelines_kept;
            sum.quality.merge(&one.quality);
            for (sum, one) in sum.transports.iter_mut().zip(one.transports) {
                *sum += one;
            }
        }
        sum
    }

    /// Counts all live sessions by what their client runs on, some at a time, so that nobody waits
    /// for long.
    pub(crate) async fn platforms(&self) -> [u64; PLATFORMS.len()] {
        let mut sums = [0; PLATFORMS.len()];
        for shard in &*self.shards {
            let slots = shard.with(|hub, _| hub.slots());
            for from in (0..slots).step_by(SLOTS_PER_LOCK as usize) {
                let slots = from..from.saturating_add(SLOTS_PER_LOCK);
                let counts = shard.with(|hub, _| hub.platforms(slots));
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum += count;
                }
                tokio::task::yield_now().await;
            }
        }
        sums
    }

    /// How sessions have ended, and how long it takes to write events to them.
    pub(crate) fn session_count(&self) -> &SessionCount {
        &self.session_count
    }

    /// Whether the node drains.
    pub fn is_draining(&self) -> bool {
        self.drain.is_begun()
    }

    /// How slowly the peer of a response may take it.
    pub(crate) fn write_pace(&self) -> WritePace {
        WritePace {
            stall_max: Duration::from_millis(self.config.limits.slow_timeout_ms),
            bytes_per_second_min: self.config.limits.read_bytes_per_second_min,
        }
    }

    /// The limits of one session's messages.
    pub fn message_limits(&self) -> Limits {
        limits(&self.config)
    }
}

fn broker(config: &Config, clock: Clock, updates: &UpdateBus) -> Result<Broker, ServeError> {
    let seed = getrandom::u64().map_err(ServeError::Random)?;
    Ok(Broker::start(BrokerConfig {
        settings: &config.broker,
        is_dev: config.dev,
        streams: streams_config(config, seed),
        node_name: &config.node.name,
        clock,
        updates: updates.clone(),
    })?)
}

fn revocations(config: &Config, clock: Clock) -> Result<Revocations, ServeError> {
    let file = config.revocations_file();
    Revocations::new(config.auth.revocations_max, file.clone(), clock.date().0 / 1000)
        .map_err(|source| ServeError::Revocations { file: file.unwrap_or_default(), source })
}
