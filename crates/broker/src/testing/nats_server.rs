//! A `nats-server` of its own for each test, on a free port, in a folder of its own. It ends with
//! its owner.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use tempfile::TempDir;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
#[derive(Debug)]
pub struct NatsServer {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl NatsServer {
    pub async fn start() -> Self {
        // Between here and the server's start another process may take the port: then once more.
        for _ in 0..20 {
            let port = {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                listener.local_addr().unwrap().port()
            };
            let folder = tempfile::tempdir().unwrap();
            let child = spawn(port, &folder.path().join("store"));
            let mut store = Self { child, port, folder };
            if store.answers().await {
                return store;
            }
        }
        panic!("no nats-server would start; is Debian's package `nats-server` installed?");
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same server again, with what it has on disk.
    pub async fn restart(&mut self) {
        self.child = spawn(self.port, &self.folder());
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

fn spawn(port: u16, folder: &Path) -> Child {
    let mut command = Command::new("nats-server");
    command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]).arg(folder);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("nats-server of Debian's package `nats-server`")
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
