//! How long a token is good for, as people write it: `30s`, `15m`, `1h`, `7d`.

use std::str::FromStr;

/// The longest lifetime, in seconds: a year.
const SECONDS_MAX: u64 = 366 * 24 * 3600;

/// A time from one second to a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    seconds: u64,
}

impl Lifetime {
    /// In seconds.
    pub(crate) const fn seconds(self) -> u64 {
        self.seconds
    }
}

impl FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a time; write 30s, 15m, 1h or 7d");
        let (unit_at, unit) = text.char_indices().next_back().ok_or_else(wrong)?;
        let unit_s: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 24 * 3600,
            _ => return Err(wrong()),
        };
        let count: u64 = text[..unit_at].parse().map_err(|_| wrong())?;
        match count.checked_mul(unit_s) {
            Some(seconds @ 1..=SECONDS_MAX) => Ok(Self { seconds }),
            Some(_) | None => Err(format!("{text} is out of range: 1s to 366d are allowed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lifetime;

    #[test]
    fn a_lifetime_is_a_number_and_a_unit_up_to_a_year() {
        let seconds = |text: &str| text.parse::<Lifetime>().map(Lifetime::seconds);
        assert_eq!(seconds("30s"), Ok(30));
        assert_eq!(seconds("15m"), Ok(900));
        assert_eq!(seconds("1h"), Ok(3600));
        assert_eq!(seconds("366d"), Ok(366 * 86_400));
        for bad in ["", "h", "1", "1 h", "-1h", "1.5h", "1w", "0s", "367d", "99999999999999999d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
