//! The life of a node: listen, serve until a signal, drain, end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use steadfast_machine::Span;
use steadfast_protocol::CloseCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::error::ServeError;
use crate::net::file_limit;
use crate::node::Node;
use crate::{backend_api, client_api};

/// How often expired events are dropped.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(10);
/// How often epochs to come of what is followed are kept.
const KEEP_INTERVAL: Duration = Duration::from_mins(1);
/// How often the files of certificates are looked at.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(10);
/// How often a draining node checks whether its sessions have ended.
const DRAIN_LOOK: Duration = Duration::from_millis(50);
/// How long links may take to leave if there is no other node of this service: a client with
/// another endpoint goes there, and no other client can connect before this node is back.
const ALONE_SPREAD: Span = Span(1_000);
const ALONE_DEADLINE: Duration = Duration::from_secs(2);
/// How long the last close frames may take to be sent.
const CLOSE_GRACE: Duration = Duration::from_secs(3);

/// SIGTERM and SIGINT. Once this exists they start a drain instead of ending the process.
#[derive(Debug)]
pub struct StopSignals {
    term: Signal,
    int: Signal,
}

impl StopSignals {
    /// Starts to handle the signals. This happens before the node reports that it listens, since a
    /// signal may follow at once.
    pub fn catch() -> Result<Self, ServeError> {
        let term = signal(SignalKind::terminate()).map_err(ServeError::Signal)?;
        let int = signal(SignalKind::interrupt()).map_err(ServeError::Signal)?;
        Ok(Self { term, int })
    }

    /// Waits for the next signal; its name.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}

/// A node that listens.
#[derive(Debug)]
pub struct Server {
    node: Arc<Node>,
    public: TcpListener,
    internal: TcpListener,
}

impl Server {
    /// Opens both ports, on the runtime that this is called on. Nothing is served until
    /// [`Server::run`].
    pub fn start(mut config: Config) -> Result<Self, ServeError> {
        let (descriptors, wanted) = (file_limit::raise(), config.public.connections_max);
        config.public.connections_max = file_limit::connections(wanted, descriptors);
        let internal = &mut config.internal.connections_max;
        *internal = file_limit::internal(*internal, config.public.connections_max, descriptors);
        if config.public.connections_max < wanted {
            tracing::warn!(
                wanted,
                descriptors,
                connections_max = config.public.connections_max,
                "the system lets this process open too few files for `public.connections_max`: \
                 raise `ulimit -n` (`LimitNOFILE=` of systemd), or lower the setting"
            );
        }
        let node = Node::new(config)?;
        let backlog = node.config.public.accept_backlog;
        let public = client_api::bind(node.config.public.listen, backlog)?;
        let internal = client_api::bind(node.config.internal.listen, backlog)?;
        Ok(Self { node, public, internal })
    }

    /// Where clients connect.
    pub fn public_address(&self) -> Result<SocketAddr, ServeError> {
        address(&self.public, self.node.config.public.listen)
    }

    /// Where backends and operators connect.
    pub fn internal_address(&self) -> Result<SocketAddr, ServeError> {
        address(&self.internal, self.node.config.internal.listen)
    }

    /// The node, for programs that embed it.
    pub const fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Serves until one of `signals`, then drains; a second one ends the drain.
    pub async fn run(self, mut signals: StopSignals) {
        let node = Arc::clone(&self.node);
        let tasks = self.spawn();
        let by = signals.next().await;
        tracing::info!(signal = by, "draining");
        tokio::select! {
            () = drain(&node) => {}
            by = signals.next() => tracing::info!(signal = by, "a second signal ends the drain"),
        }
        node.broker.leave().await;
        drop(tasks);
        tracing::info!("ended");
    }

    /// Starts all tasks; they end when the set is dropped.
    pub fn spawn(self) -> JoinSet<()> {
        let Self { node, public, internal } = self;
        let mut tasks = JoinSet::new();
        for shard in &*node.shards {
            tasks.spawn(Arc::clone(shard).run());
        }
        let broker = Arc::clone(&node);
        tasks.spawn(async move { broker.broker.run().await });
        tasks.spawn(backend_api::cluster_rpc::respond(Arc::clone(&node)));
        tasks.spawn(backend_api::revocations::compare_tables(Arc::clone(&node)));
        let keys = Arc::clone(&node);
        tasks.spawn(async move { keys.admissions.keep_keys().await });
        let clients = Arc::clone(&node);
        tasks.spawn(async move {
            // Clients of a node that has just started wait in the backlog, and are not refused.
            clients.admissions.first_keys().await;
            client_api::serve(clients, public).await;
        });
        tasks.spawn(backend_api::serve(Arc::clone(&node), internal));
        tasks.spawn(reload_certificates(Arc::clone(&node)));
        tasks.spawn(async move {
            let mut expire = tokio::time::interval(EXPIRE_INTERVAL);
            let mut keep = tokio::time::interval(KEEP_INTERVAL);
            loop {
                tokio::select! {
                    _ = expire.tick() => {
                        node.expire();
                        node.pressure.look(&node.broker.yields(), node.clock.now());
                    }
                    _ = keep.tick() => node.broker.keep_followed(),
                }
            }
        });
        tasks
    }
}

/// Looks for new certificates now and then, and whenever SIGHUP comes. A node without TLS leaves
/// that signal as it is: it ends the process with its terminal.
async fn reload_certificates(node: Arc<Node>) {
    if node.tls.is_empty() {
        return;
    }
    let mut look = tokio::time::interval(CERTIFICATE_INTERVAL);
    let mut hangup = signal(SignalKind::hangup()).ok();
    loop {
        let asked = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = look.tick() => {}
            _ = asked => tracing::info!("SIGHUP: looking for new certificates"),
        }
        let reloaded = Arc::clone(&node);
        drop(tokio::task::spawn_blocking(move || reloaded.tls.reload()).await);
    }
}

/// Sends every link away, gives them the time for it, then closes what is left.
async fn drain(node: &Node) {
    let drain = &node.config.drain;
    // It may take a moment to find out whether there are other nodes. No new session is accepted
    // meanwhile.
    node.begin_drain(Span(drain.spread_ms));
    let (after, mut spread) = (Span(drain.after_ms), Span(drain.spread_ms));
    let mut deadline = Duration::from_millis(drain.deadline_ms);
    if node.broker.is_alone().await {
        spread = spread.min(ALONE_SPREAD);
        deadline = deadline.min(Duration::from_millis(after.0) + ALONE_DEADLINE);
        node.begin_drain(spread);
        tracing::info!(?deadline, "there is no other node: links get less time to leave");
    }
    for shard in &*node.shards {
        shard.with(|hub, now| hub.go_away(now, after, spread, None));
    }
    until_empty(node, deadline).await;
    for shard in &*node.shards {
        let (code, reason) = (CloseCode::RESTART, "the server restarts");
        shard.with(|hub, now| hub.close_all(now, code, reason));
    }
    until_empty(node, CLOSE_GRACE).await;
}

/// Waits until no session is left, at most this long.
async fn until_empty(node: &Node, at_most: Duration) {
    let empty = async {
        while node.totals().connections > 0 {
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    };
    // A session that is still open then has had its time.
    drop(tokio::time::timeout(at_most, empty).await);
}

fn address(listener: &TcpListener, wanted: SocketAddr) -> Result<SocketAddr, ServeError> {
    listener.local_addr().map_err(|source| ServeError::Listen { address: wanted, source })
}

#[cfg(test)]
mod tests {
    use super::{Server, StopSignals};
    use crate::config::Config;
    use rustix::process::{Signal, getpid, kill_process};

    /// A program that reads that the node listens may stop it before it serves.
    #[tokio::test]
    async fn a_signal_that_comes_before_serving_begins_is_a_drain_and_no_sudden_end() {
        let mut config = Config { dev: true, ..Config::default() };
        config.public.listen = "127.0.0.1:0".parse().unwrap();
        config.internal.listen = "127.0.0.1:0".parse().unwrap();
        for signal in [Signal::TERM, Signal::INT] {
            let server = Server::start(config.clone()).unwrap();
            let signals = StopSignals::catch().unwrap();
            kill_process(getpid(), signal).unwrap();
            server.run(signals).await;
        }
    }
}
