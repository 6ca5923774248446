//! Why attempts at one request failed, and how often each cause was seen. In: causes, one an
//! attempt. Out: a phrase that names them, the most frequent first. Knows nothing of requests.

use std::fmt;

/// Causes that are told apart; further ones are counted together.
const CAUSES_MAX: usize = 4;

/// Why an attempt failed that took too long.
pub(super) const NO_ANSWER: &str = "no answer in time";

/// The causes seen so far.
#[derive(Debug, Default)]
pub(super) struct Causes {
    seen: Vec<(String, u32)>,
    others: u32,
}

impl Causes {
    /// One more attempt failed, because of this.
    pub(super) fn add(&mut self, cause: String) {
        if let Some((_, count)) = self.seen.iter_mut().find(|(other, _)| *other == cause) {
            *count += 1;
        } else if self.seen.len() < CAUSES_MAX {
            self.seen.push((cause, 1));
        } else {
            self.others += 1;
        }
    }
}

impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seen: Vec<_> = self.seen.iter().collect();
        // Stable: of causes seen equally often the earlier comes first.
        seen.sort_by_key(|(_, count)| u32::MAX - count);
        if seen.is_empty() {
            return f.write_str(NO_ANSWER);
        }
        for (at, (cause, count)) in seen.into_iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{cause}{}", Times(*count))?;
        }
        match self.others {
            0 => Ok(()),
            others => write!(f, ", something else{}", Times(others)),
        }
    }
}

/// How often, where that was not once.
struct Times(u32);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 | 1 => Ok(()),
            2 => f.write_str(" (twice)"),
            count => write!(f, " ({count} times)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CAUSES_MAX, Causes};

    fn told(causes: &[&str]) -> String {
        let mut all = Causes::default();
        for cause in causes {
            all.add((*cause).to_owned());
        }
        all.to_string()
    }

    #[test]
    fn the_cause_seen_most_often_comes_first() {
        assert_eq!(told(&["late", "refused", "refused", "refused"]), "refused (3 times), late");
        assert_eq!(told(&["late", "refused", "refused", "late"]), "late (twice), refused (twice)");
        assert_eq!(told(&["refused"]), "refused");
    }

    #[test]
    fn beyond_the_limit_causes_are_counted_together() {
        let all = ["a", "b", "c", "d", "e", "f"];
        assert_eq!(told(&all[..CAUSES_MAX]), "a, b, c, d");
        assert_eq!(told(&all[..=CAUSES_MAX]), "a, b, c, d, something else");
        assert_eq!(told(&all), "a, b, c, d, something else (twice)");
    }

    #[test]
    fn without_a_cause_nothing_was_heard_in_time() {
        assert_eq!(told(&[]), "no answer in time");
    }
}
