//! What detection promises on whole lives of one session: a device that sleeps at any time for any
//! length never takes a peer that answers for dead, and a peer that falls silent is noticed.

#[cfg(test)]
#[path = "detection/life.rs"]
mod life;

use life::{First, Life};
use proptest::prelude::*;
use steadfast_link::{Input, LinkState, NetworkKind};

/// Longer than any patience, twice.
const AFTER_MS: u64 = 200_000;

fn first() -> impl Strategy<Value = First> {
    prop_oneof![Just(First::Time), Just(First::Answers), Just(First::Resumed)]
}

fn span() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..2_000, 0_u64..20_000, 0_u64..200_000]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn sleep_alone_is_never_a_verdict(
        answer_ms in 0_u64..900,
        naps in proptest::collection::vec((span(), span(), first()), 1..40),
    ) {
        let mut life = Life::new(answer_ms, u64::MAX);
        for (awake, asleep, first) in naps {
            life.wake_until(life.now + awake);
            prop_assert_eq!(life.dead_at, None);
            life.sleep(asleep, first);
            prop_assert_eq!(life.dead_at, None);
        }
        life.wake_until(life.now + AFTER_MS);
        prop_assert_eq!(life.link.state(), LinkState::Connected);
    }

    #[test]
    fn a_silent_peer_is_noticed_within_interval_and_timeout(
        answer_ms in 0_u64..900,
        silent_from in 1_000_u64..200_000,
    ) {
        let mut life = Life::new(answer_ms, silent_from);
        life.wake_until(silent_from + answer_ms + AFTER_MS);
        let dead_at = life.dead_at.expect("nobody noticed");
        prop_assert!(dead_at <= silent_from + answer_ms + 25_000, "only at {}", dead_at);
    }

    #[test]
    fn a_background_peer_is_noticed_within_its_longer_interval(
        answer_ms in 0_u64..900,
        hidden_at in 1_000_u64..50_000,
        more in 0_u64..200_000,
    ) {
        let silent_from = hidden_at + more;
        let mut life = Life::new(answer_ms, silent_from);
        life.wake_until(hidden_at);
        life.tell(Input::Background);
        life.wake_until(silent_from + answer_ms + AFTER_MS);
        let dead_at = life.dead_at.expect("nobody noticed");
        prop_assert!(dead_at <= silent_from + answer_ms + 65_000, "only at {}", dead_at);
    }

    #[test]
    fn whoever_asks_at_once_knows_within_four_seconds(
        answer_ms in 0_u64..900,
        silent_from in 1_000_u64..60_000,
        later in 0_u64..40_000,
        asked in 0_usize..4,
    ) {
        let mut life = Life::new(answer_ms, silent_from);
        life.wake_until(silent_from + later);
        if life.dead_at.is_none() {
            let at = life.now;
            let kind = NetworkKind::Cellular;
            let inputs = [
                Input::Resumed,
                Input::NetworkChanged { kind, key: None },
                Input::Online,
                Input::Foreground,
            ];
            life.tell(inputs[asked].clone());
            // Answers on their way count as life, and the silence after them is another one.
            if life.answers.is_empty() {
                life.wake_until(at + AFTER_MS);
                let dead_at = life.dead_at.expect("nobody noticed");
                prop_assert!(dead_at <= at + 4_000, "asked at {}, known at {}", at, dead_at);
            }
        }
    }
}
