//! Shares of time in every kind of life.

use steadfast_machine::{Millis, Span};

use super::{Record, UptimeState};

#[test]
fn shares_are_right_before_the_first_connection_and_during_an_outage() {
    let mut record = Record::new();
    assert_eq!(record.statistics(Millis(500)).availability, 0);
    record.turn(Millis(1000), UptimeState::Down);
    assert_eq!(record.statistics(Millis(3000)).availability, 0);
    record.turn(Millis(3000), UptimeState::Live);
    assert_eq!(record.statistics(Millis(9000)).availability, 7500);
    record.turn(Millis(9000), UptimeState::Down);
    let outage = record.statistics(Millis(21_000));
    assert_eq!((outage.availability, outage.realtime_availability), (3000, 3000));
    assert_eq!(outage.total_downtime, Span(14_000));
    assert_eq!(outage.last_disconnected_at, Some(Millis(9000)));
}

#[test]
fn polling_is_available_but_not_in_real_time() {
    let mut record = Record::new();
    record.turn(Millis(0), UptimeState::Live);
    record.turn(Millis(3000), UptimeState::Polled);
    let statistics = record.statistics(Millis(9000));
    assert_eq!((statistics.availability, statistics.realtime_availability), (10_000, 3333));
    assert_eq!(statistics.total_downtime, Span::ZERO);
}

#[test]
fn sleep_and_wanted_rest_count_as_neither() {
    let mut record = Record::new();
    record.turn(Millis(0), UptimeState::Down);
    record.turn(Millis(1000), UptimeState::Live);
    record.sleep(Millis(2000), Millis(3_600_000));
    record.turn(Millis(3_602_000), UptimeState::Unwanted);
    let statistics = record.statistics(Millis(9_999_999));
    assert_eq!((statistics.availability, statistics.total_downtime), (7500, Span(1000)));
}

#[test]
fn a_reconnect_counts_once_as_begun_and_once_as_ended() {
    let mut record = Record::new();
    record.begin(false);
    record.fail();
    record.begin(true);
    record.fail();
    record.fail();
    record.begin(true);
    assert_eq!(record.statistics(Millis(0)).total_reconnects, 2);
    record.succeed(Millis(7));
    let statistics = record.statistics(Millis(9));
    assert_eq!((statistics.successful_reconnects, statistics.failed_reconnects), (1, 1));
    assert_eq!(statistics.last_connected_at, Some(Millis(7)));
}
