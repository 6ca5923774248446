//! The weather word for a score, steady enough to be shown. In: whole scores, and the time. Out:
//! the grade. It falls and rises later than the score, unless the score falls far, or under a
//! ceiling.

/// How long a score must be one grade lower before its grade is, in milliseconds.
const FALL_SPAN: u64 = 30_000;
/// How long it must be in a higher grade.
const RISE_SPAN: u64 = 60_000;
/// And by how many points above its edge.
const RISE_MARGIN: u8 = 5;

/// How good a link is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize))]
#[cfg_attr(feature = "scenario", serde(rename_all = "snake_case"))]
pub enum Grade {
    /// Too little is known: show nothing.
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

/// A grade, and what is about to change it.
#[derive(Clone, Debug)]
pub(crate) struct GradeState {
    pub(crate) grade: Grade,
    lower_since: Option<u64>,
    higher_since: Option<u64>,
}

impl Grade {
    /// The word that users see.
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

    /// That of a score.
    const fn of(score: u8) -> Self {
        match score {
            85.. => Self::Excellent,
            70..85 => Self::Good,
            50..70 => Self::Fair,
            25..50 => Self::Poor,
            0..25 => Self::Bad,
        }
    }

    /// How many grades `other` is lower.
    const fn above(self, other: Self) -> u8 {
        (self as u8).saturating_sub(other as u8)
    }
}

impl GradeState {
    pub(crate) const fn new() -> Self {
        Self { grade: Grade::Unknown, lower_since: None, higher_since: None }
    }

    /// The score at `now`, in milliseconds; `is_capped` where a ceiling holds it down.
    pub(crate) fn update(&mut self, now: u64, score: u8, is_capped: bool) {
        let grade = Grade::of(score);
        let higher = Grade::of(score.saturating_sub(RISE_MARGIN));
        if self.grade == Grade::Unknown {
            self.turn(grade);
        } else if grade < self.grade {
            self.higher_since = None;
            let since = *self.lower_since.get_or_insert(now);
            let is_far = self.grade.above(grade) >= 2;
            if is_far || is_capped || now.saturating_sub(since) >= FALL_SPAN {
                self.turn(grade);
            }
        } else if higher > self.grade {
            self.lower_since = None;
            let since = *self.higher_since.get_or_insert(now);
            if now.saturating_sub(since) >= RISE_SPAN {
                self.turn(higher);
            }
        } else {
            self.lower_since = None;
            self.higher_since = None;
        }
    }

    fn turn(&mut self, grade: Grade) {
        *self = Self { grade, lower_since: None, higher_since: None };
    }
}

#[cfg(test)]
mod tests {
    use super::{Grade, GradeState};

    fn grade_state(score: u8) -> GradeState {
        let mut grade_state = GradeState::new();
        grade_state.update(0, score, false);
        grade_state
    }

    #[test]
    fn the_edges_are_those_of_the_table() {
        let edges = [(85, Grade::Excellent), (70, Grade::Good), (50, Grade::Fair)];
        for (edge, grade) in edges.into_iter().chain([(25, Grade::Poor)]) {
            assert_eq!(Grade::of(edge), grade);
            assert_eq!(Grade::of(edge - 1).above(Grade::Unknown), grade as u8 - 1);
        }
        assert_eq!((Grade::of(0), Grade::of(u8::MAX)), (Grade::Bad, Grade::Excellent));
    }

    #[test]
    fn one_grade_lower_takes_two_ticks_and_two_grades_none() {
        let mut one = grade_state(90);
        one.update(1000, 84, false);
        one.update(30_999, 84, false);
        assert_eq!(one.grade, Grade::Excellent);
        one.update(31_000, 84, false);
        assert_eq!(one.grade, Grade::Good);
        one.update(31_001, 49, false);
        assert_eq!(one.grade, Grade::Poor);
    }

    #[test]
    fn under_a_ceiling_it_falls_at_once() {
        let mut one = grade_state(60);
        one.update(0, 40, true);
        assert_eq!(one.grade, Grade::Poor);
    }

    #[test]
    fn it_rises_after_four_ticks_well_above_the_edge() {
        let mut one = grade_state(20);
        one.update(0, 29, false);
        one.update(90_000, 29, false);
        assert_eq!(one.grade, Grade::Bad);
        one.update(90_000, 30, false);
        one.update(149_999, 95, false);
        assert_eq!(one.grade, Grade::Bad);
        one.update(150_000, 95, false);
        assert_eq!(one.grade, Grade::Excellent);
    }

    #[test]
    fn two_points_up_and_down_change_it_once_at_most() {
        for middle in 2..=98_u8 {
            for period in [1000, 15_000, 45_000, 120_000] {
                let mut one = grade_state(middle);
                let mut changes = 0;
                for now in (0..3_600_000).step_by(1000) {
                    let score = if (now / period) % 2 == 0 { middle - 2 } else { middle + 2 };
                    let before = one.grade;
                    one.update(now, score, false);
                    changes += u32::from(one.grade != before);
                }
                assert!(changes <= 1, "{middle} ±2 each {period}: {changes} changes");
            }
        }
    }
}
