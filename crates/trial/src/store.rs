//! A store on a free port, in a folder of its own: `redis-server` or `nats-server`. In: which, and
//! whether it syncs every write. Out: a process that can be killed and started again. It is killed
//! with its owner.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// How long a store may take to listen.
const PATIENCE: Duration = Duration::from_mins(1);

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `redis-server` that writes nothing to disk.
    Redis,
    /// `redis-server` that syncs every write before it answers.
    RedisSynced,
    /// `nats-server` with JetStream, which writes before it answers and syncs now and then.
    Nats,
}

/// A running store.
#[derive(Debug)]
pub struct Store {
    kind: Kind,
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Store {
    /// Starts one, and waits until it listens.
    pub async fn start(kind: Kind) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let child = spawn(kind, port, &folder)?;
        let store = Self { kind, child, folder, port };
        store.listens().await?;
        Ok(store)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        let scheme = match self.kind {
            Kind::Redis | Kind::RedisSynced => "redis",
            Kind::Nats => "nats",
        };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// What a node is told of it, as variables without `STEADFAST_`.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        match self.kind {
            Kind::Redis | Kind::RedisSynced => {
                [("BROKER__KIND", "redis".into()), ("BROKER__REDIS__SERVERS", self.url())]
            }
            Kind::Nats => [("BROKER__KIND", "nats".into()), ("BROKER__NATS__SERVERS", self.url())],
        }
    }

    /// `kill -9`, and waits for the end.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// The same store again, with what it kept.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.child = spawn(self.kind, self.port, &self.folder)?;
        self.listens().await
    }

    async fn listens(&self) -> anyhow::Result<()> {
        let opening = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, opening).await.context("the store does not listen")
    }
}

fn spawn(kind: Kind, port: u16, folder: &TempDir) -> anyhow::Result<Child> {
    let port = port.to_string();
    let (program, mut args) = match kind {
        Kind::Redis => ("redis-server", vec!["--appendonly", "no", "--save", ""]),
        Kind::RedisSynced => {
            ("redis-server", vec!["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
        }
        Kind::Nats => ("nats-server", vec!["-js", "-sd", "."]),
    };
    match kind {
        Kind::Redis | Kind::RedisSynced => args.extend(["--bind", "127.0.0.1", "--port", &port]),
        Kind::Nats => args.extend(["-a", "127.0.0.1", "-p", &port]),
    }
    let mut command = Command::new(program);
    command.current_dir(folder.path()).args(args).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("{program} does not start; is it installed?"))
}
