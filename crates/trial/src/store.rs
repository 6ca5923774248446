//! A `redis-server` on a free port, in a folder of its own. In: how it keeps what it is given. Out:
//! its address. It is killed with its owner.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::process::free_address;

/// It writes nothing to disk.
pub const NOTHING: [&str; 4] = ["--save", "", "--appendonly", "no"];
/// It syncs each write before it answers.
pub const ALWAYS: [&str; 6] = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];

/// How long it may take to answer.
const OPENS_WITHIN: Duration = Duration::from_secs(10);

/// A running server.
#[derive(Debug)]
pub struct Store {
    child: Child,
    _folder: TempDir,
    /// Where it listens.
    pub port: u16,
}

impl Store {
    /// Starts one with these settings, and waits until it answers.
    pub async fn start(settings: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_address()?.port();
        let mut command = Command::new("redis-server");
        command.current_dir(folder.path()).args(["--port", &port.to_string()]);
        command.args(["--bind", "127.0.0.1"]).args(settings);
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().context("redis-server does not start; is it installed?")?;
        let store = Self { child, _folder: folder, port };
        let opening = async {
            while store.connection().await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(OPENS_WITHIN, opening).await.context("no redis-server")?;
        Ok(store)
    }

    /// Its address, as nodes are given it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection to it.
    pub async fn connection(&self) -> anyhow::Result<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(OPENS_WITHIN));
        let client = redis::Client::open(self.url())?;
        Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// `kill -9`, and waits for the end.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}
