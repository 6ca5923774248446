//! What goes to the internal port and what comes back, as JSON. Data passes through untouched.

use std::fmt;

use anyhow::{Context, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use steadfast_protocol::{ChannelName, Epoch, EventName, Payload, ReplaceKey};

use super::batch::Good;

/// What all events of one call have in common.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// Where to.
    pub channel: ChannelName,
    /// What kind.
    pub event: EventName,
    /// The key of those it may stand in for.
    pub replace: Option<ReplaceKey>,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a ChannelName>,
    event: &'a EventName,
    data: &'a Payload,
    #[serde(rename = "final", skip_serializing_if = "std::ops::Not::not")]
    is_final: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    replace: Option<&'a ReplaceKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
}

impl Template {
    /// The body of a request for one event.
    pub(super) fn one(&self, data: &Payload, is_final: bool) -> String {
        self.json(None, data, is_final, None)
    }

    /// One entry of a request for many; `run` and the line's number are its idempotency key.
    pub(super) fn entry(&self, line: &Good, run: &str) -> String {
        let idempotency_key = format!("{run}-{}", line.number);
        self.json(Some(&self.channel), &line.data, line.is_final, Some(idempotency_key))
    }

    fn json(
        &self,
        channel: Option<&ChannelName>,
        data: &Payload,
        is_final: bool,
        idempotency_key: Option<String>,
    ) -> String {
        let (event, replace) = (&self.event, self.replace.as_ref());
        let entry = Entry { channel, event, data, is_final, replace, idempotency_key };
        // Names, flags and checked JSON cannot fail to be written.
        serde_json::to_string(&entry).unwrap_or_default()
    }
}

/// Where an event was put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Placed {
    channel: ChannelName,
    epoch: Epoch,
    offset: u64,
}

/// Why a server refused, as it says itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    code: String,
    title: String,
    detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, title, detail } = self;
        match (title.is_empty(), detail.is_empty()) {
            (false, false) => write!(f, "{title}: {detail} ({code})"),
            (false, true) => write!(f, "{title} ({code})"),
            (true, _) => write!(f, "the server does not say why"),
        }
    }
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Outcome {
    Placed(Placed),
    Failed { error: Problem },
}

/// Reads an answer.
pub(super) fn read<T: DeserializeOwned>(answer: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(answer).context(
        "the server's answer is not what a Steadfast server says; \
         is --server the address of its internal port?",
    )
}

/// Reads the answer to many: one result for each of the lines sent.
pub(super) fn results(
    answer: &[u8],
    lines: &[u64],
) -> anyhow::Result<Vec<Result<Placed, Problem>>> {
    let Results { results } = read(answer)?;
    let (sent, got) = (lines.len(), results.len());
    ensure!(sent == got, "the server gave {got} results for {sent} events");
    let result = |outcome| match outcome {
        Outcome::Placed(placed) => Ok(placed),
        Outcome::Failed { error } => Err(error),
    };
    Ok(results.into_iter().map(result).collect())
}

#[cfg(test)]
mod tests {
    use super::{Good, Placed, Problem, Template, read, results};
    use steadfast_protocol::{ChannelName, EventName, Payload, ReplaceKey};

    fn template(replace: Option<&str>) -> Template {
        Template {
            channel: ChannelName::new("build:1").unwrap(),
            event: EventName::new("progress").unwrap(),
            replace: replace.map(|key| ReplaceKey::new(key).unwrap()),
        }
    }

    #[test]
    fn data_is_sent_as_it_was_written() {
        let data = Payload::new("{ \"n\" : 1e400 }").unwrap();
        let body = template(None).one(&data, false);
        assert_eq!(body, r#"{"event":"progress","data":{ "n" : 1e400 }}"#);
        let body = template(Some("bar")).one(&Payload::null(), true);
        assert_eq!(body, r#"{"event":"progress","data":null,"final":true,"replace":"bar"}"#);
        let line = Good { number: 7, data, is_final: false };
        let entry = r#"{"channel":"build:1","event":"progress","data":{ "n" : 1e400 },"#;
        let entry = entry.to_owned() + r#""idempotency_key":"run-7"}"#;
        assert_eq!(template(None).entry(&line, "run"), entry);
    }

    #[test]
    fn the_answer_is_printed_in_this_order() {
        let placed: Placed = read(br#"{"offset":3,"epoch":"e","channel":"c","x":1}"#).unwrap();
        let line = serde_json::to_string(&placed).unwrap();
        assert_eq!(line, r#"{"channel":"c","epoch":"e","offset":3}"#);
        assert!(read::<Placed>(b"<html>").unwrap_err().to_string().contains("internal port"));
    }

    #[test]
    fn every_line_has_a_result() {
        let answer = br#"{"results":[{"channel":"c","epoch":"e","offset":3},
            {"error":{"code":"too_deep","title":"Too deep","detail":"65 levels","status":400}}]}"#;
        let read = results(answer, &[1, 2]).unwrap();
        assert!(read[0].is_ok());
        let problem = read[1].as_ref().unwrap_err();
        assert_eq!(problem.to_string(), "Too deep: 65 levels (too_deep)");
        assert!(results(answer, &[1]).is_err());
        assert!(Problem::default().to_string().contains("does not say"));
    }
}
