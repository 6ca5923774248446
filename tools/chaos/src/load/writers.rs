//! Whoever publishes: at a steady rate, and again under the same idempotency key until it is
//! answered, at another address each time. In: addresses of backends. Out: entries in the book.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Amount;
use super::book::{Book, channel};
use crate::http::{Reply, Wire};

/// How long one answer is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// How long until it is tried again.
const AGAIN: Duration = Duration::from_millis(50);
/// How long an event is tried.
const GIVE_UP: Duration = Duration::from_mins(1);
/// The text in a payload, in bytes.
const TEXT_BYTES: usize = 100;

/// All of them.
#[derive(Debug)]
pub struct Writers {
    tasks: JoinSet<anyhow::Result<u64>>,
    end: watch::Sender<bool>,
}

/// One of them.
struct Writer {
    book: Arc<Book>,
    backends: Vec<SocketAddr>,
    at: usize,
    wire: Option<Wire>,
    repeats: u64,
}

impl Writers {
    /// Starts them.
    pub fn start(amount: Amount, backends: &[SocketAddr], book: &Arc<Book>) -> Self {
        let (end, ends) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let writers = u32::try_from(amount.writers).unwrap_or(u32::MAX);
        let every = Duration::from_secs(1) * writers / amount.rate;
        for at in 0..amount.writers {
            let (book, backends) = (Arc::clone(book), backends.to_vec());
            let writer = Writer { book, backends, at, wire: None, repeats: 0 };
            let channels = (at..amount.channels).step_by(amount.writers).collect();
            tasks.spawn(writer.run(channels, every, ends.clone()));
        }
        Self { tasks, end }
    }

    /// Lets each finish what it is at, and end each of its channels with one more event; how often
    /// something was sent again.
    pub async fn stop(self) -> anyhow::Result<u64> {
        self.end.send_replace(true);
        self.tasks.join_all().await.into_iter().sum()
    }
}

impl Writer {
    async fn run(
        mut self,
        channels: Vec<usize>,
        every: Duration,
        end: watch::Receiver<bool>,
    ) -> anyhow::Result<u64> {
        let mut interval = tokio::time::interval(every);
        for &place in channels.iter().cycle() {
            interval.tick().await;
            if *end.borrow() {
                break;
            }
            self.publish(place).await?;
        }
        // Whatever happened, each channel ends with an event that everybody must have.
        for place in channels {
            self.publish(place).await?;
        }
        Ok(self.repeats)
    }

    async fn publish(&mut self, place: usize) -> anyhow::Result<()> {
        let number = self.book.sends(place);
        let (name, key) = (channel(place), number.to_string());
        let text = "x".repeat(TEXT_BYTES);
        let body = format!(r#"{{"event":"progress","data":{{"n":{number},"text":"{text}"}}}}"#);
        let begun = Instant::now();
        loop {
            let reply = tokio::time::timeout(ANSWER, self.send(&name, &key, &body)).await;
            let answer = reply.map_err(anyhow::Error::from).flatten().and_then(|r| answer_of(&r));
            match answer {
                Ok((epoch, offset)) => {
                    self.book.answered(number, &epoch, offset);
                    return Ok(());
                }
                Err(error) if begun.elapsed() > GIVE_UP => {
                    return Err(error.context(format!("event {number} to {name} is not taken")));
                }
                Err(_) => {
                    self.repeats += 1;
                    self.wire = None;
                    self.at += 1;
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn send(&mut self, name: &str, key: &str, body: &str) -> anyhow::Result<Reply> {
        let address = self.backends.get(self.at % self.backends.len()).context("no address")?;
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::to(*address).await?,
        };
        let reply = wire.publish(name, key, body).await?;
        self.wire = Some(wire);
        Ok(reply)
    }
}

/// The position in a reply that says that an event is kept.
pub fn answer_of(reply: &Reply) -> anyhow::Result<(String, u64)> {
    if reply.status != 201 {
        bail!("a publish answers {}", reply.status);
    }
    let place = reply.json()?;
    let epoch = place["epoch"].as_str().context("no epoch")?.to_owned();
    Ok((epoch, place["offset"].as_u64().context("no offset")?))
}
