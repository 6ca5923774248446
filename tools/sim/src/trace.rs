//! Traces: random lives of the real link, written as scenarios that any language can run again.
//! In: a seed and a number of steps. Out: the file's text, and what was seen in it. Must not know
//! what is right: what the link does is what is written down.

mod coverage;
mod draw;
mod frames;
mod life;
mod settings;
mod written;

use steadfast_machine::Machine as _;

use self::life::Life;
use crate::dice::{Dice, Purpose};

pub use coverage::Coverage;

/// One trace.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The scenario, as the files under `conformance/link` are written.
    pub text: String,
    /// Which inputs met which states.
    pub coverage: Coverage,
}

/// An input or a frame that exists, and that nobody has said how to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undrawn(pub String);

/// Makes the trace of a seed. The same seed and number of steps always make the same trace.
pub fn trace(seed: u32, steps: usize) -> Result<Trace, Undrawn> {
    let mut dice = Dice::new(seed, Purpose::Trace);
    let (settings, config) = settings::draw(&mut dice);
    let mut life = Life::new(config, dice);
    let mut coverage = Coverage::default();
    let mut lines = Vec::with_capacity(steps);
    for _ in 0..steps {
        let step = life.next_step()?;
        coverage.note(life.link(), &step.input);
        let kind_and_fields = written::input(&step.input);
        let is_late = step.is_late;
        let outputs = life.perform(step);
        let outputs = outputs.iter().map(written::text).collect::<Vec<_>>().join(", ");
        let late = if is_late { r#", "late": true"# } else { "" };
        let happens = format!(r#""at": {}{late}, "do": {kind_and_fields}"#, life.now());
        let wake = written::text(&life.link().wake().map(|wake| wake.at.0));
        let state = life.link().state().as_str();
        lines.push(format!(
            r#"{{{happens}, "expect": [{outputs}], "state": "{state}", "wake": {wake}}}"#
        ));
    }
    let lines = lines.join(",\n    ");
    let head = format!("  \"name\": \"trace {seed}\",\n  \"rule\": \"all\",");
    let text =
        format!("{{\n{head}\n  \"config\": {settings},\n  \"steps\": [\n    {lines}\n  ]\n}}\n");
    Ok(Trace { text, coverage })
}

/// What happens next, and when.
#[derive(Debug)]
struct Step {
    at: u64,
    /// Whether it comes after the wake that was asked for, as when a device sleeps.
    is_late: bool,
    input: steadfast_link::Input,
}
