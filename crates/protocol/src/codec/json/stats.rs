//! What a link says of itself in the `stats` of its heartbeats, as far as a server uses it. In: the
//! JSON of a client. Out: bounded numbers; whatever is missing or is no number is left out.

use serde::Deserialize;

/// The largest score.
const SCORE_MAX: f64 = 100.0;
/// The longest round trip that is told apart, in milliseconds.
const RTT_MS_MAX: f64 = 600_000.0;

/// The grade of a link, as the link says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkGrade {
    /// It has not said any.
    #[default]
    Unknown,
    /// A score below 25.
    Bad,
    /// 25 and above.
    Poor,
    /// 50 and above.
    Fair,
    /// 70 and above.
    Good,
    /// 85 and above.
    Excellent,
}

/// The statistics of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Its grade.
    pub grade: LinkGrade,
    /// Its score, 0 to 100.
    pub score: Option<u8>,
    /// A round trip, in milliseconds, 600000 at most.
    pub rtt_ms: Option<u32>,
    /// The share of time in which events could come, in hundredths of a percent.
    pub availability: Option<u16>,
    /// The share of time in which they could come at once, in hundredths of a percent.
    pub realtime_availability: Option<u16>,
    /// How often it has connected anew, up to 65535.
    pub reconnects: u16,
}

/// The same, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StatsText<'a> {
    #[serde(borrow)]
    grade: Option<&'a str>,
    score: Option<f64>,
    rtt_ms: Option<f64>,
    availability: Option<f64>,
    realtime_availability: Option<f64>,
    reconnects: Option<f64>,
}

impl LinkGrade {
    /// All grades, the worst first.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Bad, Self::Poor, Self::Fair, Self::Good, Self::Excellent];

    /// The word that operators see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Bad => "bad",
            Self::Poor => "poor",
            Self::Fair => "fair",
            Self::Good => "good",
            Self::Excellent => "excellent",
        }
    }

    /// The grade of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grade| grade.as_str() == word)
    }
}

/// Reads the statistics of a link; without any where they are not those of this protocol.
pub fn link_stats(text: &str) -> LinkStats {
    let Ok(stats) = serde_json::from_str::<StatsText<'_>>(text) else {
        return LinkStats::default();
    };
    let percent = |share: Option<f64>| bounded(share.map(|share| share * 100.0), 10_000.0);
    LinkStats {
        grade: stats.grade.and_then(LinkGrade::of).unwrap_or_default(),
        score: bounded(stats.score, SCORE_MAX).and_then(narrow),
        rtt_ms: bounded(stats.rtt_ms, RTT_MS_MAX),
        availability: percent(stats.availability).and_then(narrow),
        realtime_availability: percent(stats.realtime_availability).and_then(narrow),
        reconnects: bounded(stats.reconnects, u16::MAX.into()).and_then(narrow).unwrap_or(0),
    }
}

fn narrow<T: TryFrom<u32>>(value: u32) -> Option<T> {
    T::try_from(value).ok()
}

/// The nearest whole number, `max` at most; none of what is negative or no number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within bounds")]
fn bounded(value: Option<f64>, max: f64) -> Option<u32> {
    value.filter(|value| *value >= 0.0).map(|value| (value.min(max) + 0.5) as u32)
}

#[cfg(test)]
mod tests {
    use super::{LinkGrade, LinkStats, link_stats};

    #[test]
    fn statistics_are_read_and_bounded() {
        let text = r#"{"availability":99.98,"realtime_availability":0.50,"score":97,
            "grade":"good","reconnects":3,"rtt_ms":41.6,"more":{"x":1}}"#;
        let stats = LinkStats {
            grade: LinkGrade::Good,
            score: Some(97),
            rtt_ms: Some(42),
            availability: Some(9998),
            realtime_availability: Some(50),
            reconnects: 3,
        };
        assert_eq!(link_stats(text), stats);
        let most = r#"{"availability":1e9,"score":101,"rtt_ms":1e12,"reconnects":65536}"#;
        let most = link_stats(most);
        assert_eq!((most.score, most.availability), (Some(100), Some(10_000)));
        assert_eq!((most.rtt_ms, most.reconnects), (Some(600_000), u16::MAX));
    }

    #[test]
    fn what_is_none_of_ours_says_nothing() {
        for text in ["null", "[]", "7", r#"{"score":"9"}"#, r#"{"score":-1,"grade":"fine"}"#] {
            assert_eq!(link_stats(text), LinkStats::default(), "{text}");
        }
        assert_eq!(link_stats(r#"{"score":null,"grade":"unknown"}"#), LinkStats::default());
    }
}
