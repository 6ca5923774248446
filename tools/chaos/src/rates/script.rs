//! What the script of the redis broker takes alone. In: writers. Out: calls a second.

use std::sync::Arc;
use std::time::Duration;

use steadfast_broker::publish_script;

use super::{CHANNELS, TEXT_BYTES, together};
use crate::store::Store;

/// Calls of the script a second.
pub(super) async fn rate(store: &Store, writers: usize, lasts: Duration) -> anyhow::Result<f64> {
    let client = redis::Client::open(store.url())?;
    let connection = client.get_multiplexed_async_connection().await?;
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
