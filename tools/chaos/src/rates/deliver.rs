//! From the publish to the follower: one publisher that does not hurry, one follower by server-sent
//! events. In: a running server. Out: milliseconds at the median and for 99 of 100.

use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::AsyncBufReadExt;
use tokio::sync::mpsc;

use crate::http::Wire;
use crate::process::Server;

const CHANNEL: &str = "deliver:1";
/// Time between two publishes.
const PACE: Duration = Duration::from_millis(5);
/// Events on their way at most.
const WAITING_MAX: usize = 1_024;

/// The times.
pub(super) async fn times(server: &Server, lasts: Duration) -> anyhow::Result<(f64, f64)> {
    let mut wire = Wire::to(server.internal).await?;
    let follower = Wire::to(server.public).await?;
    let mut lines = follower.stream(&format!("/v1/channels/{CHANNEL}/stream")).await?.lines();
    let (heard, mut coming) = mpsc::channel(WAITING_MAX);
    let listening = tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains(r#""type":"event""#) && heard.send(Instant::now()).await.is_err() {
                break;
            }
        }
    });
    let body = super::body();
    let (begun, mut taken) = (Instant::now(), Vec::new());
    while begun.elapsed() < lasts {
        let sent = Instant::now();
        wire.publish(CHANNEL, &format!("d-{}", taken.len()), &body).await?;
        let arrived = coming.recv().await.context("the follower hears nothing any more")?;
        taken.push(arrived.duration_since(sent).as_secs_f64() * 1e3);
        tokio::time::sleep(PACE).await;
    }
    listening.abort();
    taken.sort_by(f64::total_cmp);
    let at = |percent: usize| taken.get(taken.len() * percent / 100).copied().unwrap_or(0.0);
    Ok((at(50), at(99)))
}
