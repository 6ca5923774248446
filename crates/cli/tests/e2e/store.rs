//! A `redis-server` for one test, on a port and in a folder of its own; it syncs every write. It
//! is killed with its owner.

use std::net::SocketAddr;
use std::process::Stdio;

use steadfast_broker::testing::ReservedPort;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::server::Server;
use crate::within;

/// A running store.
#[derive(Debug)]
pub(crate) struct Store {
    child: Child,
    port: ReservedPort,
    folder: TempDir,
}

impl Store {
    pub(crate) async fn start() -> Self {
        // Another program than a test may take the port before the server does: then once more.
        for _ in 0..20 {
            let (port, folder) = (ReservedPort::take(), tempfile::tempdir().unwrap());
            let child = spawn(port.number(), &folder);
            let mut store = Self { child, port, folder };
            if opens(&mut store.child, store.port.address()).await {
                return store;
            }
        }
        panic!("no redis-server would start");
    }

    /// A node on this store.
    pub(crate) async fn node(&self, name: &str) -> Server {
        self.node_with(name, &["--dev"], &[]).await
    }

    /// The same, with these flags and settings.
    pub(crate) async fn node_with(
        &self,
        name: &str,
        flags: &[&str],
        settings: &[(&str, &str)],
    ) -> Server {
        let server = format!("redis://{}", self.port.address());
        let shared =
            [("BROKER__KIND", "redis"), ("BROKER__REDIS__SERVERS", &server), ("NODE", name)];
        let node = Server::start(flags, &[&shared, settings].concat()).await;
        node.is_ready().await;
        node
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Takes connections and requests, and answers none, until it is thawed.
    pub(crate) fn freeze(&self) {
        self.signals("-STOP");
    }

    /// Goes on.
    pub(crate) fn thaw(&self) {
        self.signals("-CONT");
    }

    fn signals(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success(), "{signal} {id}");
    }

    /// The same store again, with what it kept.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(self.port.number(), &self.folder);
        assert!(opens(&mut self.child, self.port.address()).await, "it did not come back");
    }
}

/// Waits until a store takes connections; false where it ended, as on a port that is taken.
pub(crate) async fn opens(child: &mut Child, address: SocketAddr) -> bool {
    let opening = async {
        while TcpStream::connect(address).await.is_err() {
            if child.try_wait().unwrap().is_some() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    within("a store, of Debian's package `redis-server` or `nats-server`,", opening).await;
    child.try_wait().unwrap().is_none()
}

impl Server {
    /// Waits until the node can do its work.
    pub(crate) async fn is_ready(&self) {
        let looking = async {
            while self.looks("/readyz").await.status != 200 {
                tokio::task::yield_now().await;
            }
        };
        within("a broker that is there", looking).await;
    }
}

fn spawn(port: u16, folder: &TempDir) -> Child {
    let mut command = Command::new("redis-server");
    command.current_dir(folder.path()).args(["--port", &port.to_string()]);
    command.args(["--bind", "127.0.0.1", "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.kill_on_drop(true).spawn();
    child.unwrap_or_else(|error| panic!("{error}: is Debian's package `redis-server` installed?"))
}
