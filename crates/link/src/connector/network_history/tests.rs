//! What is remembered of networks, and for how long.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use steadfast_machine::Millis;

use super::{KEY_BYTES_MAX, NETWORKS_MAX, NetworkHistory, NetworkKey, NetworkRecord};
use crate::end::Evidence;

const DAY: u64 = 24 * 3_600_000;

fn key(text: &str) -> NetworkKey {
    NetworkKey::new(text).unwrap()
}

fn on(network: &str) -> NetworkHistory {
    let mut network_history = NetworkHistory::new(&[]);
    network_history.enter(key(network));
    network_history
}

#[test]
fn a_key_is_short_and_plain() {
    assert!(NetworkKey::new("").is_none());
    assert!(NetworkKey::new("home net").is_none());
    let longest: String = (0..KEY_BYTES_MAX).map(|_| 'a').collect();
    assert_eq!(key(&longest).as_str(), longest);
    assert!(NetworkKey::new(&format!("{longest}a")).is_none());
}

#[test]
fn two_blocked_attempts_are_suspicious_and_one_is_not() {
    let mut network_history = on("office");
    network_history.record_failure(Millis(0), Evidence::Blocked, false);
    assert!(!network_history.is_suspected(Millis(0)));
    network_history.record_failure(Millis(1), Evidence::Blocked, false);
    assert!(network_history.is_suspected(Millis(1)));
    network_history.record_failure(Millis(2), Evidence::Busy, false);
    assert!(!network_history.is_suspected(Millis(2)), "the server was reached");
}

#[test]
fn silence_speaks_against_a_network_only_where_http_gets_through() {
    let mut network_history = on("office");
    for at in 0..20 {
        network_history.record_failure(Millis(at), Evidence::Silence, false);
    }
    assert!(!network_history.is_suspected(Millis(20)));
    for at in 20..26 {
        network_history.record_failure(Millis(at), Evidence::Silence, true);
    }
    assert!(network_history.is_suspected(Millis(26)));
}

#[test]
fn a_network_is_known_after_three_sightings_for_a_day_and_until_a_session_lives() {
    let mut network_history = on("office");
    for at in 0..3 {
        assert!(!network_history.is_blocked(Millis(at)));
        network_history.record_fallback(Millis(at));
    }
    assert!(network_history.is_blocked(Millis(DAY + 1)));
    assert!(!network_history.is_blocked(Millis(DAY + 2)));
    network_history.record_fallback(Millis(4));
    network_history.record_success();
    assert!(!network_history.is_blocked(Millis(4)));
}

#[test]
fn networks_never_share_what_is_remembered() {
    let mut network_history = on("office");
    for at in 0..3 {
        network_history.record_fallback(Millis(at));
    }
    network_history.enter(key("home"));
    assert!(!network_history.is_blocked(Millis(3)));
    network_history.record_success();
    network_history.enter(key("office"));
    assert!(network_history.is_blocked(Millis(4)));
}

#[test]
fn what_was_saved_is_known_again_and_goes_on_ageing() {
    let mut network_history = on("office");
    for at in 0..3 {
        network_history.record_fallback(Millis(at * 1000));
    }
    let records = network_history.records(Millis(5000));
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!((record.sightings, record.age_ms), (3, 3000));
    let mut again = NetworkHistory::new(&records);
    again.enter(key("office"));
    assert_eq!(again.records(Millis(0)), records);
    assert!(again.is_blocked(Millis(DAY - 3001)));
    assert!(!again.is_blocked(Millis(DAY - 3000)));
}

#[test]
fn nonsense_that_was_saved_is_bounded() {
    let record = |odds, age_ms| NetworkRecord { key: key("a"), odds, sightings: 0, age_ms };
    let network_history = NetworkHistory::new(&[record(i8::MAX, 0)]);
    assert_eq!(network_history.records(Millis(0))[0].odds, 6);
    assert_eq!(NetworkHistory::new(&[record(i8::MIN, 0)]).records(Millis(0)), []);
    assert_eq!(NetworkHistory::new(&[record(5, u64::MAX)]).records(Millis(0)), []);
    let twice = NetworkHistory::new(&[record(1, 0), record(5, 0)]).records(Millis(0));
    assert_eq!(twice, [record(5, 0)], "the later record of a network counts");
}

#[test]
fn the_oldest_network_makes_room() {
    let mut network_history = NetworkHistory::new(&[]);
    let names: Vec<_> = (0..=NETWORKS_MAX).map(|n| format!("n{n}")).collect();
    for (at, name) in (0..).zip(&names) {
        network_history.enter(key(name));
        network_history.record_fallback(Millis(at));
        assert!(network_history.records(Millis(at)).len() <= NETWORKS_MAX);
    }
    let kept: Vec<_> =
        network_history.records(Millis(100)).into_iter().map(|one| one.key).collect();
    assert_eq!(kept[0], key("n1"));
    assert_eq!(kept.len(), NETWORKS_MAX);
}
