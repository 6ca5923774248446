//! What a broker takes without the server around it. In: writers. Out: publishes a second.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use steadfast_broker::StatValue;
use steadfast_history::Publish;
use steadfast_protocol::{ChannelName, EventName, Payload};
use steadfast_server::config::{BrokerKind, Config};
use steadfast_server::node::Node;

use super::{CHANNELS, TEXT_BYTES, together};

/// Publishes a second, and events a commit; on disk where there is a directory for it.
pub(super) async fn rate(
    data_dir: Option<&Path>,
    writers: usize,
    lasts: Duration,
) -> anyhow::Result<(f64, f64)> {
    let mut config = Config { dev: true, ..Config::default() };
    if let Some(data_dir) = data_dir {
        config.broker.kind = Some(BrokerKind::Disk);
        config.broker.data_dir = Some(data_dir.to_owned());
    }
    rate_of(config, writers, lasts).await
}

/// The same of the broker that these settings mean.
pub(super) async fn rate_of(
    config: Config,
    writers: usize,
    lasts: Duration,
) -> anyhow::Result<(f64, f64)> {
    let node = Node::new(config)?;
    let mut tasks: Vec<_> =
        node.shards.iter().map(|shard| tokio::spawn(Arc::clone(shard).run())).collect();
    let running = Arc::clone(&node);
    tasks.push(tokio::spawn(async move { running.broker.run().await }));
    while !node.broker.is_ready().await {
        tokio::task::yield_now().await;
    }
    let data = Payload::new(&format!(r#"{{"text":"{}"}}"#, "x".repeat(TEXT_BYTES)))?;
    let event = EventName::new("progress")?;
    let rate = together(writers, lasts, |writer, tally| {
        let (node, data, event) = (Arc::clone(&node), data.clone(), event.clone());
        async move {
            for number in 0.. {
                let channel = ChannelName::new(&format!("rate:{writer}-{}", number % CHANNELS))?;
                let publish = Publish {
                    channel,
                    event: event.clone(),
                    data: data.clone(),
                    is_final: false,
                    replace: None,
                    idempotency_key: Some(format!("{writer}-{number}").into()),
                };
                if let Err(error) = node.publish(publish).await {
                    bail!("a publish is refused: {error:?}");
                }
                if !tally.one_more() {
                    break;
                }
            }
            Ok(())
        }
    })
    .await?;
    for task in tasks {
        task.abort();
    }
    let stats = node.broker.stats();
    let per_commit = stats.iter().find(|stat| stat.name == "events_per_commit");
    match per_commit.map(|stat| stat.value) {
        Some(StatValue::Number(events)) => Ok((rate, events)),
        Some(StatValue::Count(_) | StatValue::Flag(_)) | None => Ok((rate, 0.0)),
    }
}
