//! What JetStream takes alone: messages as long as those of the broker, to as many subjects, each
//! answered before its writer sends the next. In: writers. Out: messages a second.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::stream::Config;

use super::{CHANNELS, TEXT_BYTES, together};
use crate::store::Store;

/// Bytes besides the text that a message of the broker has.
const FRAME_BYTES: usize = 70;

/// Messages a second.
pub(super) async fn rate(store: &Store, writers: usize, lasts: Duration) -> anyhow::Result<f64> {
    let context = jetstream::new(async_nats::connect(store.url()).await?);
    let (name, subjects) = ("raw".to_owned(), vec!["raw.>".to_owned()]);
    context.create_stream(Config { name, subjects, ..Config::default() }).await?;
    let rate = together(writers, lasts, |writer, tally| {
        let context = context.clone();
        async move {
            for number in 0.. {
                let subject = format!("raw.{writer}-{}", number % CHANNELS);
                let text = "x".repeat(TEXT_BYTES + FRAME_BYTES);
                context.publish(subject, text.into()).await?.await?;
                if !tally.one_more() {
                    break;
                }
            }
            Ok(())
        }
    })
    .await?;
    context.delete_stream("raw").await?;
    Ok(rate)
}
