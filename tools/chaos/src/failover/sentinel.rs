//! A real sentinel, and a replica that can be made to lag. In: a primary. Out: where the sentinel
//! listens. All end with their owners.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use redis::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::process::free_address;
use crate::store::{Kind, Store};

/// What the sentinel knows the primary as.
pub(super) const NAME: &str = "main";
/// How long it may take to know the replica: it asks its primary every 10 s.
const KNOWS_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(20);

/// A running sentinel.
#[derive(Debug)]
pub(super) struct Sentinel {
    _child: Child,
    _folder: TempDir,
    port: u16,
}

impl Sentinel {
    /// Starts one for this primary, and waits until it knows its replica.
    pub(super) async fn start(primary: &Store) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (file, port) = (folder.path().join("sentinel.conf"), free_address()?.port());
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {NAME} 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds {NAME} 1000\n\
             sentinel failover-timeout {NAME} 10000\n",
            folder.path().display(),
            primary.port
        );
        std::fs::write(&file, settings)?;
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel");
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().context("redis-server does not start; is it installed?")?;
        let sentinel = Self { _child: child, _folder: folder, port };
        let knowing = async {
            while !sentinel.knows_one().await.unwrap_or(false) {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(KNOWS_WITHIN, knowing).await.context("no sentinel, or no replica")?;
        Ok(sentinel)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn knows_one(&self) -> anyhow::Result<bool> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut command = redis::cmd("SENTINEL");
        let all: Vec<Value> =
            command.arg("replicas").arg(NAME).query_async(&mut connection).await?;
        Ok(!all.is_empty())
    }
}

/// A replica that has all its primary has.
pub(super) async fn replica_of(primary: &Store) -> anyhow::Result<Store> {
    let of = format!("127.0.0.1 {}", primary.port);
    let replica = Store::start_with(Kind::RedisSynced, &["--replicaof", &of]).await?;
    until_link(&replica, "up").await?;
    Ok(replica)
}

/// The replica loses its primary, and is not let in again.
pub(super) async fn cut(replica: &Store, primary: &Store) -> anyhow::Result<()> {
    let mut connection = primary.connection().await?;
    for words in [
        &["ACL", "SETUSER", "default", "-psync", "-sync"][..],
        &["CLIENT", "KILL", "TYPE", "replica"],
    ] {
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query_async::<Value>(&mut connection).await?;
    }
    until_link(replica, "down").await
}

async fn until_link(replica: &Store, status: &str) -> anyhow::Result<()> {
    let mut connection = replica.connection().await?;
    let line = format!("master_link_status:{status}");
    let looking = async {
        loop {
            let mut command = redis::cmd("INFO");
            let info: String = command.arg("replication").query_async(&mut connection).await?;
            if info.contains(&line) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(KNOWS_WITHIN, looking).await.context("the replica does not follow")?
}
