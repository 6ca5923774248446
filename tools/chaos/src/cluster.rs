//! Three nodes on one store, perhaps behind nginx. In: how to reach the store. Out: addresses, and
//! nodes that can be killed and started again where they were.

mod balancer;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

pub use balancer::Balancer;

use self::balancer::Nginx;
use crate::http::Wire;
use crate::process::{Server, free_address};

/// How many nodes.
pub const NODES: usize = 3;
/// How long a node may take to come to its store.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// The nodes. They end with their owner.
#[derive(Debug)]
pub struct Cluster {
    program: PathBuf,
    settings: Vec<(String, String)>,
    places: Vec<(SocketAddr, SocketAddr)>,
    nodes: Vec<Option<Server>>,
    nginx: Option<Nginx>,
}

impl Cluster {
    /// Starts the nodes with these settings, by their variables without `STEADFAST_`, and what
    /// balances over them.
    pub async fn start(
        program: &Path,
        settings: &[(&str, &str)],
        balancer: Balancer,
    ) -> anyhow::Result<Self> {
        let mut places = Vec::new();
        for _ in 0..NODES {
            places.push((free_address()?, free_address()?));
        }
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let nginx = match balancer {
            Balancer::Nginx => Some(Nginx::start(&places).await?),
            Balancer::None => None,
        };
        let mut cluster = Self {
            program: program.to_owned(),
            settings: settings.iter().map(owned).collect(),
            nodes: places.iter().map(|_| None).collect(),
            places,
            nginx,
        };
        for at in 0..NODES {
            cluster.begin(at).await?;
        }
        Ok(cluster)
    }

    /// Where clients connect.
    pub fn clients(&self) -> Vec<String> {
        let addresses = match &self.nginx {
            Some(nginx) => vec![nginx.clients],
            None => self.places.iter().map(|(public, _)| *public).collect(),
        };
        addresses.into_iter().map(|address| format!("http://{address}")).collect()
    }

    /// Where backends connect.
    pub fn backends(&self) -> Vec<SocketAddr> {
        match &self.nginx {
            Some(nginx) => vec![nginx.backends],
            None => self.places.iter().map(|(_, internal)| *internal).collect(),
        }
    }

    /// Where clients connect to one node, whatever balances.
    pub fn public(&self, at: usize) -> anyhow::Result<SocketAddr> {
        Ok(self.places.get(at).context("no such node")?.0)
    }

    /// Whether every node that runs has its store.
    pub async fn are_ready(&self) -> bool {
        for (node, (_, internal)) in self.nodes.iter().zip(&self.places) {
            if node.is_some() && !is_ready(*internal).await {
                return false;
            }
        }
        true
    }

    /// Starts a node at its place, and waits until it serves; how long that took.
    pub async fn begin(&mut self, at: usize) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let place = *self.places.get(at).context("no such node")?;
        let name = format!("node-{}", at + 1);
        let mut settings: Vec<(&str, &str)> =
            self.settings.iter().map(|(name, value)| (&**name, &**value)).collect();
        settings.push(("NODE__NAME", &name));
        let server = Server::start_at(&self.program, None, &settings, place).await?;
        while !is_ready(place.1).await {
            if begun.elapsed() > READY_WITHIN {
                bail!("{name} is not ready after {} s", READY_WITHIN.as_secs());
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
        if let Some(node) = self.nodes.get_mut(at) {
            *node = Some(server);
        }
        Ok(begun.elapsed())
    }

    /// `kill -9` for a node, and waits for its end.
    pub async fn kill(&mut self, at: usize) -> anyhow::Result<()> {
        match self.nodes.get_mut(at).and_then(Option::take) {
            Some(node) => node.kill().await,
            None => bail!("node {at} does not run"),
        }
    }

    /// What a node says of itself.
    pub async fn stats(&self, at: usize) -> anyhow::Result<serde_json::Value> {
        let (_, internal) = *self.places.get(at).context("no such node")?;
        Wire::to(internal).await?.get("/v1/stats").await?.json()
    }
}

async fn is_ready(internal: SocketAddr) -> bool {
    let asking = async { Wire::to(internal).await?.get("/readyz").await };
    asking.await.is_ok_and(|reply| reply.status == 200)
}
