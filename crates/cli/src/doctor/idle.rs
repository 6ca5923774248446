//! How long the way lets a link idle. In: a server. Out: a finding. Several links are left idle at
//! once, each for a longer time, and say something when it is over: one that was closed, or is not
//! answered, was cut.

use std::time::Duration;

use steadfast_client::{Builder, LinkState, Span};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Subject;
use super::finding::Finding;
use super::intermediary::{Intermediary, PathProblem};
use super::session::{LOOK_INTERVAL, Opened, open};
use crate::clock;
use crate::progress::Progress;

/// Times that are usual for proxies, balancers and carriers, and a little more, in seconds.
const USUAL_S: [u64; 7] = [6, 20, 35, 65, 125, 245, 365];
/// How long an answer may take.
const ANSWER_TIMEOUT: Span = Span(10_000);
/// How much longer than its time a link is looked at, at most.
const GRACE: Duration = Duration::from_secs(15);
/// How far apart a link's heartbeats are by default while somebody looks, in seconds, …
const FOREGROUND_S: u64 = 15;
/// … and while nobody does.
const BACKGROUND_S: u64 = 55;
/// Longer than any run.
const NEVER: Span = Span(86_400_000);

/// What became of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It was answered after its time.
    Kept,
    /// It was closed after so many milliseconds.
    Closed(u64),
    /// It was not answered after its time.
    Silent,
    /// It did not connect.
    NotOpened,
}

/// Leaves links idle for up to `idle_s` seconds.
pub(super) async fn check(
    subject: &Subject,
    intermediary: Intermediary,
    idle_s: u64,
) -> anyhow::Result<Finding> {
    let mut fates = JoinSet::new();
    for span_s in spans(idle_s) {
        let builder = subject.client();
        fates.spawn(async move { (span_s, fate(builder, span_s).await) });
    }
    let mut progress = Progress::new();
    let mut show = progress.step("idle");
    let whole = Duration::from_secs(idle_s);
    let begun = clock::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    let mut ended = Vec::new();
    loop {
        tokio::select! {
            one = fates.join_next() => match one {
                Some(one) => ended.push(one?),
                None => break,
            },
            _ = ticks.tick() => show(begun.elapsed().as_secs_f64() / whole.as_secs_f64()),
        }
    }
    progress.clear();
    ended.sort_unstable_by_key(|(span_s, _)| *span_s);
    Ok(judge(&ended, intermediary))
}

/// For how long links are left idle: the usual times below the longest, and that.
fn spans(idle_s: u64) -> Vec<u64> {
    USUAL_S.into_iter().filter(|span_s| *span_s < idle_s).chain([idle_s]).collect()
}

async fn fate(builder: Builder, span_s: u64) -> Fate {
    let builder = builder.adjust(move |config| {
        config.heartbeat_interval = Span::seconds(span_s);
        config.heartbeat_timeout = ANSWER_TIMEOUT;
        (config.idle_ping, config.idle_close) = (NEVER, NEVER);
    });
    let Ok(mut client) = builder.connect().await else { return Fate::NotOpened };
    if !matches!(open(&mut client).await, Opened::Live) {
        return Fate::NotOpened;
    }
    let begun = clock::now();
    let mut state = client.state();
    let watched = async {
        loop {
            if *state.borrow_and_update() != LinkState::Connected {
                let after = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                return if after < span_s * 1_000 { Fate::Closed(after) } else { Fate::Silent };
            }
            let statistics = client.statistics().await;
            if statistics.is_ok_and(|statistics| statistics.last_answer_rtt.is_some()) {
                return Fate::Kept;
            }
            drop(timeout(LOOK_INTERVAL * 4, state.changed()).await);
        }
    };
    let fate = timeout(Duration::from_secs(span_s) + GRACE, watched).await;
    client.close().await;
    fate.unwrap_or(Fate::Silent)
}

/// What the fates of all links mean, shortest time first.
fn judge(fates: &[(u64, Fate)], intermediary: Intermediary) -> Finding {
    let kept_s = fates.iter().take_while(|(_, fate)| *fate == Fate::Kept).last();
    let kept_s = kept_s.map_or(0, |(span_s, _)| *span_s);
    let Some((span_s, fate)) = fates.iter().find(|(_, fate)| *fate != Fate::Kept) else {
        return Finding::passed("idle", format!("a link may idle for {kept_s} s at least"));
    };
    let (cut_s, text) = match fate {
        Fate::NotOpened => {
            let text = "a link for this check did not connect; see `limits.connections_max` and \
                        the limits of an address";
            return Finding::warning("idle", text, Vec::new());
        }
        Fate::Closed(after) => {
            let seconds = after / 1_000;
            let text =
                format!("a link that idles is closed after {seconds}.{} s", after % 1_000 / 100);
            (seconds, text)
        }
        Fate::Silent | Fate::Kept => {
            let text =
                format!("a link is forgotten without notice between {kept_s} and {span_s} s");
            (kept_s, text)
        }
    };
    let remedies = intermediary.remedies(PathProblem::IdleCut);
    if cut_s < FOREGROUND_S {
        let text =
            format!("{text}: before the first heartbeat, which comes after {FOREGROUND_S} s");
        Finding::failed("idle", text, remedies)
    } else if cut_s < BACKGROUND_S {
        let text = format!("{text}: in the background heartbeats are {BACKGROUND_S} s apart");
        Finding::warning("idle", text, remedies)
    } else {
        let text = format!("{text}; heartbeats are never more than {BACKGROUND_S} s apart");
        Finding::passed("idle", text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fate, judge, spans};
    use crate::doctor::finding::CheckOutcome;
    use crate::doctor::intermediary::Intermediary;

    #[test]
    fn the_longest_time_is_tried_and_all_usual_ones_below() {
        assert_eq!(spans(75), [6, 20, 35, 65, 75]);
        assert_eq!(spans(65), [6, 20, 35, 65]);
        assert_eq!(spans(2), [2]);
    }

    #[test]
    fn a_cut_matters_by_how_far_heartbeats_are_apart() {
        let outcome = |fates: &[(u64, Fate)]| {
            let finding = judge(fates, Intermediary::Nginx);
            (finding.outcome, finding.text)
        };
        let kept = [(6, Fate::Kept), (20, Fate::Kept)];
        assert_eq!(
            outcome(&kept),
            (CheckOutcome::Passed, "a link may idle for 20 s at least".into())
        );
        let (early, text) = outcome(&[(6, Fate::Closed(5_012)), (20, Fate::Closed(5_013))]);
        assert!(early == CheckOutcome::Failed && text.contains("closed after 5.0 s"), "{text}");
        let (late, text) =
            outcome(&[(6, Fate::Kept), (20, Fate::Kept), (35, Fate::Closed(30_000))]);
        assert!(late == CheckOutcome::Warning && text.contains("30.0 s"), "{text}");
        let (never, _) = outcome(&[(35, Fate::Kept), (65, Fate::Closed(60_000))]);
        assert_eq!(never, CheckOutcome::Passed);
        let (silent, text) = outcome(&[(6, Fate::Kept), (20, Fate::Silent)]);
        assert!(silent == CheckOutcome::Failed && text.contains("between 6 and 20 s"), "{text}");
        assert_eq!(outcome(&[(6, Fate::NotOpened)]).0, CheckOutcome::Warning);
    }
}
