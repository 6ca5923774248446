//! The events of a job: a check of an imagined device, from 0 to 100 per cent. In: how long it
//! takes. Out: its events and the time between them. Knows no clock and no node.

use std::time::Duration;

use serde_json::{Value, json};

/// The parts that are checked, in order. The page has a text for each.
pub(super) const CHECKS: [&str; 6] =
    ["power", "storage", "memory", "network", "sensors", "software"];
/// The check that finds something.
const WARNED: &str = "storage";
/// The steps of a job, unless they would follow too fast or too slowly.
const STEPS: u32 = 60;
const PACE_MIN: Duration = Duration::from_millis(200);
const PACE_MAX: Duration = Duration::from_secs(1);

/// One event of a job.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct JobEvent {
    pub(super) event: &'static str,
    pub(super) data: Value,
    /// Whether a newer one of the same kind replaces it.
    pub(super) is_replaceable: bool,
    pub(super) is_final: bool,
}

/// A job that takes about this long.
#[derive(Clone, Debug)]
pub(super) struct DemoJob {
    /// The time from one event to the next.
    pub(super) pace: Duration,
    steps: u32,
    at: u32,
}

impl DemoJob {
    pub(super) fn new(duration: Duration) -> Self {
        let pace = (duration / STEPS).clamp(PACE_MIN, PACE_MAX);
        let steps = u32::try_from(duration.as_millis() / pace.as_millis()).unwrap_or(u32::MAX);
        Self { pace, steps: steps.max(1), at: 0 }
    }

    /// The progress at a step. Only the first event of each check must be seen by everybody.
    fn progress(&self, at: u32) -> JobEvent {
        let check_at = |step: u32| u64::from(step) * CHECKS.len() as u64 / u64::from(self.steps);
        let percent = u64::from(at) * 100 / u64::from(self.steps);
        let number = check_at(at);
        let begun = usize::try_from(number).ok().and_then(|number| CHECKS.get(number));
        match begun.filter(|_| at == 0 || check_at(at - 1) < number) {
            Some(check) => {
                let (number, of) = (number + 1, CHECKS.len());
                entry(
                    "progress",
                    json!({"percent": percent, "check": check, "number": number, "of": of}),
                )
            }
            None => {
                JobEvent { is_replaceable: true, ..entry("progress", json!({"percent": percent})) }
            }
        }
    }
}

impl Iterator for DemoJob {
    type Item = JobEvent;

    fn next(&mut self) -> Option<JobEvent> {
        let at = self.at;
        self.at = at.checked_add(1)?;
        match at.checked_sub(self.steps) {
            None | Some(0) => Some(self.progress(at)),
            Some(1) => {
                let finding = |check: &&str| {
                    let verdict = if *check == WARNED { "warning" } else { "good" };
                    json!({"check": check, "verdict": verdict})
                };
                let findings: Vec<Value> = CHECKS.iter().map(finding).collect();
                Some(entry("result", json!({"findings": findings})))
            }
            Some(2) => {
                Some(JobEvent { is_final: true, ..entry("complete", json!({"is_done": true})) })
            }
            Some(_) => None,
        }
    }
}

fn entry(event: &'static str, data: Value) -> JobEvent {
    JobEvent { event, data, is_replaceable: false, is_final: false }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CHECKS, DemoJob, JobEvent};

    fn entries(seconds: u64) -> Vec<JobEvent> {
        DemoJob::new(Duration::from_secs(seconds)).collect()
    }

    #[test]
    fn a_job_goes_from_progress_to_result_to_the_end() {
        for seconds in [1, 7, 60, 300] {
            let entries = entries(seconds);
            let (progress, end) = entries.split_at(entries.len() - 2);
            assert!(progress.iter().all(|entry| entry.event == "progress"), "{seconds} s");
            let percents = progress.iter().map(|entry| entry.data["percent"].as_u64().unwrap());
            assert!(percents.clone().is_sorted(), "{seconds} s");
            assert_eq!((percents.clone().min(), percents.max()), (Some(0), Some(100)));
            assert_eq!((end[0].event, end[1].event), ("result", "complete"));
            assert!(entries.iter().rev().skip(1).all(|entry| !entry.is_final) && end[1].is_final);
        }
    }

    #[test]
    fn only_what_begins_nothing_may_be_left_out() {
        for seconds in [2, 60, 300] {
            let kept: Vec<JobEvent> =
                entries(seconds).into_iter().filter(|entry| !entry.is_replaceable).collect();
            let begun: Vec<&str> =
                kept.iter().filter_map(|entry| entry.data["check"].as_str()).collect();
            assert_eq!(begun, CHECKS, "{seconds} s");
            assert_eq!(kept.len(), CHECKS.len() + 2, "{seconds} s");
        }
    }

    #[test]
    fn a_job_takes_about_as_long_as_it_was_asked_to() {
        for seconds in [1, 12, 60, 90, 300] {
            let job = DemoJob::new(Duration::from_secs(seconds));
            let taken = job.pace * u32::try_from(job.clone().count() - 1).unwrap();
            let asked = Duration::from_secs(seconds);
            assert!((asked..=asked + 2 * job.pace).contains(&taken), "{taken:?} for {asked:?}");
        }
    }
}
