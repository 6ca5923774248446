//! What every HTTP answer has in common. In: headers. Out: whether our server wrote them, and when
//! it wants to be asked again.

use http::header::{HeaderMap, RETRY_AFTER};

/// The header that every answer of a Steadfast server carries; one without it came from something
/// in between.
const NODE_HEADER: &str = "Steadfast-Node";
/// Busy, without a word when to come back: this long, in milliseconds.
const RETRY_AFTER_DEFAULT_MS: u64 = 5_000;
/// The longest hint that is followed, in seconds.
const RETRY_AFTER_MAX_S: u64 = 3_600;

/// Whether a Steadfast server answered.
pub(crate) fn is_ours(headers: &HeaderMap) -> bool {
    headers.contains_key(NODE_HEADER)
}

/// How long to stay away, in milliseconds.
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> u64 {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    seconds.map_or(RETRY_AFTER_DEFAULT_MS, |s: u64| s.min(RETRY_AFTER_MAX_S) * 1000)
}

#[cfg(test)]
mod tests {
    use super::{is_ours, retry_after_ms};
    use http::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    #[test]
    fn a_hint_is_whole_seconds_up_to_an_hour() {
        let hint = |text: &'static str| {
            let value = HeaderValue::from_static(text);
            retry_after_ms(&[(RETRY_AFTER, value)].into_iter().collect())
        };
        assert_eq!(hint("7"), 7_000);
        assert_eq!(hint("0"), 0);
        assert_eq!(hint("3600"), 3_600_000);
        assert_eq!(hint("3601"), 3_600_000);
        assert_eq!(hint("Wed, 21 Oct 2026 07:28:00 GMT"), 5_000);
        assert_eq!(retry_after_ms(&HeaderMap::new()), 5_000);
    }

    #[test]
    fn the_header_is_found_in_any_case() {
        let mut headers = HeaderMap::new();
        assert!(!is_ours(&headers));
        headers.insert("steadfast-node", HeaderValue::from_static("a"));
        assert!(is_ours(&headers));
    }
}
