//! Every scenario of `conformance/link/`, run against the link. A scenario is a list of steps: what
//! happens and when, what the link answers, its state and its next wake. `UPDATE=1` rewrites the
//! answers; the difference is for review.

#[cfg(test)]
#[path = "conformance/input.rs"]
mod input;
#[cfg(test)]
#[path = "conformance/scenario.rs"]
mod scenario;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use scenario::{Scenario, config_from, read_json, root, scenario_paths};
use serde_json::json;
use steadfast_link::scenario::{INPUT_KINDS, OUTPUT_KINDS};
use steadfast_link::{Config, LinkState, MessageCode, Reason, Severity};
use steadfast_protocol::LinkId;
use steadfast_sim::{Coverage, MUTANTS};

const STEPS_MAX: usize = 40;

#[test]
fn the_link_does_what_every_scenario_says() {
    let is_update = std::env::var_os("UPDATE").is_some();
    let defaults = read_json(&root().join("defaults.json"));
    let mut failures = Vec::new();
    let paths = scenario_paths();
    assert!(paths.len() >= 24, "only {} scenarios were found", paths.len());
    for path in paths {
        let mut scenario = Scenario::read(&path);
        let problems = scenario.run(&defaults, is_update);
        if is_update {
            fs::write(&path, scenario.write()).unwrap();
        }
        if scenario.steps.len() > STEPS_MAX {
            failures.push(format!("{}: more than {STEPS_MAX} steps", path.display()));
        }
        failures.extend(problems.into_iter().map(|one| format!("{}: {one}", path.display())));
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// So many traces take some seconds; other languages run more of them, from files.
const TRACES: u32 = 600;
const TRACE_STEPS: usize = 120;

#[test]
fn traces_are_complete_and_reach_every_input_in_every_state() {
    let defaults = read_json(&root().join("defaults.json"));
    let mut coverage = Coverage::default();
    for seed in 0..TRACES {
        let trace = steadfast_sim::trace(seed, TRACE_STEPS).unwrap();
        coverage += trace.coverage;
        let mut scenario = Scenario::parse(&trace.text).unwrap();
        assert_eq!(scenario.steps.len(), TRACE_STEPS);
        let problems = scenario.run(&defaults, false);
        assert!(problems.is_empty(), "trace {seed}: {}", problems.join("\n"));
    }
    assert_eq!(coverage.missing(), [""; 0], "no trace shows these");
}

#[test]
fn every_policy_that_a_setting_can_break_has_a_scenario() {
    let defaults = read_json(&root().join("defaults.json"));
    let scenarios = scenario_paths();
    let notices = |tune| {
        let run = |path: &PathBuf| Scenario::read(path).run_tuned(&defaults, false, tune);
        scenarios.iter().filter(|path| !run(path).is_empty()).count()
    };
    let counts: Vec<_> = MUTANTS.iter().map(|one| (one.name, notices(one.tune))).collect();
    println!("{counts:#?}");
    let unnoticed: Vec<_> = counts.iter().filter(|(_, count)| *count == 0).collect();
    assert!(unnoticed.is_empty(), "no scenario notices {unnoticed:?}");
}

#[test]
fn the_defaults_are_those_of_both_languages() {
    let defaults = read_json(&root().join("defaults.json"));
    let mut ours = Config::new(LinkId::new("link-0001").unwrap(), 1);
    // Scenarios leave them out, but for those about them: most are told by time alone.
    ours.messages = false;
    assert_eq!(format!("{:?}", config_from(&defaults, &json!({}))), format!("{ours:?}"));
}

#[test]
fn the_vocabulary_is_that_of_both_languages() {
    let words = json!({
        "states": STATES.map(LinkState::as_str),
        "reasons": REASONS.map(Reason::as_str),
        "inputs": INPUT_KINDS,
        "outputs": OUTPUT_KINDS,
        "messages": MessageCode::ALL.map(MessageCode::as_str),
        "severities": SEVERITIES.map(Severity::as_str),
    });
    assert_eq!(read_json(&root().join("vocabulary.json")), words);
    for (state, word) in STATES.iter().zip(STATES.map(LinkState::as_str)) {
        assert_eq!(serde_json::to_value(state).unwrap(), word);
    }
    for (reason, word) in REASONS.iter().zip(REASONS.map(Reason::as_str)) {
        assert_eq!(serde_json::to_value(reason).unwrap(), word);
    }
    for code in MessageCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
    for severity in SEVERITIES {
        assert_eq!(serde_json::to_value(severity).unwrap(), severity.as_str());
    }
}

#[test]
fn every_word_of_the_vocabulary_is_in_some_scenario() {
    let mut seen = BTreeSet::new();
    for path in scenario_paths() {
        Scenario::read(&path).words(&mut seen);
    }
    let states = STATES.map(LinkState::as_str);
    let reasons = REASONS.map(Reason::as_str);
    let codes = MessageCode::ALL.map(MessageCode::as_str);
    let words = states.iter().chain(&reasons).chain(&INPUT_KINDS).chain(&OUTPUT_KINDS);
    let words = words.chain(&codes);
    let missing: Vec<_> = words.filter(|word| !seen.contains(**word)).collect();
    assert!(missing.is_empty(), "no scenario shows {missing:?}");
}

const STATES: [LinkState; 5] = [
    LinkState::Disconnected,
    LinkState::Connecting,
    LinkState::Connected,
    LinkState::Reconnecting,
    LinkState::Fallback,
];

const SEVERITIES: [Severity; 4] =
    [Severity::Silent, Severity::Info, Severity::Warn, Severity::Block];

const REASONS: [Reason; 13] = [
    Reason::Asked,
    Reason::Closed,
    Reason::Finished,
    Reason::Rejected,
    Reason::Offline,
    Reason::NetworkRestored,
    Reason::Welcomed,
    Reason::Lost,
    Reason::HeartbeatTimeout,
    Reason::ConnectTimeout,
    Reason::Unreachable,
    Reason::ServerAsked,
    Reason::WebSocketBlocked,
];
