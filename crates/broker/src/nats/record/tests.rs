//! Who may hold a fence over to another process of a server, in every order in which nodes come.

use super::{
    FenceDecision, KnownEnd, LogRecord, NodeArrival, PATIENCE_MS, RUNS_MAX, SILENT_NODE_MS,
};

/// What a node says of itself: its name, the fence it knows, the run, what it saw.
type Says<'a> = (&'a str, &'a str, &'a str, u64);

/// A log, of whose newest number the server says 10.
struct RpcState {
    record: LogRecord,
    last: u64,
    now: u64,
}

impl RpcState {
    /// Of run `r1` and fence `f1`; two nodes know it.
    fn new() -> Self {
        let mut rpc = Self { record: LogRecord::default(), last: 10, now: 1 };
        assert_eq!(rpc.come("r1", ("a", "", "", 0), "f1"), "f1");
        assert_eq!(rpc.come("r1", ("b", "", "", 0), "f0"), "f1");
        rpc
    }

    fn come(&mut self, run: &str, says: Says<'_>, fresh: &str) -> String {
        let (node, fence, known_run, seen) = says;
        let known = KnownEnd { fence: fence.into(), run: known_run.into(), seen };
        let arrival =
            NodeArrival { node, known: &known, run, last: self.last, fresh, now: self.now };
        // Whoever comes writes something.
        let decision = self.record.enter(&arrival);
        self.last += 1;
        match decision {
            FenceDecision::Holds(fence) => fence,
            FenceDecision::Wait => "wait".to_owned(),
        }
    }
}

#[test]
fn another_process_is_trusted_once_all_have_said_that_they_saw_no_more() {
    let mut rpc = RpcState::new();
    rpc.last = 10;
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f2"), "wait");
    assert!(!rpc.record.is_settled_for("r2"));
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f3"), "wait");
    assert_eq!(rpc.come("r2", ("b", "f1", "r1", 9), "f4"), "f1");
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f5"), "f1");
    assert!(rpc.record.is_settled_for("r2"));
}

#[test]
fn one_node_that_saw_more_is_enough_and_what_nodes_write_when_they_come_does_not_count() {
    let mut rpc = RpcState::new();
    rpc.last = 10;
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f2"), "wait");
    assert_eq!(rpc.last, 11);
    assert_eq!(rpc.come("r2", ("b", "f1", "r1", 11), "f3"), "f3");
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f4"), "f3");
}

#[test]
fn a_node_that_says_nothing_is_taken_to_have_seen_more() {
    let mut rpc = RpcState::new();
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f2"), "wait");
    rpc.now += PATIENCE_MS;
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f3"), "wait");
    rpc.now += 1;
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f4"), "f4");
    // When it comes at last, there is nothing left to raise.
    assert_eq!(rpc.come("r2", ("b", "f1", "r1", 99), "f5"), "f4");
}

#[test]
fn a_node_that_left_or_was_silent_for_long_is_not_waited_for() {
    let mut rpc = RpcState::new();
    rpc.record.leave("b");
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f2"), "f1");
    let mut rpc = RpcState::new();
    rpc.now += SILENT_NODE_MS + 1;
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f2"), "f1");
}

#[test]
fn a_node_that_was_not_asked_may_still_know_better() {
    let mut rpc = RpcState::new();
    // Its presence was among what was lost.
    rpc.record.leave("b");
    rpc.last = 10;
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f2"), "f1");
    assert_eq!(rpc.come("r3", ("a", "f1", "r2", 10), "f3"), "f1");
    rpc.last = 90;
    let mut other = RpcState { record: rpc.record.clone(), ..rpc };
    assert_eq!(other.come("r3", ("b", "f1", "r1", 11), "f4"), "f4");
    assert_eq!(rpc.come("r3", ("b", "f1", "r1", 10), "f4"), "f1", "it knows of all that is kept");
}

#[test]
fn a_log_that_went_back_in_time_is_found_out() {
    let mut rpc = RpcState::new();
    rpc.last = 8;
    assert_eq!(rpc.come("r1", ("a", "f1", "r1", 10), "f2"), "f2");
    assert_eq!(rpc.come("r1", ("b", "f1", "r1", 10), "f3"), "f2");
    // Even to before its fence was raised, and to where its count has grown since.
    let mut rpc = RpcState::new();
    rpc.last = 90;
    assert_eq!(rpc.come("r1", ("a", "f2", "r1", 10), "f4"), "f4");
    assert_eq!(rpc.come("r1", ("b", "f2", "r1", 10), "f5"), "f4");
    // Or to another process of its server.
    assert_eq!(rpc.come("r2", ("a", "f9", "r1", 1), "f6"), "f6");
    assert_eq!(rpc.come("r2", ("b", "f9", "r1", 1), "f7"), "f6");
}

#[test]
fn a_log_that_is_gone_has_another_fence_for_whoever_knew_it() {
    let mut rpc = RpcState { record: LogRecord::default(), last: 0, now: 1 };
    assert_eq!(rpc.come("r2", ("a", "f1", "r1", 10), "f2"), "f2");
    assert_eq!(rpc.come("r2", ("b", "f1", "r1", 10), "f3"), "f2");
    assert_eq!(rpc.come("r2", ("c", "", "", 0), "f4"), "f2");
}

#[test]
fn runs_are_forgotten_beyond_their_limit_and_who_knows_one_of_those_raises_the_fence() {
    let mut rpc = RpcState::new();
    rpc.record.leave("b");
    rpc.last = 10;
    let mut known = "r1".to_owned();
    for run in 2..=RUNS_MAX {
        let next = format!("r{run}");
        assert_eq!(rpc.come(&next, ("a", "f1", &known, 10), "f2"), "f1");
        known = next;
    }
    let mut at_limit = RpcState { record: rpc.record.clone(), ..rpc };
    assert_eq!(at_limit.come(&known, ("b", "f1", "r1", 10), "f3"), "f1");
    at_limit.record.leave("b");
    assert_eq!(at_limit.come("next", ("a", "f1", &known, 10), "f2"), "f1");
    assert_eq!(at_limit.come("next", ("b", "f1", "r1", 10), "f3"), "f3");
}

#[test]
fn a_record_that_was_taken_out_of_a_log_which_has_everything_is_written_again() {
    let mut rpc = RpcState { record: LogRecord::default(), last: 10, now: 1 };
    assert_eq!(rpc.come("r1", ("a", "f1", "r1", 10), "f2"), "f1");
    assert_eq!(rpc.come("r1", ("b", "f1", "r1", 9), "f3"), "f1");
    assert_eq!(rpc.come("r1", ("c", "", "", 0), "f4"), "f1");
    // One event more than there is.
    let mut rpc = RpcState { record: LogRecord::default(), last: 10, now: 1 };
    assert_eq!(rpc.come("r1", ("a", "f1", "r1", 11), "f2"), "f2");
}
