//! Finds the known name that is most similar to an unknown one, for error texts. In: a name and the
//! known names. Out: the nearest, if it is near enough to be meant.

/// Names longer than this are not typing errors, and would take long to compare.
const NAME_BYTES_MAX: usize = 100;

/// The nearest known name, at most a few edits away.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let far = name.len().div_ceil(3).max(2);
    let near = known.iter().map(|key| (strsim::damerau_levenshtein(name, key), *key));
    near.min().filter(|(distance, _)| *distance <= far).map(|(_, key)| key)
}

/// What to write instead of an unknown name: the nearest known one, or one of all.
pub(crate) fn hint(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is none".to_owned(),
        None => format!("there is `{}`", known.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::{NAME_BYTES_MAX, nearest};

    #[test]
    fn a_slip_has_a_near_name_and_another_word_has_none() {
        let known = ["event", "data", "final"];
        assert_eq!(nearest("finall", &known), Some("final"));
        assert_eq!(nearest("Event", &known), Some("event"));
        assert_eq!(nearest("idempotency", &known), None);
        let long = "n".repeat(NAME_BYTES_MAX);
        assert_eq!(nearest(&long, &[&long[1..]]), Some(&long[1..]));
        let longer = "n".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(nearest(&longer, &[&longer[1..]]), None);
    }
}
