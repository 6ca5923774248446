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
    channels: AtomicBool,
}

impl Pressure {
    /// Logs what has changed.
    pub(crate) fn look(&self, yields: &YieldTotals, now: Millis) {
        let events = yields.events;
        match changed(&self.history, is_recent(yields.last_event, now)) {
            Some(true) => tracing::warn!(events, "{HISTORY_FULL}"),
            Some(false) => {
                tracing::info!(events, "history is within `limits.history_bytes_total_max` again");
            }
            None => {}
        }
        let channels = yields.channels;
        match changed(&self.channels, is_recent(yields.last_channel, now)) {
            Some(true) => tracing::warn!(channels, "{CHANNELS_FULL}"),
            Some(false) => tracing::info!(channels, "there is room for channels again"),
            None => {}
        }
    }
}

/// The new state, if it is another one.
fn changed(state: &AtomicBool, is_full: bool) -> Option<bool> {
    (state.swap(is_full, Ordering::Relaxed) != is_full).then_some(is_full)
}

/// What operators should know.
pub(crate) fn warnings(yields: &YieldTotals, now: Millis) -> Vec<String> {
    let history = is_recent(yields.last_event, now).then(|| HISTORY_FULL.to_owned());
    let channels = is_recent(yields.last_channel, now).then(|| CHANNELS_FULL.to_owned());
    history.into_iter().chain(channels).collect()
}

const HISTORY_FULL: &str = "history takes all bytes that `limits.history_bytes_total_max` allows: \
    the oldest events of the largest channels go before their time, and readers who have not had \
    them are told of a gap; raise the limit, or have channels keep less";

const CHANNELS_FULL: &str = "there are nearly as many channels as `limits.channels_max` or a \
    namespace's `channels_max` allows: those that nobody reads, follows or publishes to go before \
    their time; raise the limit, or delete channels that have ended";

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
        let yields = YieldTotals { events: 1, last_event: Some(last), ..YieldTotals::default() };
        assert_eq!(warnings(&YieldTotals::default(), last), Vec::<String>::new());
        assert_eq!(warnings(&yields, last).len(), 1);
        assert_eq!(warnings(&yields, Millis(last.0 + LASTS.0 - 1)).len(), 1);
        assert_eq!(warnings(&yields, last + LASTS), Vec::<String>::new());
        let both = YieldTotals { channels: 1, last_channel: Some(last), ..yields };
        assert_eq!(warnings(&both, last).len(), 2);
        assert_eq!(warnings(&both, last + LASTS), Vec::<String>::new());
    }
}
