//! Single requests over the way that a client's links take, for diagnosis: the same proxies, TLS
//! and certificates. In: a server's URL, a request. Out: what was answered, and how fast; or why
//! nothing was. Keeps no connection and no state.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::connector::Connector;
use crate::dial_error::DialError;
use crate::endpoint::Endpoint;
use crate::error::ConnectError;
use crate::proxy::Proxies;
use crate::tls;

/// How long connecting may take, and an answer's head if nothing else is said.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks a server for single answers.
pub struct PathProbe {
    endpoint: Endpoint,
    connector: Connector,
}

/// A request of a [`PathProbe`]: always a GET.
#[derive(Clone, Debug, Default)]
pub struct PathRequest<'a> {
    /// The segments of the path behind the server's URL: `["v1", "probe"]`.
    pub path: &'a [&'a str],
    /// The query, without `?`.
    pub query: Option<&'a str>,
    /// Headers besides `Host`. Their values are shown nowhere.
    pub headers: &'a [(&'a str, &'a str)],
    /// How long the head of the answer may take. Default 10 s.
    pub answer_wait: Option<Duration>,
    /// How long to wait for the first bytes of the body. Default: not at all.
    pub body_wait: Duration,
}

/// What was answered.
#[derive(Debug)]
pub struct PathAnswer {
    /// The status of HTTP.
    pub status: u16,
    /// How long the connection took to open, TLS included.
    pub connected_after: Duration,
    /// How long the head of the answer took, from the request on.
    pub answered_after: Duration,
    /// The first bytes of the body and when they came, from the request on, if that was within
    /// [`PathRequest::body_wait`].
    pub body: Option<(Duration, Bytes)>,
    headers: HeaderMap,
}

impl PathAnswer {
    /// A header's value, where it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// There was no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// It took too long.
    #[error("{step} took longer than {} s", limit.as_secs())]
    TimedOut {
        /// What took so long.
        step: &'static str,
        /// How long it may take.
        limit: Duration,
    },
    /// The connection broke, or what came was no HTTP.
    #[error("the request was not answered by HTTP")]
    Http(#[from] hyper::Error),
    /// The path, the query or a header cannot be sent.
    #[error("the request cannot be sent")]
    Request(#[from] http::Error),
}

impl PathProbe {
    /// Asks the server at `url`, trusting these certificates (PEM) besides the machine's. Fails
    /// where one of them cannot be read.
    pub fn new(url: &str, roots: &[Vec<u8>]) -> Result<Self, ConnectError> {
        let endpoint = Endpoint::new(url)?;
        let tls = tls::config(roots, endpoint.is_tls())?;
        Ok(Self { endpoint, connector: Connector::new(tls, Proxies::from_environment()) })
    }

    /// The server's host, and its port.
    pub fn address(&self) -> (String, u16) {
        self.endpoint.address()
    }

    /// Whether the server is spoken to by TLS.
    pub fn is_tls(&self) -> bool {
        self.endpoint.is_tls()
    }

    /// Whether a proxy of this machine's settings stands before the server.
    pub fn has_proxy(&self) -> bool {
        self.connector.has_proxy(&self.endpoint)
    }

    /// Sends one request on a connection of its own, by a tunnel where there is a proxy.
    pub async fn ask(&self, request: &PathRequest<'_>) -> Result<PathAnswer, PathError> {
        let begun = Clock::start();
        let opened = timeout(STEP_TIMEOUT, self.connector.through(&self.endpoint)).await;
        let stream = opened.map_err(|_| late("connecting", STEP_TIMEOUT))??;
        let connected_after = begun.elapsed();
        let mut url = self.endpoint.route(request.path);
        url.set_query(request.query);
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut message = Request::get(target).header(HOST, self.endpoint.authority());
        for (name, value) in request.headers {
            message = message.header(*name, *value);
        }
        let message = message.body(Empty::<Bytes>::new())?;
        let asked = Clock::start();
        let limit = request.answer_wait.unwrap_or(STEP_TIMEOUT);
        let answered = timeout(limit, async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // It ends with the answer, which owns the other end.
            tokio::spawn(connection);
            sender.send_request(message).await.map(|response| (response, sender))
        });
        let answered = answered.await;
        let (response, _sender) = answered.map_err(|_| late("the answer", limit))??;
        let answered_after = asked.elapsed();
        let (head, mut body) = response.into_parts();
        let first = async {
            while let Some(Ok(frame)) = body.frame().await {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Some((asked.elapsed(), data));
                }
            }
            None
        };
        let body = timeout(request.body_wait, first).await.ok().flatten();
        let status = head.status.as_u16();
        Ok(PathAnswer { status, connected_after, answered_after, body, headers: head.headers })
    }
}

const fn late(step: &'static str, limit: Duration) -> PathError {
    PathError::TimedOut { step, limit }
}

impl std::fmt::Debug for PathProbe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PathProbe").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
