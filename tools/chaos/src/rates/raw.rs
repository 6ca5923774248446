//! What the store alone takes: one thread commits all that waits and has the disk keep it, then
//! answers, as a broker would that had nothing else to do. In: writers. Out: writes a second.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use tokio::sync::{mpsc, oneshot};

use super::{TEXT_BYTES, together};

/// Bytes besides the text that an event has.
const FRAME_BYTES: usize = 50;
/// Writes that wait at most.
const WAITING_MAX: usize = 4_096;

type Write = ([u8; 17], oneshot::Sender<()>);

/// Writes a second.
pub(super) async fn rate(folder: &Path, writers: usize, lasts: Duration) -> anyhow::Result<f64> {
    let database = Database::builder(folder).manual_journal_persist(true).open()?;
    let space = database.keyspace("raw", KeyspaceCreateOptions::default)?;
    let (line, mut coming) = mpsc::channel::<Write>(WAITING_MAX);
    let committer = std::thread::spawn(move || -> anyhow::Result<()> {
        while let Some(first) = coming.blocking_recv() {
            let mut all = vec![first];
            while let Ok(one) = coming.try_recv() {
                all.push(one);
            }
            let mut batch = database.batch().durability(Some(PersistMode::SyncData));
            for (key, _) in &all {
                batch.insert(&space, *key, vec![b'x'; TEXT_BYTES + FRAME_BYTES]);
            }
            batch.commit()?;
            for (_, answer) in all {
                // Whoever does not wait any more is not told.
                let _ = answer.send(());
            }
        }
        Ok(())
    });
    let rate = together(writers, lasts, |writer, tally| {
        let line = line.clone();
        async move {
            for number in 0_u64.. {
                let mut key = [b'e'; 17];
                key[1..9].copy_from_slice(&(writer as u64).to_be_bytes());
                key[9..].copy_from_slice(&number.to_be_bytes());
                let (answer, told) = oneshot::channel();
                line.send((key, answer)).await.ok().context("the store has stopped")?;
                told.await?;
                if !tally.one_more() {
                    break;
                }
            }
            Ok(())
        }
    })
    .await?;
    drop(line);
    let done = tokio::task::spawn_blocking(move || committer.join()).await?;
    done.map_err(|_| anyhow::anyhow!("the committer has panicked"))??;
    Ok(rate)
}
