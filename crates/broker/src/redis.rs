//! The Redis broker: channels on one server or several, shared by many nodes. One script does all
//! of a publish atomically and announces the event to every node. In: publishes and reads. Out:
//! positions and pages from the servers, updates from their announcements.

mod discovery;
mod entry;
mod membership;
mod page;
mod pubsub;
mod scripts;
mod server;
mod sharding;
mod supervisor;
mod sweep;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{join, join_all};
use redis::RedisError;
use steadfast_history::{
    ChannelInfo, EpochMaker, HistoryConfig, Page, PageLimit, Publish, PublishError, ReadError,
    Receipt, ReservedTotals,
};
use steadfast_protocol::{ChannelName, Epoch, Generation, LinkKey, ReplaceKey, Since};

use self::discovery::Discovery;
use self::page::{describe, page};
use self::scripts::{DELETE, PUBLISH, READ, number, text};
use self::server::{RedisNode, RedisUnavailable, fence_of};
use super::cluster::{ClusterMessage, ClusterTransport, NodeId, PROBE_TIMEOUT, RpcState};
use crate::contract::BrokerBackend;
use crate::metrics::{BrokerMetric, BrokerStat};
use crate::secret::Secret;
use crate::settings::RedisSettings;
use crate::update_bus::UpdateBus;

/// The most kept events that a script examines for one page: the server is blocked meanwhile.
const EXAMINED_MAX: usize = 1_000;

/// Why the broker cannot be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisStartError {
    /// An address cannot be parsed.
    #[error(
        "an address of the broker is not like redis[s]://[user:password@]host[:port][/database]"
    )]
    Address,
}

/// Whether the broker can parse this address.
pub(super) fn is_server_address(address: &Secret) -> bool {
    discovery::info(address.expose()).is_ok()
}

/// The script of a publish, for benchmarks of what a server alone can do.
pub fn publish_script() -> &'static str {
    PUBLISH.code()
}

/// A broker whose channels are distributed over Redis servers by hash.
#[derive(Debug)]
pub struct RedisBroker {
    servers: Vec<RedisNode>,
    shared: RedisShared,
}

/// What the tasks of all servers share.
#[derive(Debug)]
struct RedisShared {
    updates: UpdateBus,
    streams: HistoryConfig,
    epochs: EpochMaker,
    servers: usize,
    rpc: RpcState,
}

impl RedisShared {
    fn server_of(&self, name: &str) -> usize {
        sharding::server_of(name, self.servers)
    }
}

impl RedisBroker {
    /// Creates a broker that is not connected yet: run [`Self::run`] on a task of its own. `node`
    /// is the node's name.
    pub fn new(
        settings: &RedisSettings,
        streams: HistoryConfig,
        updates: UpdateBus,
        node: &str,
    ) -> Result<Self, RedisStartError> {
        let own = NodeId { run: format!("{:016x}", streams.epoch_seed), name: node.to_owned() };
        let discovery = Discovery::new(settings)?;
        let servers: Vec<RedisNode> = discovery
            .into_iter()
            .enumerate()
            .map(|(at, place)| RedisNode::new(at, place, &settings.prefix, &own))
            .collect();
        let (epochs, rpc) = (EpochMaker::new(streams.epoch_seed), RpcState::new(own));
        let shared = RedisShared { updates, streams, epochs, servers: servers.len(), rpc };
        Ok(Self { servers, shared })
    }

    /// A sum over all servers.
    fn sum(&self, count: fn(&RedisNode) -> &AtomicU64) -> u64 {
        self.servers.iter().map(|server| count(server).load(Ordering::Relaxed)).sum()
    }

    /// Servers that this node has a session with.
    fn connected_servers(&self) -> usize {
        self.servers.iter().filter(|server| server.session().is_ok()).count()
    }

    fn of(&self, channel: &ChannelName) -> &RedisNode {
        // The index is below the number of servers, and the settings name at least one.
        &self.servers[self.shared.server_of(channel.as_str())]
    }
}

impl BrokerBackend for RedisBroker {
    const NAME: &'static str = "redis";

    /// Keeps sessions with all servers. Never returns.
    async fn run(&self) {
        let sessions = self.servers.iter().map(|server| {
            join(supervisor::run(server, &self.shared), sweep::sweep(server, &self.shared))
        });
        join_all(sessions).await;
    }

    /// Removes this node from the servers' lists, so that no other node waits for its report.
    async fn leave(&self) {
        let leaves = self.servers.iter().map(|server| async move {
            let Ok(session) = server.session() else { return };
            let mut command = redis::cmd("HDEL");
            command.arg(&server.keys.nodes).arg(&server.node);
            let left: Result<u64, RedisError> =
                command.query_async(&mut session.commands.clone()).await;
            if let Err(error) = left {
                tracing::debug!(%error, "could not tell the other nodes that this one leaves");
            }
        });
        // A server that is not told notices the absence by the missing heartbeats.
        drop(tokio::time::timeout(PROBE_TIMEOUT, join_all(leaves)).await);
    }

    async fn publish(&self, publish: Publish) -> Result<Receipt, PublishError> {
        let (server, streams) = (self.of(&publish.channel), &self.shared.streams);
        let away = |_: RedisUnavailable| PublishError::Unavailable;
        let session = server.session().map_err(away)?;
        let (spare, name) = (self.shared.epochs.base(), publish.channel.as_str());
        let bare = Epoch::new(&spare).map_err(|_| PublishError::Unavailable)?;
        let retention = streams.retention_of(publish.channel.namespace());
        let namespace_max = streams.channels_max_of(publish.channel.namespace());
        // A channel's name has no space, so no two pairs share a name.
        let key = publish.idempotency_key.as_deref().map(|key| format!("{name} {key}"));
        let hash = key.as_ref().map(|_| format!("{:016x}", publish.fingerprint().0));
        let replace = publish.replace.as_ref().map_or("", ReplaceKey::as_str);
        let call = server
            .channel_call_with(
                &session,
                &PUBLISH,
                name,
                &[&server.keys.answers, &server.keys.answers_order],
            )
            .arg(spare.as_str())
            .arg(name)
            .number(streams.channels_max)
            .number(retention.events_max)
            .number(retention.age_max.0)
            .number(retention.bytes_max)
            .number(streams.bytes_total_max)
            .number(streams.idempotency_window.0)
            .arg(entry::entry(&publish, &bare))
            .number(u8::from(publish.is_final))
            .arg(replace)
            .arg(server.keys.events.as_str())
            .number(streams.idempotency_keys_max)
            .arg(key.unwrap_or_default())
            .arg(hash.unwrap_or_default())
            .number(namespace_max);
        let answer = server.send(&session, call).await.map_err(away)?;
        match text(answer.first()) {
            "ok" => {
                let unreadable = PublishError::Unavailable;
                let epoch = Epoch::new(text(answer.get(1))).map_err(|_| unreadable.clone())?;
                let offset = number(answer.get(2)).ok_or(unreadable)?;
                server.note_seen(fence_of(&epoch), number(answer.get(3)).unwrap_or(0));
                server.note_size(answer.get(4), answer.get(5));
                Ok(Receipt { epoch, offset, is_repeat: text(answer.get(6)) == "1" })
            }
            "mismatch" => Err(PublishError::IdempotencyMismatch),
            "finished" => Err(PublishError::Finished),
            "channels" => Err(PublishError::TooManyChannels { max: streams.channels_max }),
            "namespace" => Err(PublishError::NamespaceFull {
                namespace: publish.channel.namespace().into(),
                max: namespace_max,
            }),
            "keys" => Err(PublishError::IdempotencyFull { max: streams.idempotency_keys_max }),
            "storage" => Err(PublishError::StorageFull { bytes_max: streams.bytes_total_max }),
            _ => Err(PublishError::Unavailable),
        }
    }

    /// Sends all publishes to their servers in their order before the first is answered.
    async fn publish_many(&self, publishes: Vec<Publish>) -> Vec<Result<Receipt, PublishError>> {
        join_all(publishes.into_iter().map(|publish| self.publish(publish))).await
    }

    async fn read(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Result<Page, ReadError> {
        let (server, streams) = (self.of(channel), &self.shared.streams);
        let away = |_: RedisUnavailable| ReadError::Unavailable;
        let session = server.session().map_err(away)?;
        let (kind, epoch, offset) = match since {
            Since::Start => ("start", "", 0),
            Since::Now => ("now", "", 0),
            Since::After(position) => ("after", position.epoch.as_str(), position.offset),
        };
        let call = server
            .channel_call(&session, &READ, channel.as_str())
            .arg(self.shared.epochs.base())
            .arg(channel.as_str())
            .number(streams.channels_max)
            .number(streams.retention_of(channel.namespace()).age_max.0)
            .arg(kind)
            .arg(epoch)
            .number(offset)
            .number(limit.events_max)
            .number(limit.bytes_max)
            .number(u8::from(limit.is_thinned))
            .number(EXAMINED_MAX)
            .number(streams.reserved_epochs_max)
            .number(streams.reserved_epoch_lasts.0);
        let answer = server.send(&session, call).await.map_err(away)?;
        match text(answer.first()) {
            "ok" => {
                server.note_size(answer.get(8), answer.get(9));
                server.note_reserved(answer.get(10), answer.get(11));
                let page = page(channel, since, &answer).ok_or(ReadError::Unavailable)?;
                // A session is registered as a member before it reads.
                if page.head == 0 && self.shared.updates.is_followed(channel) {
                    let names = std::slice::from_ref(channel);
                    supervisor::heads(server, &self.shared, &session, names).await.map_err(away)?;
                }
                Ok(page)
            }
            _ => Err(ReadError::Unavailable),
        }
    }

    async fn info(&self, channel: &ChannelName) -> Result<Option<ChannelInfo>, ReadError> {
        let mut found = describe(self.of(channel), channel.as_str(), None).await?;
        Ok(found.pop())
    }

    async fn list(
        &self,
        after: Option<&ChannelName>,
        limit: usize,
    ) -> Result<Vec<ChannelInfo>, ReadError> {
        let least = after.map_or_else(|| "-".to_owned(), |name| format!("({name}"));
        let pages = self.servers.iter().map(|server| describe(server, &least, Some(limit)));
        let mut all = Vec::new();
        for page in join_all(pages).await {
            all.extend(page?);
        }
        all.sort_by(|one: &ChannelInfo, two| one.channel.cmp(&two.channel));
        all.truncate(limit);
        Ok(all)
    }

    async fn delete(&self, channel: &ChannelName) -> Result<bool, ReadError> {
        let server = self.of(channel);
        let away = |_: RedisUnavailable| ReadError::Unavailable;
        let session = server.session().map_err(away)?;
        let call = server
            .channel_call(&session, &DELETE, channel.as_str())
            .arg(channel.as_str())
            .arg(server.keys.events.as_str());
        let answer = server.send(&session, call).await.map_err(away)?;
        server.note_seen(&session.fence, number(answer.get(2)).unwrap_or(0));
        server.note_size(answer.get(3), answer.get(4));
        Ok(text(answer.get(1)) == "1")
    }

    /// Whether a probe comes back from every server as an announcement would.
    async fn is_ready(&self) -> bool {
        let probes = self.servers.iter().map(|server| async move {
            let mut heard = server.heard.subscribe();
            let Ok(probe) = server.probe().await else { return false };
            heard.wait_for(|heard| *heard >= probe).await.is_ok()
        });
        let all = tokio::time::timeout(PROBE_TIMEOUT, join_all(probes)).await;
        all.is_ok_and(|all| all.into_iter().all(|is_ready| is_ready))
    }

    /// Tells every node that a session of a link begins here, so that older ones are closed.
    async fn claim_link(&self, link: &LinkKey, generation: Generation) {
        let Some(server) = self.servers.get(self.shared.server_of(link.link.as_str())) else {
            return;
        };
        let (node, link) = (self.node_id().clone(), link.clone());
        let claim = ClusterMessage::ClaimLink { node, generation, link };
        // Without the server no node can be told; an older session still sees correct events.
        drop(server.send_message(&server.keys.control, &claim).await);
    }

    /// Channels and bytes, as last reported by the servers.
    fn size(&self) -> (usize, usize) {
        let sum = |count| usize::try_from(self.sum(count)).unwrap_or(usize::MAX);
        (sum(|server| &server.channels), sum(|server| &server.bytes))
    }

    /// Names with reserved epochs, as last reported by the servers, and those dropped by this node.
    fn reserved_epochs(&self) -> ReservedTotals {
        let mut totals = ReservedTotals::default();
        for server in &self.servers {
            let names = server.counters.reserved.load(Ordering::Relaxed);
            totals.names += usize::try_from(names).unwrap_or(usize::MAX);
            totals.dropped += server.counters.reserved_dropped.load(Ordering::Relaxed);
        }
        totals
    }

    /// Problems that operators should know of although the servers answer.
    fn warnings(&self) -> Vec<String> {
        let warning = |server: &RedisNode| {
            let policy = server.evicts.lock().clone()?;
            Some(format!(
                "server {} of the redis broker has `maxmemory-policy {policy}` and drops events \
                 when its memory is full; set `noeviction`",
                server.at
            ))
        };
        self.servers.iter().filter_map(warning).collect()
    }

    fn metrics(&self) -> Vec<BrokerMetric> {
        let connected = self.connected_servers() as u64;
        let sessions = self.sum(|server| &server.counters.sessions);
        let fences = self.sum(|server| &server.counters.fences);
        let dropped = self.sum(|server| &server.counters.dropped);
        vec![
            BrokerMetric::gauge(
                "redis_servers",
                "Servers of the broker",
                self.servers.len() as u64,
            ),
            BrokerMetric::gauge(
                "redis_servers_connected",
                "Servers that this node has a session with",
                connected,
            ),
            BrokerMetric::counter("redis_sessions", "Sessions with servers begun", sessions),
            BrokerMetric::counter(
                "redis_fences_raised",
                "Times that events were lost and epochs changed",
                fences,
            ),
            BrokerMetric::counter(
                "redis_announcements_dropped",
                "Times that announcements were dropped and read from history",
                dropped,
            ),
            BrokerMetric::counter(
                "redis_questions_dropped",
                "Requests of other nodes dropped for lack of room",
                self.shared.rpc.dropped(),
            ),
        ]
    }

    fn stats(&self) -> Vec<BrokerStat> {
        let sum = |name, count| BrokerStat::count(name, self.sum(count));
        vec![
            BrokerStat::count("all", self.servers.len() as u64),
            BrokerStat::count("connected", self.connected_servers() as u64),
            sum("sessions", |server| &server.counters.sessions),
            sum("fences_raised", |server| &server.counters.fences),
            sum("announcements_dropped", |server| &server.counters.dropped),
            BrokerStat::count("questions_dropped", self.shared.rpc.dropped()),
        ]
    }
}
