//! Jobs that run on the node itself and publish as a backend would. In: the options of a job. Out:
//! the channel to follow, and events until the job ends. The number and the duration of jobs are
//! limited.

use std::sync::Arc;
use std::time::Duration;

use steadfast_history::Publish;
use steadfast_protocol::{ChannelName, EventName, Payload, ReplaceKey};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::MissedTickBehavior;

use super::job::{DemoJob, JobEvent};
use crate::node::Node;
use crate::problem::{Code, Problem};

/// Jobs at the same time; another one is refused.
pub(super) const JOBS_MAX: usize = 16;
/// The shortest job, in milliseconds.
pub(super) const DURATION_MS_MIN: u64 = 1_000;
/// The longest job, in milliseconds.
pub(super) const DURATION_MS_MAX: u64 = 300_000;
/// The default duration of a job, in milliseconds.
pub(super) const DURATION_MS_DEFAULT: u64 = 60_000;
/// The replace key of events with the progress: only the newest counts.
const REPLACE_KEY: &str = "percent";

/// The permits for jobs.
#[derive(Debug)]
pub(super) struct Jobs {
    places: Arc<Semaphore>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(JOBS_MAX)) }
    }
}

impl Jobs {
    /// Starts a job on a channel of its own.
    pub(super) fn start(
        &self,
        node: &Arc<Node>,
        duration_ms: Option<u64>,
    ) -> Result<ChannelName, Problem> {
        let duration_ms = duration_ms.unwrap_or(DURATION_MS_DEFAULT);
        if !(DURATION_MS_MIN..=DURATION_MS_MAX).contains(&duration_ms) {
            let detail = format!(
                "`duration_ms` is {DURATION_MS_MIN} to {DURATION_MS_MAX}, this is {duration_ms}"
            );
            return Err(Problem::new(Code::BadBody, detail));
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let detail = format!("at most {JOBS_MAX} jobs run here at once; wait until one ends");
            return Err(Problem::new(Code::TooManyChannels, detail).retry_after_s(10));
        };
        let channel = random_channel()?;
        let job = DemoJob::new(Duration::from_millis(duration_ms));
        tokio::spawn(run(Arc::clone(node), channel.clone(), job, place));
        Ok(channel)
    }
}

/// Publishes the events of a job, in time. If one is refused, the job ends and a line is logged.
async fn run(node: Arc<Node>, channel: ChannelName, job: DemoJob, place: OwnedSemaphorePermit) {
    let mut ticks = tokio::time::interval(job.pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for entry in job {
        ticks.tick().await;
        let Some(publish) = publish(&channel, &entry) else {
            tracing::error!(event = entry.event, "a demo job has an event that is not valid");
            break;
        };
        if let Err(error) = node.publish(publish).await {
            tracing::warn!(%channel, ?error, "a demo job could not publish and ends");
            break;
        }
    }
    drop(place);
}

fn publish(channel: &ChannelName, entry: &JobEvent) -> Option<Publish> {
    let replace =
        if entry.is_replaceable { Some(ReplaceKey::new(REPLACE_KEY).ok()?) } else { None };
    Some(Publish {
        channel: channel.clone(),
        event: EventName::new(entry.event).ok()?,
        data: Payload::new(&entry.data.to_string()).ok()?,
        is_final: entry.is_final,
        replace,
        idempotency_key: None,
    })
}

fn random_channel() -> Result<ChannelName, Problem> {
    let internal = || Problem::new(Code::Internal, "no channel could be named");
    let random = getrandom::u64().map_err(|_| internal())?;
    ChannelName::new(&format!("diagnosis:{random:016x}")).map_err(|_| internal())
}
