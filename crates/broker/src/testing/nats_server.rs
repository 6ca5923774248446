//! A `nats-server` of its own for each test, with a port and a folder of its own. It ends with
//! its owner.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use tempfile::TempDir;

use super::ReservedPort;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
#[derive(Debug)]
pub struct NatsServer {
    child: Child,
    port: ReservedPort,
    folder: TempDir,
    syncs: bool,
}

impl NatsServer {
    pub async fn start() -> Self {
        Self::start_as(false).await
    }

    /// One that syncs every write to its disk, where its version has a setting for that: 2.9 has
    /// none.
    pub async fn start_syncing() -> Self {
        Self::start_as(true).await
    }

    async fn start_as(syncs: bool) -> Self {
        // Another program than a test may take the port before the server does: then once more.
        for _ in 0..20 {
            let port = ReservedPort::take();
            let folder = tempfile::tempdir().unwrap();
            let child = spawn(port.number(), &folder.path().join("store"), syncs);
            let mut store = Self { child, port, folder, syncs };
            if store.answers().await {
                return store;
            }
        }
        panic!("no nats-server would start; is Debian's package `nats-server` installed?");
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.port.address())
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same server again, with what it has on disk.
    pub async fn restart(&mut self) {
        self.child = spawn(self.port.number(), &self.folder(), self.syncs);
        assert!(self.answers().await, "the server did not come back");
    }

    /// Copies what is on disk, as a backup does; the server is not running.
    pub fn back_up(&self) {
        copy(&self.folder(), &self.folder.path().join("backup"));
    }

    /// Puts the copy in the place of what is there; the server is not running.
    pub fn roll_back(&self) {
        fs::remove_dir_all(self.folder()).unwrap();
        copy(&self.folder.path().join("backup"), &self.folder());
    }

    /// JetStream, for whoever looks from outside.
    pub async fn jetstream(&self) -> Context {
        jetstream::new(async_nats::connect(self.url()).await.unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Waits until JetStream answers; false where the server has ended.
    async fn answers(&mut self) -> bool {
        let asking = async {
            loop {
                if self.child.try_wait().unwrap().is_some() {
                    return false;
                }
                if let Ok(client) = async_nats::connect(self.url()).await
                    && client.request("$JS.API.INFO", "".into()).await.is_ok()
                {
                    return true;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or(false)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // It may have been killed before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(port: u16, folder: &Path, syncs: bool) -> Child {
    let mut command = nats_server();
    command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
    match syncs.then(|| syncing_config(folder)).flatten() {
        // It names the folder, and 2.14 refuses to be told of it twice.
        Some(config) => command.arg("-c").arg(config),
        None => command.args(["-js", "-sd"]).arg(folder),
    };
    command.spawn().expect("nats-server of Debian's package `nats-server`")
}

fn nats_server() -> Command {
    let mut command = Command::new("nats-server");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A configuration that has every write synced; `None` where this version does not know of it.
fn syncing_config(folder: &Path) -> Option<PathBuf> {
    let path = folder.with_extension("conf");
    let text =
        format!("jetstream {{ store_dir: \"{}\", sync_interval: always }}\n", folder.display());
    fs::write(&path, text).unwrap();
    let checked = nats_server().arg("-t").arg("-c").arg(&path).status().ok()?;
    checked.success().then_some(path)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
