//! One scenario: read from its file, run, and written again with one step a line.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use steadfast_link::scenario::input_kind;
use steadfast_link::{Config, Input, Link};
use steadfast_machine::{Machine as _, Millis, Span};
use steadfast_protocol::{LinkId, Token};

use crate::input::read_input;

/// A file of `conformance/link/`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    name: String,
    rule: String,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    config: Map<String, Value>,
    pub(crate) steps: Vec<Step>,
}

/// What happens, and all that follows from it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// Milliseconds since the start. While scenarios are rewritten also `"wake"`, the instant last
    /// asked for, and `"+5"`, that long after the step before.
    at: Value,
    /// Whether the device slept, so that this comes after the wake that was asked for.
    #[serde(default)]
    late: bool,
    #[serde(rename = "do")]
    input: Box<RawValue>,
    #[serde(default)]
    expect: Vec<Box<RawValue>>,
    #[serde(default)]
    state: Value,
    #[serde(default)]
    wake: Value,
}

impl Scenario {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        Self::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Runs all steps; says what is not as it should be, or takes it as it is.
    pub(crate) fn run(&mut self, defaults: &Value, is_update: bool) -> Vec<String> {
        self.run_tuned(defaults, is_update, |_| {})
    }

    /// As [`Scenario::run`], with other settings than the scenario is written for.
    pub(crate) fn run_tuned(
        &mut self,
        defaults: &Value,
        is_update: bool,
        tune: fn(&mut Config),
    ) -> Vec<String> {
        let overrides = Value::Object(self.config.clone());
        let mut config = config_from(defaults, &overrides);
        tune(&mut config);
        let mut link = Link::new(config.clone());
        let mut problems = Vec::new();
        let mut now = 0;
        if is_update {
            self.fill_in(Link::new(config.clone()));
        }
        for (number, step) in (1..).zip(&mut self.steps) {
            let wake = link.wake().map(|wake| wake.at.0);
            let Some(at) = step.time(now, wake, is_update) else {
                problems.push(format!("step {number} has no time: {}", step.at));
                return problems;
            };
            if at < now || wake.is_some_and(|wake| at > wake) != step.late {
                problems.push(format!("step {number} is at {at}: after {now} and by {wake:?}"));
                return problems;
            }
            now = at;
            let answer = step.answer(&mut link, now);
            if is_update {
                step.at = json!(at);
                [step.state, step.wake] = [answer.state, answer.wake];
                step.expect = answer.outputs;
            } else if let Some(problem) = step.compare(&answer) {
                problems.push(format!("step {number} at {at}: {problem}"));
            }
        }
        problems
    }

    /// Puts in the ticks that are missing since the link wakes oftener.
    fn fill_in(&mut self, mut link: Link) {
        let mut steps = Vec::new();
        let mut before = 0;
        for step in std::mem::take(&mut self.steps) {
            while let Some(wake) = link.wake().map(|wake| wake.at.0)
                && !step.late
                && step.time(before, Some(wake), true).is_some_and(|at| at > wake)
            {
                let input = RawValue::from_string(r#"{"kind": "tick"}"#.into()).unwrap();
                let tick = Step { at: json!(wake), input, ..Step::default() };
                drop(tick.answer(&mut link, wake));
                steps.push(tick);
            }
            if let Some(at) = step.time(before, link.wake().map(|wake| wake.at.0), true) {
                before = at;
                drop(step.answer(&mut link, at));
            }
            steps.push(step);
        }
        self.steps = steps;
    }

    /// The whole file, with one step a line.
    pub(crate) fn write(&self) -> String {
        let why = self.why.iter().map(|why| format!("  \"why\": {},", json!(why)));
        let steps: Vec<_> = self.steps.iter().map(Step::write).collect();
        let mut lines = vec![
            "{".to_owned(),
            format!("  \"name\": {},", json!(self.name)),
            format!("  \"rule\": {},", json!(self.rule)),
        ];
        lines.extend(why);
        lines.push(format!("  \"config\": {},", json!(self.config)));
        lines.push(format!("  \"steps\": [\n    {}\n  ]", steps.join(",\n    ")));
        lines.push("}\n".to_owned());
        lines.join("\n")
    }

    /// Every word of the vocabulary that occurs in it.
    pub(crate) fn words(&self, seen: &mut BTreeSet<String>) {
        for step in &self.steps {
            seen.insert(input_kind(&step.read()).to_owned());
            for output in values(&step.expect) {
                for field in ["kind", "reason", "new"] {
                    seen.extend(output[field].as_str().map(str::to_owned));
                }
                for field in ["code", "severity"] {
                    seen.extend(output["message"][field].as_str().map(str::to_owned));
                }
            }
        }
    }
}

/// What the link did with one input.
struct Answer {
    outputs: Vec<Box<RawValue>>,
    state: Value,
    wake: Value,
}

impl Step {
    fn read(&self) -> Input {
        read_input(self.input.get()).unwrap()
    }

    fn time(&self, before: u64, wake: Option<u64>, is_update: bool) -> Option<u64> {
        match &self.at {
            Value::Number(at) => at.as_u64(),
            Value::String(at) if is_update => match at.strip_prefix('+') {
                Some(later) => Some(before + later.parse::<u64>().ok()?),
                None => wake,
            },
            Value::String(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        }
    }

    fn answer(&self, link: &mut Link, now: u64) -> Answer {
        link.handle(Millis(now), self.read());
        let outputs = std::iter::from_fn(|| link.poll());
        let outputs = outputs.map(|output| serde_json::to_string(&output).unwrap());
        Answer {
            outputs: outputs.map(|json| RawValue::from_string(json).unwrap()).collect(),
            state: json!(link.state().as_str()),
            wake: json!(link.wake().map(|wake| wake.at.0)),
        }
    }

    fn compare(&self, answer: &Answer) -> Option<String> {
        for (what, expected, actual) in [
            ("outputs", &json!(values(&self.expect)), &json!(values(&answer.outputs))),
            ("state", &self.state, &answer.state),
            ("wake", &self.wake, &answer.wake),
        ] {
            if expected != actual {
                return Some(format!("{what}\n  expected {expected}\n  but got  {actual}"));
            }
        }
        None
    }

    fn write(&self) -> String {
        let Self { at, late, input, expect, state, wake } = self;
        let late = if *late { r#", "late": true"# } else { "" };
        let expect: Vec<_> = expect.iter().map(|output| output.get()).collect();
        let expect = expect.join(", ");
        let happens = format!(r#""at": {at}{late}, "do": {input}"#);
        let follows = format!(r#""expect": [{expect}], "state": {state}, "wake": {wake}"#);
        format!("{{{happens}, {follows}}}")
    }
}

fn values(texts: &[Box<RawValue>]) -> Vec<Value> {
    texts.iter().map(|text| serde_json::from_str(text.get()).unwrap()).collect()
}

/// The settings of a scenario: the defaults of both languages, and what it has of its own.
pub(crate) fn config_from(defaults: &Value, overrides: &Value) -> Config {
    let value = |name: &str| match &overrides[name] {
        none if none.is_null() => &defaults[name],
        own => own,
    };
    let number = |name: &str| value(name).as_u64().unwrap_or_else(|| panic!("no {name}"));
    let span = |name: &str| Span(number(name));
    let small = |name: &str| u32::try_from(number(name)).unwrap();
    let known = defaults.as_object().unwrap();
    for name in overrides.as_object().unwrap().keys() {
        assert!(known.contains_key(name), "no setting is called {name}");
    }
    Config {
        link: LinkId::new(value("link").as_str().unwrap()).unwrap(),
        client: None,
        token: value("token").as_str().map(Token::new),
        seed: small("seed"),
        endpoints: u8::try_from(number("endpoints")).unwrap(),
        networks: serde_json::from_value(value("networks").clone()).unwrap(),
        backoff_min: span("backoffMinMs"),
        backoff_max: span("backoffMaxMs"),
        jitter_percent: small("jitterPercent"),
        delay_floor: span("delayFloorMs"),
        stable_after: span("stableAfterMs"),
        connect_timeout: span("connectTimeoutMs"),
        heartbeat_interval: span("heartbeatIntervalMs"),
        heartbeat_timeout: span("heartbeatTimeoutMs"),
        health_interval: span("healthIntervalMs"),
        idle_ping: span("idlePingMs"),
        idle_close: span("idleCloseMs"),
        detection: serde_json::from_value(value("detection").clone()).unwrap(),
        soft_warm_min: span("softWarmMinMs"),
        soft_cold_min: span("softColdMinMs"),
        soft_max: span("softMaxMs"),
        hard_min: span("hardMinMs"),
        probe_soft: span("probeSoftMs"),
        probe_hard: span("probeHardMs"),
        background_interval: span("backgroundIntervalMs"),
        background_spread: span("backgroundSpreadMs"),
        fallback_attempts: small("fallbackAttempts"),
        fallback_effort: span("fallbackEffortMs"),
        poll_wait: span("pollWaitMs"),
        return_min: span("returnMinMs"),
        return_max: span("returnMaxMs"),
        channels_max: usize::try_from(number("channelsMax")).unwrap(),
        messages: value("messages").as_bool().unwrap(),
        publish_bytes_max: usize::try_from(number("publishBytesMax")).unwrap(),
        publish_messages_max: usize::try_from(number("publishMessagesMax")).unwrap(),
    }
}

/// The folder that both languages read.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance")
}

/// A file of it.
pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// `conformance/link/FOLDER/BEHAVIOUR.json`, in order.
pub(crate) fn scenario_paths() -> Vec<PathBuf> {
    let folders = fs::read_dir(root().join("link")).unwrap();
    let folders = folders.map(|folder| folder.unwrap().path()).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    paths
}
