//! Publishes a second and the time to deliver on a Redis server, beside its script alone: called by
//! the same client over one pipelined connection, by as many at once, with nobody who hears the
//! announcements. In: how many publish at once. Out: medians of several rounds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use steadfast_server::broker::publish_script;
use steadfast_server::config::{BrokerKind, Config, Secret};

use super::{CHANNELS, Settings, TEXT_BYTES, body, broker, median, served_by, together};
use crate::http::Wire;
use crate::process::Server;
use crate::store::{NOTHING, Store};

/// The medians.
#[derive(Clone, Debug, Default)]
pub struct Report {
    writers: usize,
    /// Events a second that the script alone takes.
    script: f64,
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
        writeln!(f, "| | publishes/s | of the script | deliver p50 ms | p99 ms |")?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        writeln!(f, "| the script alone, pipelined | {:.0} | 1 | | |", self.script)?;
        let (rate, part) = (self.broker, self.broker_part);
        writeln!(f, "| redis, the broker alone | {rate:.0} | {part:.2} | | |")?;
        let (rate, part, (p50, p99)) = (self.served, self.served_part, self.deliver);
        write!(f, "| redis, over HTTP | {rate:.0} | {part:.2} | {p50:.2} | {p99:.2} |")
    }
}

/// Measures; `tell` is given a line a round.
pub async fn run(settings: &Settings, mut tell: impl FnMut(&str)) -> anyhow::Result<Report> {
    let mut rounds = Vec::new();
    for number in 1..=settings.rounds {
        let round = round(settings).await?;
        let Report { script, broker, served, .. } = &round;
        tell(&format!(
            "round {number}: script {script:.0}, broker {broker:.0}, HTTP {served:.0} publishes/s"
        ));
        rounds.push(round);
    }
    let of = |figure: fn(&Report) -> f64| median(rounds.iter().map(figure).collect());
    Ok(Report {
        writers: settings.writers,
        script: of(|round| round.script),
        broker: of(|round| round.broker),
        broker_part: of(|round| round.broker_part),
        served: of(|round| round.served),
        served_part: of(|round| round.served_part),
        deliver: (of(|round| round.deliver.0), of(|round| round.deliver.1)),
    })
}

async fn round(settings: &Settings) -> anyhow::Result<Report> {
    let lasts = Duration::from_secs(settings.seconds);
    let store = Store::start(&NOTHING).await?;
    let script = script(&store, settings.writers, lasts).await?;
    let mut config = Config { dev: true, ..Config::default() };
    config.broker.kind = Some(BrokerKind::Redis);
    config.broker.redis.servers = vec![Secret::new(store.url())];
    let (broker, _) = broker::rate_of(config, settings.writers, lasts).await?;
    let url = store.url();
    let variables = [("BROKER__KIND", "redis"), ("BROKER__REDIS__SERVERS", &*url)];
    let node = Server::start(&settings.server, None, &variables).await?;
    let mut first = Wire::to(node.internal).await?;
    // It listens before it has come to its store.
    while first.publish("first:1", "first", &body()).await?.status != 201 {
        tokio::task::yield_now().await;
    }
    let (served, deliver) = served_by(node, settings).await?;
    Ok(Report {
        writers: settings.writers,
        script,
        broker,
        broker_part: broker / script,
        served,
        served_part: served / script,
        deliver,
    })
}

/// Calls of the script a second.
async fn script(store: &Store, writers: usize, lasts: Duration) -> anyhow::Result<f64> {
    let connection = store.connection().await?;
    let mut known = redis::cmd("HSET");
    known.arg("raw:server").arg(&["run", "r", "fence", "f", "n", "0"]);
    known.query_async::<()>(&mut connection.clone()).await?;
    let mut load = redis::cmd("SCRIPT");
    load.arg("LOAD").arg(publish_script());
    let hash: String = load.query_async(&mut connection.clone()).await?;
    let data = format!(r#"{{"text":"{}"}}"#, "x".repeat(TEXT_BYTES));
    let entry: Arc<str> = format!("250 0 8 0\nprogress{data}").into();
    together(writers, lasts, |writer, tally| {
        let (mut connection, hash, entry) = (connection.clone(), hash.clone(), Arc::clone(&entry));
        async move {
            for number in 0.. {
                let channel = format!("rate:{writer}-{}", number % CHANNELS);
                let key = format!("{channel} {writer}-{number}");
                let call = call(&hash, &channel, &key, &entry);
                let answer: Vec<String> = call.query_async(&mut connection).await?;
                anyhow::ensure!(answer.first().is_some_and(|word| word == "ok"), "{answer:?}");
                if !tally.one_more() {
                    break;
                }
            }
            Ok(())
        }
    })
    .await
}

/// As the broker calls it, with limits that nothing comes near.
fn call(hash: &str, channel: &str, key: &str, entry: &str) -> redis::Cmd {
    let mut call = redis::cmd("EVALSHA");
    call.arg(hash).arg(7).arg(&["raw:server", "raw:index"]);
    for kind in ["record", "log", "newest"] {
        call.arg(format!("raw:{kind}:{channel}"));
    }
    call.arg(&["raw:answers", "raw:answers:order", "r", "f", "0", "epoch"]).arg(channel);
    call.arg(&["100000", "10000", "86400000", "16777216", "1073741824", "300000"]);
    call.arg(entry).arg(&["0", "", "raw:events", "1000000"]).arg(key);
    call
}
