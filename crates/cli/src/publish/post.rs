//! One request to the internal port, repeated until it is answered. In: a route and a body. Out:
//! the answer's body, or in plain words why there is none. Repeating is safe: every event carries
//! an idempotency key.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};

use super::body::Problem;
use super::causes::{Causes, NO_ANSWER};
use super::retry::{Attempts, Schedule};

/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A server's internal port.
#[derive(Debug)]
pub(super) struct Post {
    client: Client,
    base: Url,
    key: Option<String>,
    schedule: Schedule,
}

/// How one attempt went wrong.
enum Failure {
    /// It may go better: why, and when to come back.
    ForNow(String, Duration),
    /// It will not.
    ForGood(anyhow::Error),
}

impl Post {
    /// Speaks to the server at `base`, with this key where it wants one.
    pub(super) fn new(base: &str, key: Option<&str>) -> anyhow::Result<Self> {
        let url = Url::parse(base).ok().filter(|url| !url.cannot_be_a_base());
        let url = url.with_context(|| {
            format!("{base:?} is not a URL; write one such as http://127.0.0.1:8081")
        })?;
        if url.scheme() != "http" {
            bail!("{base} cannot be used: only http:// is spoken for now");
        }
        let mut client = Client::builder().redirect(reqwest::redirect::Policy::none());
        if is_loopback(&url) {
            // What runs on this machine is no business of a proxy's.
            client = client.no_proxy();
        }
        let client = client.build()?;
        let key = key.map(str::to_owned);
        Ok(Self { client, base: url, key, schedule: Schedule::default() })
    }

    /// Posts `body` to the route of these segments until it is answered, for a minute at most.
    pub(super) async fn send(
        &self,
        route: &[&str],
        body: &str,
        idempotency_key: Option<&str>,
    ) -> anyhow::Result<Vec<u8>> {
        let attempt = async |timeout| self.attempt(route, body, idempotency_key, timeout).await;
        self.repeat(attempt).await
    }

    /// Makes attempts, each with the time that it may take, until one is answered.
    async fn repeat(
        &self,
        mut attempt: impl AsyncFnMut(Duration) -> Result<Vec<u8>, Failure>,
    ) -> anyhow::Result<Vec<u8>> {
        let mut attempts = Attempts::begin(self.schedule);
        let mut causes = Causes::default();
        loop {
            let timeout = ATTEMPT_TIMEOUT.min(attempts.left());
            let (why, hint) = match attempt(timeout).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::ForGood(error)) => return Err(error),
                Err(Failure::ForNow(why, hint)) => (why, hint),
            };
            if attempts.failed() == 0 {
                let patience = self.schedule.patience;
                eprintln!("{}: {why}; trying again for {patience:?}", self.place());
            }
            // An attempt that the deadline cut short says nothing that the earlier ones did not.
            if timeout == ATTEMPT_TIMEOUT || why != NO_ANSWER {
                causes.add(why);
            }
            let Some(pause) = attempts.pause(hint, getrandom::u32().unwrap_or_default()) else {
                return Err(self.given_up(&causes));
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(
        &self,
        route: &[&str],
        body: &str,
        idempotency_key: Option<&str>,
        timeout: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let mut request = self.client.post(self.url(route)).timeout(timeout);
        request = request.header(CONTENT_TYPE, "application/json").body(body.to_owned());
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        let response = request.send().await.map_err(|error| {
            if error.is_builder() {
                let hint = "the key must be one line of plain text";
                return Failure::ForGood(anyhow!("{}; {hint}", innermost(&error)));
            }
            Failure::ForNow(innermost(&error), Duration::ZERO)
        })?;
        let (status, hint) = (response.status(), retry_after(&response));
        let answer = read(response).await.map_err(|why| Failure::ForNow(why, Duration::ZERO))?;
        if status.is_success() { Ok(answer) } else { Err(refusal(status, hint, &answer)) }
    }

    fn url(&self, route: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Cannot fail: `new` lets no URL in that has no path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(route);
        }
        url
    }

    fn place(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    fn given_up(&self, causes: &Causes) -> anyhow::Error {
        anyhow!(
            "{} did not take it within {:?}: {causes}; is the server running there? \
             `steadfast serve --dev` starts one",
            self.place(),
            self.schedule.patience
        )
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The last cause of an error: what the operating system said, not what it was wrapped in.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return NO_ANSWER.into();
    }
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn retry_after(response: &Response) -> Duration {
    let value = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Duration::from_secs(value.and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn refusal(status: StatusCode, hint: Duration, answer: &[u8]) -> Failure {
    let problem: Problem = serde_json::from_slice(answer).unwrap_or_default();
    let why = format!("{status}: {problem}");
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Failure::ForNow(why, hint);
    }
    Failure::ForGood(if status == StatusCode::UNAUTHORIZED {
        anyhow!("{why}; give the internal port's key with --key-file or STEADFAST_KEY")
    } else {
        anyhow!("the server refuses it, {why}")
    })
}

async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| innermost(&error))? {
        if chunk.len() > ANSWER_BYTES_MAX - body.len() {
            return Err(format!("an answer of more than {ANSWER_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
