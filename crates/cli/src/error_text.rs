//! The text of an error for people. In: an error. Out: its text and those of all causes below it,
//! each said once: many texts have their cause in them.

use std::error::Error;

/// An error and its causes, from the top down.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let below = std::iter::successors(error.source(), |&error| error.source());
    for cause in below.map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::causes;
    use anyhow::{Context, anyhow};

    #[test]
    fn every_cause_is_said_once() {
        let twice = anyhow!("in use").context("cannot listen on a: in use; is it?");
        assert_eq!(causes(twice.as_ref()), "cannot listen on a: in use; is it?");
        let cause = Err::<(), _>(anyhow!("denied")).context("b cannot be read").unwrap_err();
        assert_eq!(causes(cause.as_ref()), "b cannot be read: denied");
    }
}
