//! The body and headers of a failed HTTP request: RFC 9457 problem details.
//!
//! In: a stable code and what happened. Out: `application/problem+json` for hyper or axum, with the
//! headers of its status. Knows nothing of the request.

mod code;

use std::fmt;

use axum::response::IntoResponse;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::ser::{Serialize, SerializeMap, Serializer};

pub use code::Code;

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Why a request failed, for its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of failure, stable over releases.
    pub code: Code,
    /// What happened this time, for a developer; never a secret.
    pub detail: String,
    /// When to try again, in seconds from now, if the server knows.
    pub retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem with this code, and `detail` about this one occurrence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after_s: None }
    }

    /// The same, with the time after which to try again, in seconds.
    pub fn retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The body: one JSON object.
    pub fn body(&self) -> Bytes {
        // Only text and numbers are written, so this cannot fail.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// The whole response, for hyper.
    pub fn response(&self) -> Response<Full<Bytes>> {
        self.head().map(|()| Full::new(self.body()))
    }

    /// The same without its body.
    pub(crate) fn head(&self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("urn:steadfast:error:{}", self.code))?;
        map.serialize_entry("title", self.code.title())?;
        map.serialize_entry("status", &self.status().as_u16())?;
        map.serialize_entry("code", self.code.as_str())?;
        map.serialize_entry("detail", &self.detail)?;
        if let Some(seconds) = self.retry_after_s {
            map.serialize_entry("retry_after_s", &seconds)?;
        }
        map.end()
    }
}

impl From<Problem> for Response<Full<Bytes>> {
    fn from(problem: Problem) -> Self {
        problem.response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        self.response().map(axum::body::Body::new)
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Problem};
    use axum::response::IntoResponse;
    use hyper::StatusCode;
    use serde_json::{Value, json};

    #[test]
    fn a_problem_is_an_object_of_rfc_9457() {
        let problem = Problem::new(Code::ChannelFinished, "nothing can follow \"the end\"");
        let body: Value = serde_json::from_slice(&problem.body()).unwrap();
        assert_eq!(
            body,
            json!({
                "type": "urn:steadfast:error:channel_finished",
                "title": "The channel has had its final event",
                "status": 409,
                "code": "channel_finished",
                "detail": "nothing can follow \"the end\"",
            })
        );
    }

    #[test]
    fn the_response_carries_the_headers_of_its_kind() {
        let response = Problem::new(Code::Draining, "this node leaves").retry_after_s(7).response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["retry-after"], "7");
        assert!(!response.headers().contains_key("www-authenticate"));

        let response = Problem::new(Code::TokenExpired, "a minute ago").response();
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert!(!response.headers().contains_key("retry-after"));
    }

    #[tokio::test]
    async fn axum_sends_the_same_bytes() {
        let problem = Problem::new(Code::BadJson, "line 1").retry_after_s(1);
        let response = problem.clone().into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        assert_eq!(body, problem.body());
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["retry_after_s"], 1);
    }
}
