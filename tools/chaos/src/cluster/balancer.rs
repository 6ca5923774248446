//! Debian's nginx with the configuration that `deploy/nginx` recommends; only the addresses are
//! others. In: where the nodes are. Out: where it listens. It is one process here, so that it ends
//! with its owner.

use std::fmt::Write as _;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::process::free_address;

const FRAME: &str = include_str!("../../../../deploy/nginx/nginx.conf");
const CLIENTS: &str = include_str!("../../../../deploy/nginx/clients.conf");
const ADDRESSES: &str = include_str!("../../../../deploy/nginx/addresses.conf");
/// What the recommended addresses are: where clients and backends come, and three nodes.
const HERE: (&str, &str) = ("127.0.0.1:9080", "127.0.0.1:9081");
const NODES: [(&str, &str); 3] = [
    ("127.0.0.1:8080", "127.0.0.1:8081"),
    ("127.0.0.1:8082", "127.0.0.1:8083"),
    ("127.0.0.1:8084", "127.0.0.1:8085"),
];
/// Where Debian has it, for whoever does not have that in the path.
const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];
/// Where it tells what goes wrong.
const TOLD: &str = "told";
/// How long it may take to listen.
const OPENS_WITHIN: Duration = Duration::from_secs(10);

/// What brings links and publishes to nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Balancer {
    /// One nginx in front of all.
    Nginx,
    /// Nothing: links know all nodes.
    None,
}

/// A running nginx.
#[derive(Debug)]
pub(super) struct Nginx {
    _child: Child,
    folder: TempDir,
    pub(super) clients: SocketAddr,
    pub(super) backends: SocketAddr,
}

impl Nginx {
    /// Starts it in front of these nodes, by their addresses for clients and for backends.
    pub(super) async fn start(nodes: &[(SocketAddr, SocketAddr)]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (clients, backends) = (free_address()?, free_address()?);
        let addresses = addresses((clients, backends), nodes)?;
        let files =
            [("nginx.conf", FRAME), ("clients.conf", CLIENTS), ("addresses.conf", &addresses)];
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text)?;
        }
        let mut last = None;
        for program in PROGRAMS {
            match spawn(program, folder.path()) {
                Ok(child) => {
                    let nginx = Self { _child: child, folder, clients, backends };
                    nginx.is_open().await?;
                    return Ok(nginx);
                }
                Err(error) => last = Some(error),
            }
        }
        let why = last.map(|error| error.to_string()).unwrap_or_default();
        bail!("nginx does not start ({why}); is Debian's package `nginx-light` installed?")
    }

    async fn is_open(&self) -> anyhow::Result<()> {
        let opening = async {
            while TcpStream::connect(self.clients).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let opened = tokio::time::timeout(OPENS_WITHIN, opening).await;
        let told = std::fs::read_to_string(self.folder.path().join(TOLD)).unwrap_or_default();
        opened.with_context(|| format!("nginx does not listen: {told}"))
    }
}

fn spawn(program: &str, folder: &Path) -> std::io::Result<Child> {
    let mut command = Command::new(program);
    command.arg("-p").arg(format!("{}/", folder.display()));
    command.arg("-c").arg(folder.join("nginx.conf"));
    command.args(["-g", "master_process off;"]);
    // Nodes are killed under it, of which it tells a line for each link.
    let told = File::create(folder.join(TOLD))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(told).kill_on_drop(true);
    command.spawn()
}

/// The recommended addresses with ours in their places.
fn addresses(
    (clients, backends): (SocketAddr, SocketAddr),
    nodes: &[(SocketAddr, SocketAddr)],
) -> anyhow::Result<String> {
    let mut pairs = vec![(HERE.0, clients), (HERE.1, backends)];
    for ((public, internal), node) in NODES.iter().zip(nodes) {
        pairs.extend([(*public, node.0), (*internal, node.1)]);
    }
    let mut text = String::new();
    for line in ADDRESSES.lines() {
        let found = pairs.iter().find(|(old, _)| line.contains(old));
        let line =
            found.map_or_else(|| line.to_owned(), |(old, new)| line.replace(old, &new.to_string()));
        writeln!(text, "{line}")?;
    }
    let is_whole = pairs.iter().all(|(_, new)| text.contains(&new.to_string()));
    if !is_whole || nodes.len() != NODES.len() {
        bail!("deploy/nginx/addresses.conf has not the addresses that this trial puts others for");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{HERE, NODES, addresses};

    #[test]
    fn every_address_of_the_recommended_configuration_is_replaced() {
        let address = |port: u16| ([127, 0, 0, 1], port).into();
        let nodes = [(address(1), address(2)), (address(3), address(4)), (address(5), address(6))];
        let text = addresses((address(7), address(8)), &nodes).unwrap();
        for port in 1..=8 {
            assert!(text.contains(&format!("127.0.0.1:{port}")), "{port}: {text}");
        }
        for (public, internal) in NODES.into_iter().chain([HERE]) {
            assert!(!text.contains(public) && !text.contains(internal), "{text}");
        }
        assert!(addresses((address(7), address(8)), &nodes[..2]).is_err());
    }
}
