//! Plain HTTP: polls and probes. In: a channel and a position. Out: what the server answered, or
//! which kind of failure it was. Reads no more of an answer than its limit, and keeps no state.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use steadfast_link::PollFailure;
use steadfast_protocol::{ChannelName, PollAnswer, Since, Token};

use crate::answer::{is_ours, retry_after_ms};
use crate::endpoint::Endpoint;

/// The most events one answer is asked to have.
const EVENTS_MAX: u32 = 100;
/// The longest a poll may ask the server to wait, in seconds.
const WAIT_MAX_S: u64 = 50;
/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long an answer may take beyond the wait that was asked for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is polled.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Which channel.
    pub channel: ChannelName,
    /// From where.
    pub since: Since,
    /// How long the server may wait for an event, in milliseconds.
    pub wait_ms: u64,
    /// Who asks.
    pub token: Option<Token>,
}

/// The HTTP side of a client. Cloning shares its connections.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    endpoint: Endpoint,
}

impl Http {
    /// Speaks to this server.
    pub(crate) fn new(endpoint: Endpoint) -> Result<Self, reqwest::Error> {
        // A redirect would carry the token to a place that nobody configured.
        let mut client = Client::builder().redirect(Policy::none());
        if endpoint.is_loopback() {
            // What runs on this machine is no business of a proxy's.
            client = client.no_proxy();
        }
        Ok(Self { client: client.build()?, endpoint })
    }

    /// Polls once.
    pub(crate) async fn poll(&self, query: Query) -> Result<Box<PollAnswer>, PollFailure> {
        let wait_s = query.wait_ms.div_ceil(1000).min(WAIT_MAX_S);
        let url = poll_url(&self.endpoint, &query.channel, &query.since, wait_s);
        let request = self.client.get(url).timeout(Duration::from_secs(wait_s) + ANSWER_TIMEOUT);
        let request = with_token(request, query.token.as_ref())?;
        let response = request.send().await.map_err(|_| PollFailure::Unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(refusal(&response));
        }
        let body = body(response, ANSWER_BYTES_MAX).await.ok_or(PollFailure::Unreachable)?;
        serde_json::from_slice(&body).map_err(|_| PollFailure::Unreachable)
    }

    /// Whether our server answers over plain HTTP.
    pub(crate) async fn probe(&self) -> bool {
        let request = self.client.get(self.endpoint.probe()).timeout(PROBE_TIMEOUT);
        request.send().await.is_ok_and(|response| {
            response.status() == StatusCode::NO_CONTENT && is_ours(response.headers())
        })
    }
}

fn poll_url(endpoint: &Endpoint, channel: &ChannelName, since: &Since, wait_s: u64) -> Url {
    let mut url = endpoint.events(channel);
    let mut query = url.query_pairs_mut();
    match since {
        Since::Start => {}
        Since::Now => {
            query.append_pair("offset", "latest");
        }
        Since::After(position) => {
            query.append_pair("epoch", position.epoch.as_str());
            query.append_pair("offset", &position.offset.to_string());
        }
    }
    query.append_pair("wait", &wait_s.to_string());
    query.append_pair("limit", &EVENTS_MAX.to_string());
    drop(query);
    url
}

fn with_token(
    request: RequestBuilder,
    token: Option<&Token>,
) -> Result<RequestBuilder, PollFailure> {
    let Some(token) = token else { return Ok(request) };
    // A token that no header can hold is one that no server made.
    let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
    let mut value = value.map_err(|_| PollFailure::Unauthorized)?;
    value.set_sensitive(true);
    Ok(request.header(AUTHORIZATION, value))
}

fn refusal(response: &Response) -> PollFailure {
    if !is_ours(response.headers()) {
        return PollFailure::Unreachable;
    }
    match response.status() {
        StatusCode::UNAUTHORIZED => PollFailure::Unauthorized,
        StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => {
            PollFailure::Refused
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            PollFailure::Busy { retry_after_ms: retry_after_ms(response.headers()) }
        }
        _ => PollFailure::Unreachable,
    }
}

/// The whole body; `None` where it breaks off or has more than `bytes_max` bytes.
async fn body(mut response: Response, bytes_max: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if chunk.len() > bytes_max - body.len() {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

#[cfg(test)]
mod tests;
