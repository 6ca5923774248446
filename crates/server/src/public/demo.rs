//! The page on `/` of a server in `--dev`: follow a channel with nothing installed.

use hyper::Response;
use hyper::header::{self, HeaderValue};

use super::body::{Body, whole};

const PAGE: &str = include_str!("demo.html");

/// The page.
pub(super) fn page() -> Response<Body> {
    let mut response = Response::new(whole(PAGE));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                  connect-src 'self'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}
