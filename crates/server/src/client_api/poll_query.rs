//! Parses the path and query of a poll. Every error names the parameter.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use steadfast_protocol::{ChannelName, Epoch, Limits, Position, Since};

use crate::problem::{Code, Problem};

/// The longest a poll may wait, in seconds.
pub(super) const WAIT_MAX_S: u64 = 50;
/// Events in one response, if the request does not say.
pub(super) const LIMIT_DEFAULT: usize = 100;
/// The most events in one response.
pub(super) const LIMIT_MAX: usize = 1_000;

/// One poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PollQuery {
    pub(super) since: Since,
    pub(super) wait: Duration,
    pub(super) limit: usize,
}

/// A channel's name as a segment of a path.
pub(super) fn channel(segment: &str) -> Result<ChannelName, Problem> {
    let text = percent_decode_str(segment).decode_utf8_lossy();
    ChannelName::new(&text).map_err(|error| Problem::new(Code::BadChannel, error.to_string()))
}

/// Reads the query of a poll. Unknown parameters are ignored.
pub(super) fn poll(query: Option<&str>) -> Result<PollQuery, Problem> {
    let (mut epoch, mut offset, mut wait, mut limit) = (None, None, 0, LIMIT_DEFAULT);
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "epoch" if !value.is_empty() => epoch = Some(value.into_owned()),
            "offset" if !value.is_empty() => offset = Some(value.into_owned()),
            "wait" => wait = number("wait", &value, 0, WAIT_MAX_S)?,
            "limit" => {
                let most = LIMIT_MAX as u64;
                limit = usize::try_from(number("limit", &value, 1, most)?).unwrap_or(LIMIT_MAX);
            }
            _ => {}
        }
    }
    let since = since(epoch.as_deref(), offset.as_deref())?;
    Ok(PollQuery { since, wait: Duration::from_secs(wait), limit })
}

/// The ticket of a query, in place of a token.
pub(super) fn ticket(query: Option<&str>) -> Option<String> {
    let mut given = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    given.find_map(|(name, value)| (name == "ticket").then(|| value.into_owned()))
}

/// The last event's id as a query parameter, for libraries that cannot set the header, and the
/// parameter's name.
pub(super) fn last_event_id(query: Option<&str>) -> Option<(&'static str, String)> {
    let mut given = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    given.find_map(|(name, value)| {
        let name = ["lastEventId", "last_event_id"].into_iter().find(|one| *one == name)?;
        (!value.is_empty()).then(|| (name, value.into_owned()))
    })
}

fn since(epoch: Option<&str>, offset: Option<&str>) -> Result<Since, Problem> {
    let bad = |detail: String| Problem::new(Code::BadPosition, detail);
    match (epoch, offset) {
        (None, None) => Ok(Since::Start),
        (_, Some("latest")) => Ok(Since::Now),
        (Some(epoch), Some(offset)) => {
            let epoch = Epoch::new(epoch).map_err(|error| bad(format!("`epoch`: {error}")))?;
            let offset = offset.parse().ok().filter(|&n: &u64| n <= Limits::OFFSET_MAX);
            let offset = offset.ok_or_else(|| {
                bad("`offset` is a whole number from 0 to 2^53, or `latest`".to_owned())
            })?;
            Ok(Since::After(Position::new(epoch, offset)))
        }
        (None, Some(_)) => Err(bad("`offset` needs its `epoch`: take both from an answer".into())),
        (Some(_), None) => Err(bad("`epoch` needs an `offset`: take both from an answer".into())),
    }
}

fn number(name: &str, value: &str, least: u64, most: u64) -> Result<u64, Problem> {
    value.parse().ok().filter(|n| (least..=most).contains(n)).ok_or_else(|| {
        let detail = format!("`{name}` is a whole number from {least} to {most}");
        Problem::new(Code::BadQuery, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::{channel, poll};
    use std::time::Duration;
    use steadfast_protocol::{Epoch, Position, Since};

    #[test]
    fn a_poll_starts_where_its_query_says() {
        let since = |query| poll(Some(query)).unwrap().since;
        assert_eq!(poll(None).unwrap().since, Since::Start);
        assert_eq!(since(""), Since::Start);
        assert_eq!(since("epoch=&offset="), Since::Start);
        assert_eq!(since("offset=latest"), Since::Now);
        let position = Position::new(Epoch::new("e1").unwrap(), 7);
        assert_eq!(since("epoch=e1&offset=7&new=1"), Since::After(position));
    }

    #[test]
    fn numbers_hold_at_their_limits_and_not_one_past() {
        for good in ["wait=0", "wait=50", "limit=1", "limit=1000"] {
            assert!(poll(Some(good)).is_ok(), "{good}");
        }
        for bad in ["wait=51", "wait=-1", "wait=x", "limit=0", "limit=1001", "offset=7", "epoch=e"]
        {
            assert!(poll(Some(bad)).is_err(), "{bad}");
        }
        assert!(poll(Some("epoch=e&offset=9007199254740993")).is_err());
        assert_eq!(poll(Some("wait=25")).unwrap().wait, Duration::from_secs(25));
    }

    #[test]
    fn a_channel_may_be_percent_encoded() {
        assert_eq!(channel("diagnosis%3A8f3c").unwrap().as_str(), "diagnosis:8f3c");
        assert!(channel("a%2Fb").is_err());
        assert!(channel("%ff").is_err());
    }
}
