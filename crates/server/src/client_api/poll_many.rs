//! Polls for many channels. In: channels with positions. Out: a page for each channel that has
//! something. An entry that is not valid is refused alone. P-78

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use steadfast_protocol::{ChannelName, Since};

use super::body::Body;
use super::detach::RequestOutcome;
use super::headers::{bearer, wrong_method};
use super::poll::{self, ConnectionContext, PollPages, PollReader, PollRequest};
use super::poll_answer::PollAnswer;
use super::poll_query::{LIMIT_DEFAULT, LIMIT_MAX, WAIT_MAX_S};
use crate::backend_api::body;
use crate::json_object;
use crate::node::Node;
use crate::problem::{Code, Problem};

/// The most bytes of the body: 128 channels with the longest names and epochs.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The body of a poll.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PollBody<'a> {
    #[serde(borrow)]
    channels: Vec<&'a RawValue>,
    #[serde(default)]
    wait: u64,
    limit: Option<usize>,
}

/// One channel of the body. An entry that does not fit this is refused alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PollEntry<'a> {
    channel: String,
    #[serde(borrow)]
    since: Option<&'a RawValue>,
}

/// The name alone, to report which entry is refused.
#[derive(Debug, Deserialize)]
struct NamedEntry {
    channel: String,
}

/// Answers a poll.
pub(super) async fn answer(
    node: &Arc<Node>,
    client: IpAddr,
    request: Request<Incoming>,
) -> Result<RequestOutcome, Problem> {
    if request.method() != Method::POST {
        let detail = "a poll for many channels is sent with POST";
        return Ok(wrong_method(detail, "POST, OPTIONS").into());
    }
    let admission = node.admit(bearer(request.headers())).await?;
    let from = ConnectionContext::of(&request, true);
    // The body is read to its end; otherwise its rest would be read as the next request once this
    // one waits.
    let bytes = body::read(request.map(axum::body::Body::new), BODY_BYTES_MAX).await?;
    let text = body::text(&bytes)?;
    let wish: PollBody<'_> = json_object::read(text, "a poll")?;
    let (wait, limit) = bounded(&wish)?;
    let count_max = node.config.limits.channels_per_link_max;
    if wish.channels.is_empty() || wish.channels.len() > count_max {
        let count = wish.channels.len();
        let detail = format!("`channels` has 1 to {count_max} entries, this one has {count}");
        return Err(Problem::new(Code::BadBody, detail));
    }
    let (mut readers, mut refused, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (at, entry) in wish.channels.into_iter().enumerate() {
        match reader(entry, |channel| admission.grants.may_subscribe(channel)) {
            Ok(reader) if seen.insert(reader.channel.clone()) => readers.push(reader),
            Ok(reader) => {
                let problem = Problem::new(Code::BadBody, "the channel is named twice");
                refused.push(refusal(reader.channel.as_str(), &problem));
            }
            Err(problem) => {
                let named =
                    serde_json::from_str(entry.get()).map(|named: NamedEntry| named.channel);
                refused.push(refusal(&named.unwrap_or_else(|_| format!("[{at}]")), &problem));
            }
        }
    }
    // A refusal is reported at once.
    let wait = if refused.is_empty() { wait } else { Duration::ZERO };
    let address = node.access.limited(client);
    let asked = PollRequest { readers, refused, wait, limit, client, address };
    poll::answer_or_park(node, admission, asked, written, from).await
}

fn bounded(wish: &PollBody<'_>) -> Result<(Duration, usize), Problem> {
    let bad = |detail: String| Err(Problem::new(Code::BadBody, detail));
    let limit = wish.limit.unwrap_or(LIMIT_DEFAULT);
    if wish.wait > WAIT_MAX_S {
        return bad(format!("`wait` is a whole number of seconds from 0 to {WAIT_MAX_S}"));
    }
    if !(1..=LIMIT_MAX).contains(&limit) {
        return bad(format!("`limit` is a whole number from 1 to {LIMIT_MAX}"));
    }
    Ok((Duration::from_secs(wish.wait), limit))
}

/// The reader for an entry.
fn reader(
    entry: &RawValue,
    is_permitted: impl Fn(&ChannelName) -> bool,
) -> Result<PollReader, Problem> {
    let entry: PollEntry<'_> = json_object::read(entry.get(), "an entry of `channels`")?;
    let channel = ChannelName::new(&entry.channel)
        .map_err(|error| Problem::new(Code::BadChannel, error.to_string()))?;
    let since = entry.since.map_or(Ok(Since::Start), |since| serde_json::from_str(since.get()));
    let since = since.map_err(|_| {
        let detail =
            "`since` is \"start\", \"now\" or {\"epoch\", \"offset\"} as an answer gave it";
        Problem::new(Code::BadPosition, detail)
    })?;
    if !is_permitted(&channel) {
        let detail = "the token does not permit following this channel";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let is_new = !matches!(since, Since::After(_));
    Ok(PollReader { channel, since, is_new })
}

/// An entry that is refused, and why.
fn refusal(channel: &str, problem: &Problem) -> Value {
    json!({ "channel": channel, "code": problem.code.as_str(), "detail": problem.detail })
}

/// The response: the pages that have something, and the positions of readers that did not know
/// theirs.
fn written(node: &Node, asked: &PollRequest, pages: PollPages) -> Response<Body> {
    let mut refused = asked.refused.clone();
    let mut answer = PollAnswer::new(pages.share);
    answer.push_text("{\"pages\":[");
    let (mut is_first, mut next) = (true, None);
    for (reader, outcome) in asked.readers.iter().zip(pages.outcomes) {
        match outcome {
            // There was no room for it: it comes first in the next response.
            None => next = Some(0),
            Some(Err(problem)) => refused.push(refusal(reader.channel.as_str(), &problem)),
            Some(Ok(page)) => {
                let pause = poll::next_poll_ms(node, &page, asked.wait);
                next = Some(next.map_or(pause, |next: u64| next.min(pause)));
                if poll::is_news(&page) || reader.is_new {
                    if !is_first {
                        answer.push_text(",");
                    }
                    answer.push_page(page, &reader.channel, None);
                    is_first = false;
                }
            }
        }
    }
    let next = next.unwrap_or(poll::NEXT_SHORT_MS);
    let refused = Value::Array(refused);
    answer.push_text(format!("],\"refused\":{refused},\"next_poll_ms\":{next}}}"));
    poll::json(node, answer)
}
