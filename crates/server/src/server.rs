//! The life of a node: listen, serve until a signal, drain, end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::error::ServeError;
use crate::net::file_limit;
use crate::node::Node;
use crate::reload::{LoadConfig, reload};
use crate::{backend_api, client_api, drain};

/// How often expired events are dropped.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(10);
/// How often epochs to come of what is followed are kept.
const KEEP_INTERVAL: Duration = Duration::from_mins(1);
/// How often the files of certificates are looked at.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(10);

/// SIGTERM, SIGINT and SIGHUP. Once this exists the first two start a drain and the third loads the
/// configuration, where each would end the process.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// Starts to handle the signals. This happens before the node reports that it listens, since a
    /// signal may follow at once. One that never reloads leaves SIGHUP as it is: it ends with its
    /// terminal.
    pub fn catch(reloads: bool) -> Result<Self, ServeError> {
        let catch = |kind| signal(kind).map_err(ServeError::Signal);
        let hangup = reloads.then(|| catch(SignalKind::hangup())).transpose()?;
        let (term, int) = (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
        Ok(Self { term, int, hangup })
    }

    /// Waits for the next signal to end; its name.
    async fn stop(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }

    /// Waits for the next signal; the name of one to end, `None` for one to reload.
    async fn next(&mut self) -> Option<&'static str> {
        let Self { term, int, hangup } = self;
        let hangup = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = term.recv() => Some("SIGTERM"),
            _ = int.recv() => Some("SIGINT"),
            _ = hangup => None,
        }
    }
}

/// Sockets that whoever started the process has opened. A port without one is opened as the
/// settings say.
#[derive(Debug, Default)]
pub struct Inherited {
    /// For clients.
    pub public: Option<std::net::TcpListener>,
    /// For backends and operators.
    pub internal: Option<std::net::TcpListener>,
}

/// Where a node is in its life, for whoever supervises the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifePhase {
    /// It serves.
    Ready,
    /// It loads its configuration, and goes on serving; [`Self::Ready`] follows.
    Reloading,
    /// It drains, which takes so long at most, and ends.
    Stopping(Duration),
}

/// What a node is given for its life.
#[expect(missing_debug_implementations, reason = "functions have nothing to show")]
pub struct RunHooks {
    /// Loads the configuration again.
    pub load: Arc<LoadConfig>,
    /// Is told of each phase when it begins.
    pub on_phase: Box<dyn Fn(LifePhase) + Send + Sync>,
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
    pub fn start(config: Config) -> Result<Self, ServeError> {
        Self::start_on(config, Inherited::default())
    }

    /// The same, on sockets that listen already, where there are some.
    pub fn start_on(mut config: Config, inherited: Inherited) -> Result<Self, ServeError> {
        let asked = config.clone();
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
        node.reload.started_with(asked);
        let backlog = node.config.public.accept_backlog;
        let listen = |inherited: Option<_>, address| match inherited {
            Some(listener) => client_api::adopt(listener, node.config.dev),
            None => client_api::bind(address, backlog),
        };
        let public = listen(inherited.public, node.config.public.listen)?;
        let internal = listen(inherited.internal, node.config.internal.listen)?;
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
    pub async fn run(self, mut signals: Signals, hooks: RunHooks) {
        let node = Arc::clone(&self.node);
        let tasks = self.spawn();
        (hooks.on_phase)(LifePhase::Ready);
        let by = loop {
            if let Some(by) = signals.next().await {
                break by;
            }
            (hooks.on_phase)(LifePhase::Reloading);
            let (node, load) = (Arc::clone(&node), Arc::clone(&hooks.load));
            drop(tokio::task::spawn_blocking(move || reload(&node, &*load)).await);
            (hooks.on_phase)(LifePhase::Ready);
        };
        tracing::info!(signal = by, "leaving");
        tokio::select! {
            () = leave(&node, &hooks) => {}
            by = signals.stop() => tracing::info!(signal = by, "a second signal ends the drain"),
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
        tasks.spawn(watch_certificates(Arc::clone(&node)));
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

async fn leave(node: &Node, hooks: &RunHooks) {
    let plan = drain::begin(node).await;
    (hooks.on_phase)(LifePhase::Stopping(plan.duration()));
    drain::complete(node).await;
}

/// Looks for new certificates now and then.
async fn watch_certificates(node: Arc<Node>) {
    if node.tls.is_empty() {
        return;
    }
    let mut look = tokio::time::interval(CERTIFICATE_INTERVAL);
    loop {
        look.tick().await;
        let node = Arc::clone(&node);
        drop(tokio::task::spawn_blocking(move || node.tls.reload()).await);
    }
}

fn address(listener: &TcpListener, wanted: SocketAddr) -> Result<SocketAddr, ServeError> {
    listener.local_addr().map_err(|source| ServeError::Listen { address: wanted, source })
}

#[cfg(test)]
mod tests {
    use super::{LifePhase, RunHooks, Server, Signals};
    use crate::config::Config;
    use parking_lot::Mutex;
    use rustix::process::{Signal, getpid, kill_process};
    use std::sync::Arc;

    /// A program that reads that the node listens may stop it before it serves.
    #[tokio::test]
    async fn a_signal_that_comes_before_serving_begins_is_a_drain_and_no_sudden_end() {
        let mut config = Config { dev: true, ..Config::default() };
        config.public.listen = "127.0.0.1:0".parse().unwrap();
        config.internal.listen = "127.0.0.1:0".parse().unwrap();
        for signal in [Signal::TERM, Signal::INT] {
            let server = Server::start(config.clone()).unwrap();
            let signals = Signals::catch(true).unwrap();
            kill_process(getpid(), signal).unwrap();
            let phases = Arc::<Mutex<Vec<LifePhase>>>::default();
            let (noted, config) = (Arc::clone(&phases), config.clone());
            let hooks = RunHooks {
                load: Arc::new(move || Ok(config.clone())),
                on_phase: Box::new(move |phase| noted.lock().push(phase)),
            };
            server.run(signals, hooks).await;
            let phases = phases.lock();
            assert!(matches!(phases[..], [LifePhase::Ready, LifePhase::Stopping(_)]), "{phases:?}");
        }
    }
}
