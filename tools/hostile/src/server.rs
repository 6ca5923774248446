//! The real server as a process of its own. In: a setup. Out: addresses, what the process holds and
//! has cost, and its log. It is killed with its owner.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::setup::Setup;
use crate::token::{self, BACKEND_KEY};
use crate::wire::Wire;

/// How long it may take until the server serves.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How often it is asked.
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// The largest log that is kept; a run that is larger fails.
pub const LOG_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pid: u32,
    folder: TempDir,
    /// Where clients connect.
    pub public: SocketAddr,
    /// Where backends connect.
    pub internal: SocketAddr,
}

/// What a process holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Footprint {
    /// Resident memory, in bytes.
    pub memory: u64,
    /// The most of it since [`Server::forget_peak`].
    pub peak: u64,
    /// Open descriptors.
    pub descriptors: usize,
}

impl Server {
    /// Starts the program with this setup, and waits until it serves.
    pub async fn start(program: &Path, setup: Setup, level: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("steadfast.toml");
        std::fs::write(folder.path().join("keys.json"), token::key_set()?)?;
        setup.prepare(folder.path())?;
        std::fs::write(&config, setup.config())?;
        let (public, internal) = (free_address()?, free_address()?);
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("STEADFAST_") {
                command.env_remove(name);
            }
        }
        command.arg("serve").arg("--config").arg(&config);
        command.args(["--listen", &public.to_string(), "--internal", &internal.to_string()]);
        command.env("STEADFAST_LOG", level).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(folder.path().join("log"))?).kill_on_drop(true);
        let mut child = command.spawn().context("the server does not start")?;
        let begun = Instant::now();
        while !is_ready(internal).await {
            let is_over = child.try_wait()?.is_some() || begun.elapsed() > READY_WITHIN;
            if is_over {
                let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
                bail!("the server does not serve: {log}");
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
        let pid = child.id().context("the server has no process id")?;
        Ok(Self { child, pid, folder, public, internal })
    }

    /// The certificate of a server with TLS.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// Whether this is the process that was started.
    pub fn is_alive(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// What it holds now.
    pub fn footprint(&self) -> anyhow::Result<Footprint> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", self.pid))?.count();
        let memory = kibibytes(&status, "VmRSS:").context("no VmRSS")?;
        let peak = kibibytes(&status, "VmHWM:").context("no VmHWM")?;
        Ok(Footprint { memory, peak, descriptors })
    }

    /// Has the peak of memory begin anew.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.pid), "5")?)
    }

    /// CPU time so far, in seconds.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let ticks = cpu_ticks(&stat).context("no CPU time")?;
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_millis(ticks * 1000 / per_second).as_secs_f64())
    }

    /// Ends it, and hands on its folder with the log.
    pub async fn end(mut self) -> anyhow::Result<TempDir> {
        self.child.kill().await?;
        Ok(self.folder)
    }
}

async fn is_ready(internal: SocketAddr) -> bool {
    let asking = async {
        let mut wire = Wire::to(internal).await?;
        let request = format!(
            "GET /readyz HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {BACKEND_KEY}\r\n\r\n"
        );
        wire.send(request.as_bytes()).await;
        anyhow::Ok(wire.answer().await?.status)
    };
    asking.await.is_ok_and(|status| status == 200)
}

/// An address on which nobody listens for now.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let count: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(count * 1024)
}

/// User and system time in `/proc/PID/stat`, behind a name that may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
    Some(ticks(11)? + ticks(12)?)
}

#[cfg(test)]
mod tests {
    use super::{cpu_ticks, kibibytes};

    #[test]
    fn what_the_system_says_of_a_process_is_read() {
        assert_eq!(kibibytes("Name:\ta\nVmRSS:\t  12 kB\n", "VmRSS:"), Some(12 * 1024));
        assert_eq!(kibibytes("Name:\ta\n", "VmRSS:"), None);
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 30 12 5 6 20 0 8 0 99 1000 50 18";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }
}
