//! A `redis-server` of its own for each test, with a port and a folder of its own. It ends with
//! its owner.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::Value;
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

use super::ReservedPort;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: ReservedPort,
    args: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    /// A server with these settings besides.
    pub async fn start(args: &[&str]) -> Self {
        // Another program than a test may take the port before the server does: then once more.
        for _ in 0..20 {
            let port = ReservedPort::take();
            let folder = tempfile::tempdir().unwrap();
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            let child = spawn(port.number(), folder.path(), &args);
            let mut store = Self { child, port, args, folder };
            if store.answers().await {
                return store;
            }
        }
        panic!("no redis-server would start; is Debian's package `redis-server` installed?");
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.port.address())
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same server again, with what it has on disk.
    pub async fn restart(&mut self) {
        self.child = spawn(self.port.number(), self.folder.path(), &self.args);
        assert!(self.answers().await, "the server did not come back");
    }

    /// Has the server do something.
    pub async fn does(&self, words: &[&str]) -> Value {
        let mut connection = self.connection().await.unwrap();
        let (name, args) = words.split_first().unwrap();
        let mut command = redis::cmd(name);
        for arg in args {
            command.arg(*arg);
        }
        command.query_async(&mut connection).await.unwrap()
    }

    /// What `INFO` says of one field.
    pub async fn field(&self, section: &str, name: &str) -> String {
        let mut connection = self.connection().await.unwrap();
        let mut command = redis::cmd("INFO");
        let info: String = command.arg(section).query_async(&mut connection).await.unwrap();
        let found = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.map(str::to_owned).unwrap_or_default()
    }

    async fn connection(&self) -> redis::RedisResult<MultiplexedConnection> {
        redis::Client::open(self.url())?.get_multiplexed_async_connection().await
    }

    /// Waits until the server answers; false where it has ended.
    async fn answers(&mut self) -> bool {
        let asking = async {
            loop {
                if self.child.try_wait().unwrap().is_some() {
                    return false;
                }
                if let Ok(mut connection) = self.connection().await {
                    let pong: redis::RedisResult<String> =
                        redis::cmd("PING").query_async(&mut connection).await;
                    if pong.is_ok() {
                        return true;
                    }
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or(false)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have been killed before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(port: u16, folder: &std::path::Path, args: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.current_dir(folder).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command.args(["--save", ""]).args(args).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("redis-server of Debian's package `redis-server`")
}
