//! Whether the node is so full that things go before their time to make room for others. In: what
//! the broker counts, now and then. Out: a line in the log when that begins and when it is over,
//! and a warning for operators meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use steadfast_history::YieldTotals;
use steadfast_machine::{Millis, Span};

/// For how long after the last thing went the node counts as full.
const LASTS: Span = Span::seconds(60);

/// What has been logged.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    history: AtomicBool,
}

impl Pressure {
    /// Logs what has changed.
    pub(crate) fn look(&self, yields: &YieldTotals, now: Millis) {
        let is_full = is_recent(yields.last_event, now);
        if self.history.swap(is_full, Ordering::Relaxed) != is_full {
            let events = yields.events;
            if is_full {
                tracing::warn!(events, "{HISTORY_FULL}");
            } else {
                tracing::info!(events, "history is within `limits.history_bytes_total_max` again");
            }
        }
    }
}

/// What operators should know.
pub(crate) fn warnings(yields: &YieldTotals, now: Millis) -> Vec<String> {
    let history = is_recent(yields.last_event, now).then(|| HISTORY_FULL.to_owned());
    history.into_iter().collect()
}

const HISTORY_FULL: &str = "history takes all bytes that `limits.history_bytes_total_max` allows: \
    the oldest events of the largest channels go before their time, and readers who have not had \
    them are told of a gap; raise the limit, or have channels keep less";

fn is_recent(last: Option<Millis>, now: Millis) -> bool {
    last.is_some_and(|last| now.since(last) < LASTS)
}

#[cfg(test)]
mod tests {
    use super::{LASTS, warnings};
    use steadfast_history::YieldTotals;
    use steadfast_machine::Millis;

    #[test]
    fn a_node_is_full_until_nothing_had_to_go_for_a_while() {
        let last = Millis(5);
        let yields = YieldTotals { events: 1, last_event: Some(last) };
        assert_eq!(warnings(&YieldTotals::default(), last), Vec::<String>::new());
        assert_eq!(warnings(&yields, last).len(), 1);
        assert_eq!(warnings(&yields, Millis(last.0 + LASTS.0 - 1)).len(), 1);
        assert_eq!(warnings(&yields, last + LASTS), Vec::<String>::new());
    }
}
