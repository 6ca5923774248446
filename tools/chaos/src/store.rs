//! A store on a free port, in a folder of its own: `redis-server` or `nats-server`. In: which, and
//! whether it syncs every write. Out: a process that can be killed and started again. It is killed
//! with its owner.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::process::free_address;

/// How long a store may take to listen.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long it may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

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
    more: Vec<String>,
    /// Where it listens.
    pub port: u16,
}

impl Store {
    /// Starts one, and waits until it listens.
    pub async fn start(kind: Kind) -> anyhow::Result<Self> {
        Self::start_with(kind, &[]).await
    }

    /// The same with more arguments.
    pub async fn start_with(kind: Kind, more: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_address()?.port();
        let more: Vec<String> = more.iter().map(|&word| word.to_owned()).collect();
        let child = spawn(kind, port, &folder, &more)?;
        let store = Self { kind, child, folder, more, port };
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

    /// A connection to a `redis-server`.
    pub async fn connection(&self) -> anyhow::Result<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWERS_WITHIN));
        let client = redis::Client::open(self.url())?;
        Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// `kill -9`, and waits for the end.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// The same store again, with what it kept.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.child = spawn(self.kind, self.port, &self.folder, &self.more)?;
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

fn spawn(kind: Kind, port: u16, folder: &TempDir, more: &[String]) -> anyhow::Result<Child> {
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
    command.current_dir(folder.path()).args(args).args(more).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("{program} does not start; is it installed?"))
}
