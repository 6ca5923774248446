//! What is killed: the server, where its channels are on its own disk, or else the store that they
//! are on, while the server goes on. In: which broker. Out: a server to publish to.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

use super::Broker;
use crate::http::Wire;
use crate::process::Server;
use crate::store::{Kind, Store};

/// How long a server may take to be ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// The victim, and what lives on.
#[derive(Debug)]
pub(super) struct Victim {
    program: PathBuf,
    settings: Vec<(&'static str, String)>,
    data: TempDir,
    server: Option<Server>,
    store: Option<Store>,
}

impl Victim {
    /// Starts everything.
    pub(super) async fn start(
        program: &Path,
        broker: Broker,
        settings: &[(&'static str, &str)],
    ) -> anyhow::Result<Self> {
        let store = match broker {
            Broker::Disk => None,
            Broker::Redis => Some(Store::start(Kind::RedisSynced).await?),
            Broker::Nats => Some(Store::start(Kind::Nats).await?),
        };
        let mut settings: Vec<_> =
            settings.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        settings.extend(store.iter().flat_map(Store::settings));
        let (program, data) = (program.to_owned(), tempfile::tempdir()?);
        let mut victim = Self { program, settings, data, server: None, store };
        victim.serve().await?;
        Ok(victim)
    }

    /// Where backends connect.
    pub(super) fn internal(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.server.as_ref().context("there is no server")?.internal)
    }

    /// Where clients connect.
    pub(super) fn public(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.server.as_ref().context("there is no server")?.public)
    }

    /// `kill -9`.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        match &mut self.store {
            Some(store) => store.kill().await,
            None => match self.server.take() {
                Some(server) => server.kill().await,
                None => Ok(()),
            },
        }
    }

    /// Starts again what was killed, and waits until the server is ready.
    pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
        match &mut self.store {
            Some(store) => {
                store.restart().await?;
                self.is_ready().await
            }
            None => self.serve().await,
        }
    }

    async fn serve(&mut self) -> anyhow::Result<()> {
        let data = self.data.path().join("data");
        let data = self.store.is_none().then_some(data);
        let settings: Vec<(&str, &str)> =
            self.settings.iter().map(|(name, text)| (*name, &**text)).collect();
        self.server = Some(Server::start(&self.program, data.as_deref(), &settings).await?);
        self.is_ready().await
    }

    async fn is_ready(&self) -> anyhow::Result<()> {
        let (begun, mut wire) = (Instant::now(), Wire::to(self.internal()?).await?);
        while wire.get("/readyz").await?.status != 200 {
            if begun.elapsed() > PATIENCE {
                bail!("the server does not become ready");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}
