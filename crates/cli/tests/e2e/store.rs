//! A `redis-server` for one test, on a port and in a folder of its own; it syncs every write. It
//! is killed with its owner.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::server::{Server, free_address};
use crate::within;

/// A running store.
#[derive(Debug)]
pub(crate) struct Store {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Store {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_address().port();
        let child = spawn(port, &folder);
        let store = Self { child, port, folder };
        store.is_open().await;
        store
    }

    /// A node on this store.
    pub(crate) async fn node(&self, name: &str) -> Server {
        let server = format!("redis://127.0.0.1:{}", self.port);
        let settings =
            [("BROKER__KIND", "redis"), ("BROKER__REDIS__SERVERS", &server), ("NODE", name)];
        let node = Server::dev_with(&settings).await;
        node.is_ready().await;
        node
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
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
        self.child = spawn(self.port, &self.folder);
        self.is_open().await;
    }

    async fn is_open(&self) {
        let opening = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        within("redis-server, of Debian's package of that name,", opening).await;
    }
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
