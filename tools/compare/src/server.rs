//! One running server: started on its core, waited for, ended with all of its children. In: a peer.
//! Out: a target that answers, and what the process costs.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use steadfast_loadgen::{Target, Usage, descendants, usage};

use crate::cores::Cores;
use crate::peers::{Peer, Places, Ports};

/// Ports below those that the system gives to outgoing connections.
const PORTS: std::ops::Range<u16> = 21_000..32_000;
/// How often a server is looked at while it starts or ends, and how many times.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// See [`LOOK_INTERVAL`]: twenty seconds.
const LOOKS: usize = 1000;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) target: Target,
}

impl Server {
    /// Starts a peer and waits until it answers.
    pub(crate) fn start(peer: Peer, places: &Places, cores: Option<Cores>) -> anyhow::Result<Self> {
        let ports = Ports { links: free_port()?, publish: free_port()? };
        let logs = places.build.join("logs");
        fs::create_dir_all(&logs)?;
        let log = logs.join(format!("{}.log", peer.name().replace(' ', "-")));
        let file = File::create(&log)?;
        let mut command = peer.command(places, ports)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        if let Some(cores) = cores {
            cores.enter_server();
        }
        let spawned = command.spawn();
        if let Some(cores) = cores {
            cores.enter_generator();
        }
        let child = spawned.with_context(|| format!("{} cannot be started", peer.name()))?;
        let mut server = Self { child, target: peer.target(ports)? };
        for _ in 0..LOOKS {
            if server.target.look().is_ok() {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                let said = fs::read_to_string(&log).unwrap_or_default();
                bail!("it ends with {status}: {}", said.lines().last().unwrap_or("says nothing"));
            }
            thread::sleep(LOOK_INTERVAL);
        }
        bail!("it does not listen; see {}", log.display())
    }

    /// What it has cost so far.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Ok(usage(self.child.id())?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let children = descendants(self.child.id());
        signal(self.child.id(), Signal::TERM);
        for _ in 0..LOOKS / 10 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        // One that does not go by itself has had its time.
        if matches!(self.child.try_wait(), Ok(None)) {
            for child in children {
                signal(child, Signal::KILL);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // One that has ended needs none.
    let _ = pid.map(|pid| kill_process(pid, signal));
}

fn free_port() -> anyhow::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Runs beside each other begin at different places.
    let spread = u16::try_from(std::process::id() % 97).unwrap_or(0) * 100;
    for _ in PORTS {
        let step = spread.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + step % (PORTS.end - PORTS.start);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free in {PORTS:?}")
}
