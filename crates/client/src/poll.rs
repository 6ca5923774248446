//! Plain HTTP: polls and probes. In: channels and positions. Out: what the server answered, or
//! which kind of failure it was. Reads no more of an answer than its limit, and keeps no state.

mod pool_connector;

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use steadfast_link::PollFailure;
use steadfast_protocol::{ChannelRequest, PollAnswer, Since, Token};
use tokio::time::timeout;
use url::Url;

use crate::answer::{is_ours, retry_after_ms};
use crate::connector::Connector;
use crate::dial_error::DialError;
use crate::endpoint::Endpoint;
use pool_connector::PoolConnector;

/// The most events of each channel that one answer is asked to have.
const EVENTS_MAX: u32 = 100;
/// The longest a poll may ask the server to wait, in seconds.
const WAIT_MAX_S: u64 = 50;
/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The largest answer that is read for what was wrong, in bytes.
const PROBLEM_BYTES_MAX: usize = 16 * 1024;
/// How long an answer may take beyond the wait that was asked for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// What a server says of a request that it does not serve.
#[derive(serde::Deserialize)]
struct Problem {
    detail: String,
}

/// What is polled.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Which channels, one at least, and from where.
    pub channels: Vec<ChannelRequest>,
    /// How long the server may wait for an event, in milliseconds.
    pub wait_ms: u64,
    /// Who asks.
    pub token: Option<Token>,
}

/// The body of a poll of many channels.
#[derive(serde::Serialize)]
struct PollBody<'a> {
    channels: &'a [ChannelRequest],
    wait: u64,
    limit: u32,
}

/// The HTTP side of a client. Cloning shares its connections. It follows no redirect, which would
/// carry the token to a place that nobody configured.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client<PoolConnector, Full<Bytes>>,
    endpoint: Endpoint,
    connector: Connector,
    proxy_authorization: Option<HeaderValue>,
}

impl Http {
    /// Speaks to this server.
    pub(crate) fn new(connector: Connector, endpoint: Endpoint) -> Self {
        let proxy_authorization = connector.proxy_authorization(&endpoint);
        let mut client = Client::builder(TokioExecutor::new());
        client.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
        let client = client.build(PoolConnector::new(connector.clone(), endpoint.clone()));
        Self { client, endpoint, connector, proxy_authorization }
    }

    /// Polls once.
    pub(crate) async fn poll(&self, query: Query) -> Result<Box<PollAnswer>, PollFailure> {
        let wait_s = query.wait_ms.div_ceil(1000).min(WAIT_MAX_S);
        let token = query.token.as_ref().map(authorization).transpose()?;
        let (url, sent) = match &*query.channels {
            [one] => (poll_url(&self.endpoint, one, wait_s), None),
            channels => (self.endpoint.poll(), Some(poll_body(channels, wait_s))),
        };
        let answered = async {
            let response = self.ask(&url, token, sent).await.ok_or(PollFailure::Unreachable)?;
            if response.status() != StatusCode::OK {
                return Err(self.refused(response).await);
            }
            let body = body(response.into_body(), ANSWER_BYTES_MAX).await;
            let body = body.ok_or(PollFailure::Unreachable)?;
            serde_json::from_slice(&body).map_err(|_| PollFailure::Unreachable)
        };
        let answered = timeout(Duration::from_secs(wait_s) + ANSWER_TIMEOUT, answered).await;
        answered.unwrap_or(Err(PollFailure::Unreachable))
    }

    /// Whether our server answers over plain HTTP.
    pub(crate) async fn probe(&self) -> bool {
        let answered = timeout(PROBE_TIMEOUT, self.ask(&self.endpoint.probe(), None, None)).await;
        answered.ok().flatten().is_some_and(|response| {
            response.status() == StatusCode::NO_CONTENT && is_ours(response.headers())
        })
    }

    /// What an answer without events means; why one is final is kept for developers.
    async fn refused(&self, response: Response<Incoming>) -> PollFailure {
        let failure = refusal(&response);
        if matches!(failure, PollFailure::Unauthorized | PollFailure::Refused) {
            let status = response.status().as_u16();
            let problem = body(response.into_body(), PROBLEM_BYTES_MAX).await;
            let problem = problem.and_then(|text| serde_json::from_slice::<Problem>(&text).ok());
            let reason = problem.map(|problem| problem.detail).unwrap_or_default();
            let place = self.endpoint.place();
            self.connector.note(Some(DialError::Refused { place, status, reason }));
        }
        failure
    }

    /// With `GET`, or with `POST` where there is a body.
    async fn ask(
        &self,
        url: &Url,
        token: Option<HeaderValue>,
        body: Option<Bytes>,
    ) -> Option<Response<Incoming>> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let json = body.is_some().then(|| HeaderValue::from_static("application/json"));
        let request = Request::builder().method(method).uri(url.as_str());
        let mut request = request.body(Full::new(body.unwrap_or_default())).ok()?;
        let headers = request.headers_mut();
        headers.extend(json.map(|json| (CONTENT_TYPE, json)));
        headers.extend(token.map(|token| (AUTHORIZATION, token)));
        let proxy = self.proxy_authorization.clone();
        headers.extend(proxy.map(|authorization| (PROXY_AUTHORIZATION, authorization)));
        self.client.request(request).await.ok()
    }
}

fn poll_body(channels: &[ChannelRequest], wait: u64) -> Bytes {
    // It fails for no names and positions.
    serde_json::to_vec(&PollBody { channels, wait, limit: EVENTS_MAX }).unwrap_or_default().into()
}

fn poll_url(endpoint: &Endpoint, one: &ChannelRequest, wait_s: u64) -> Url {
    let mut url = endpoint.events(&one.channel);
    let mut query = url.query_pairs_mut();
    match &one.since {
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

fn authorization(token: &Token) -> Result<HeaderValue, PollFailure> {
    // A token that no header can hold is one that no server made.
    let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
    let mut value = value.map_err(|_| PollFailure::Unauthorized)?;
    value.set_sensitive(true);
    Ok(value)
}

fn refusal(response: &Response<Incoming>) -> PollFailure {
    if !is_ours(response.headers()) {
        return PollFailure::Unreachable;
    }
    match response.status() {
        StatusCode::UNAUTHORIZED => PollFailure::Unauthorized,
        StatusCode::FORBIDDEN
        | StatusCode::BAD_REQUEST
        | StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED => PollFailure::Refused,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            PollFailure::Busy { retry_after_ms: retry_after_ms(response.headers()) }
        }
        _ => PollFailure::Unreachable,
    }
}

/// The whole body; `None` where it breaks off or has more than `bytes_max` bytes.
async fn body(body: Incoming, bytes_max: usize) -> Option<Bytes> {
    let whole = Limited::new(body, bytes_max).collect().await.ok()?;
    Some(whole.to_bytes())
}

#[cfg(test)]
mod tests;
