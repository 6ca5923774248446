//! The real server as a process on free ports. It is killed with its owner.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::process::Stdio;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// What the server prints when it listens.
const LISTENS: &str = "backends";

/// What it prints where another process has taken a port meanwhile.
const TAKEN: &str = "cannot listen";
/// Below those that the system gives to whoever connects: while a server is away nobody else may
/// come to have its port.
const PORTS: Range<u16> = 10_000..20_000;
/// How often other ports are tried.
const PORT_TRIES: u32 = 5;

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where clients connect.
    pub public: SocketAddr,
    /// Where backends connect.
    pub internal: SocketAddr,
}

impl Server {
    /// Starts `steadfast serve --dev` with these settings, by their variables without
    /// `STEADFAST_`, and waits until it listens.
    pub async fn start(
        program: &Path,
        data_dir: Option<&Path>,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut error = None;
        for _ in 0..PORT_TRIES {
            let ports = (free_address()?, free_address()?);
            match Self::start_at(program, data_dir, settings, ports).await {
                Err(failure) if failure.to_string().contains(TAKEN) => error = Some(failure),
                started => return started,
            }
        }
        error.map_or_else(|| bail!("no port is free"), Err)
    }

    /// The same at these addresses, for clients and for backends.
    pub async fn start_at(
        program: &Path,
        data_dir: Option<&Path>,
        settings: &[(&str, &str)],
        (public, internal): (SocketAddr, SocketAddr),
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("STEADFAST_") {
                command.env_remove(name);
            }
        }
        command.args(["serve", "--dev", "--listen", &public.to_string()]);
        command.args(["--internal", &internal.to_string()]);
        if let Some(data_dir) = data_dir {
            command.arg("--data-dir").arg(data_dir);
        }
        for (name, text) in settings {
            command.env(format!("STEADFAST_{name}"), text);
        }
        command.env("STEADFAST_LOG", "warn");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().context("the server does not start")?;
        let mut lines = BufReader::new(child.stderr.take().context("no pipe")?).lines();
        let mut said = String::new();
        loop {
            match lines.next_line().await? {
                Some(line) if line.contains(LISTENS) => break,
                Some(line) => said = said + &line + "\n",
                None => bail!("the server ended before it listened: {said}"),
            }
        }
        // It goes on to log; nobody who reads would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, public, internal })
    }

    /// `kill -9`, and waits for the end.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// An address that nobody listens on for now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        // Trials beside each other begin at different places.
        let random = RandomState::new().build_hasher().finish();
        AtomicU16::new(u16::try_from(random % u64::from(u16::MAX)).unwrap_or(0))
    });
    for _ in PORTS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + step % (PORTS.end - PORTS.start);
        let address = (Ipv4Addr::LOCALHOST, port).into();
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free in {PORTS:?}")
}
