//! Publishes a second and the time to deliver on a server of Redis or NATS, beside what that takes
//! alone: of the same client over one pipelined connection, by as many at once, with nobody who
//! hears of it. In: how many publish at once. Out: medians of several rounds.

use std::fmt;
use std::time::Duration;

use steadfast_server::config::{BrokerKind, Config, Secret};

use super::{Settings, body, broker, log, median, script, served_by};
use crate::http::Wire;
use crate::process::Server;
use crate::store::{Kind, Store};

/// Which server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shared {
    /// Redis, whose script is the limit.
    #[default]
    Redis,
    /// NATS, of whose JetStream it is a publish.
    Nats,
}

impl Shared {
    const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Nats => "nats",
        }
    }

    const fn limit(self) -> &'static str {
        match self {
            Self::Redis => "script",
            Self::Nats => "publish",
        }
    }
}

/// The medians.
#[derive(Clone, Debug, Default)]
pub struct Report {
    shared: Shared,
    writers: usize,
    /// Events a second that the server takes alone.
    alone: f64,
    /// Those that the broker takes without the server around it, and its part of them.
    broker: f64,
    broker_part: f64,
    /// Those that the server takes over HTTP, and its part.
    served: f64,
    served_part: f64,
    /// From the publish to the follower, in milliseconds, at the median and for 99 of 100.
    deliver: (f64, f64),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} writers at once; medians", self.writers)?;
        let (name, limit) = (self.shared.name(), self.shared.limit());
        writeln!(f, "| | publishes/s | of the {limit} | deliver p50 ms | p99 ms |")?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        writeln!(f, "| the {limit} alone, pipelined | {:.0} | 1 | | |", self.alone)?;
        let (rate, part) = (self.broker, self.broker_part);
        writeln!(f, "| {name}, the broker alone | {rate:.0} | {part:.2} | | |")?;
        let (rate, part, (p50, p99)) = (self.served, self.served_part, self.deliver);
        write!(f, "| {name}, over HTTP | {rate:.0} | {part:.2} | {p50:.2} | {p99:.2} |")
    }
}

/// Measures; `tell` is given a line a round.
pub async fn run(
    settings: &Settings,
    shared: Shared,
    mut tell: impl FnMut(&str),
) -> anyhow::Result<Report> {
    let mut rounds = Vec::new();
    for number in 1..=settings.rounds {
        let round = round(settings, shared).await?;
        let Report { alone, broker, served, .. } = &round;
        let limit = shared.limit();
        tell(&format!(
            "round {number}: {limit} {alone:.0}, broker {broker:.0}, HTTP {served:.0} publishes/s"
        ));
        rounds.push(round);
    }
    let of = |figure: fn(&Report) -> f64| median(rounds.iter().map(figure).collect());
    Ok(Report {
        shared,
        writers: settings.writers,
        alone: of(|round| round.alone),
        broker: of(|round| round.broker),
        broker_part: of(|round| round.broker_part),
        served: of(|round| round.served),
        served_part: of(|round| round.served_part),
        deliver: (of(|round| round.deliver.0), of(|round| round.deliver.1)),
    })
}

async fn round(settings: &Settings, shared: Shared) -> anyhow::Result<Report> {
    let lasts = Duration::from_secs(settings.seconds);
    let mut config = Config { dev: true, ..Config::default() };
    let (store, alone) = match shared {
        Shared::Redis => {
            let store = Store::start(Kind::Redis).await?;
            config.broker.kind = Some(BrokerKind::Redis);
            config.broker.redis.servers = vec![Secret::new(store.url())];
            let alone = script::rate(&store, settings.writers, lasts).await?;
            (store, alone)
        }
        Shared::Nats => {
            let store = Store::start(Kind::Nats).await?;
            config.broker.kind = Some(BrokerKind::Nats);
            config.broker.nats.servers = vec![Secret::new(store.url())];
            let alone = log::rate(&store, settings.writers, lasts).await?;
            (store, alone)
        }
    };
    let (broker, _) = broker::rate_of(config, settings.writers, lasts).await?;
    let variables = store.settings();
    let variables: Vec<_> = variables.iter().map(|(name, text)| (*name, &**text)).collect();
    let node = Server::start(&settings.server, None, &variables).await?;
    let mut first = Wire::to(node.internal).await?;
    // It listens before it has come to its store.
    while first.publish("first:1", "first", &body()).await?.status != 201 {
        tokio::task::yield_now().await;
    }
    let (served, deliver) = served_by(node, settings).await?;
    Ok(Report {
        shared,
        writers: settings.writers,
        alone,
        broker,
        broker_part: broker / alone,
        served,
        served_part: served / alone,
        deliver,
    })
}
