//! What the server's clock shows, as far as answers tell. In: the server's time in answers that
//! were timed. Out: how old an event was when it came. Must not know the device's own date.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::Timestamp;

/// How long an answer is the best there is, however much slower later ones are.
const SAMPLE_AGE_MAX: Span = Span::seconds(600);

/// The server's clock as the device sees it.
#[derive(Clone, Debug)]
pub(crate) struct ServerClock {
    best: Option<Sample>,
    /// What came into being before this may have waited for the device to wake.
    awake_since: Millis,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Millis,
    rtt: Span,
    /// What the server's clock showed at the device's zero, half the round trip given or taken.
    zero: u64,
}

impl ServerClock {
    /// Nothing known.
    pub(crate) const fn new() -> Self {
        Self { best: None, awake_since: Millis::ZERO }
    }

    /// An answer came that took `rtt` and has the server's time. The fastest tells most.
    pub(crate) fn sample(&mut self, now: Millis, rtt: Span, server_time: &str) {
        let Some(Timestamp(time)) = Timestamp::parse(server_time) else { return };
        let is_better =
            self.best.is_none_or(|best| rtt <= best.rtt || now.since(best.at) > SAMPLE_AGE_MAX);
        if is_better {
            let zero = (time + rtt.0 / 2).saturating_sub(now.0);
            self.best = Some(Sample { at: now, rtt, zero });
        }
    }

    /// The device slept until now, and its clock may have stood still.
    pub(crate) const fn sleep(&mut self, now: Millis) {
        self.best = None;
        self.awake_since = now;
    }

    /// How old what came now is, by the server's date on it; none where that is not known, or where
    /// it waited for the device.
    pub(crate) fn age(&self, now: Millis, time: &str) -> Option<Span> {
        let zero = self.best?.zero;
        let Timestamp(time) = Timestamp::parse(time)?;
        let age = Span((zero + now.0).saturating_sub(time));
        (age <= now.since(self.awake_since)).then_some(age)
    }
}

#[cfg(test)]
mod tests {
    use super::ServerClock;
    use steadfast_machine::{Millis, Span};

    const TIME: &str = "2026-02-28T00:00:10.000Z";

    #[test]
    fn an_event_is_as_old_as_the_server_says() {
        let mut clock = ServerClock::new();
        assert_eq!(clock.age(Millis(500), TIME), None);
        clock.sample(Millis(400), Span(100), "2026-02-28T00:00:09.000Z");
        // 9.050 s at 400 ms, so 10.150 s at 1500 ms.
        assert_eq!(clock.age(Millis(1500), TIME), Some(Span(150)));
        assert_eq!(clock.age(Millis(1000), TIME), Some(Span(0)), "it cannot come before it is");
        assert_eq!(clock.age(Millis(1500), "yesterday"), None);
    }

    #[test]
    fn the_fastest_answer_of_ten_minutes_counts() {
        let mut clock = ServerClock::new();
        clock.sample(Millis(400), Span(100), "2026-02-28T00:00:09.000Z");
        clock.sample(Millis(500), Span(101), "2026-02-28T00:00:00.000Z");
        clock.sample(Millis(600), Span(5), "nonsense");
        assert_eq!(clock.age(Millis(1500), TIME), Some(Span(150)));
        clock.sample(Millis(600_401), Span(3000), "2026-02-28T00:10:00.000Z");
        assert_eq!(clock.age(Millis(600_500), "2026-02-28T00:10:01.500Z"), Some(Span(99)));
    }

    #[test]
    fn what_waited_for_the_device_has_no_age() {
        let mut clock = ServerClock::new();
        clock.sleep(Millis(60_000));
        clock.sample(Millis(60_100), Span(0), "2026-02-28T00:01:00.000Z");
        assert_eq!(clock.age(Millis(60_200), "2026-02-28T00:00:59.900Z"), Some(Span(200)));
        assert_eq!(clock.age(Millis(60_200), "2026-02-28T00:00:59.899Z"), None);
    }
}
