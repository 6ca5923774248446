//! How far a run is, for people: a bar on a terminal, else nothing.

use indicatif::{ProgressBar, ProgressStyle};

/// Steps of the bar.
const WHOLE: u64 = 1000;

/// The bar.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar on standard error, which hides itself where that is no terminal.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(WHOLE);
        if let Ok(style) = ProgressStyle::with_template("{msg:8} [{bar:40}] {percent}%") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar }
    }

    /// Begins the step of this name; what it gives is told how much is done, from 0 to 1.
    pub(crate) fn step(&mut self, name: &'static str) -> impl FnMut(f64) + use<> {
        self.bar.set_message(name);
        self.bar.set_position(0);
        let bar = self.bar.clone();
        move |done| bar.set_position(position(done))
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn position(done: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "0 to 1000"
    )]
    let position = (done.clamp(0.0, 1.0) * WHOLE as f64) as u64;
    position
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn a_bar_is_between_empty_and_full() {
        assert_eq!([-1.0, 0.0, 0.5, 1.0, 7.0].map(position), [0, 0, 500, 1000, 1000]);
    }
}
