//! `GET /admin`: the dashboard, built from `clients/js/dashboard` and kept in this binary. In: a
//! path. Out: a file. The files hold nothing of this node: what they show they ask for with a key.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

use crate::problem::{Code, Problem};

/// The page loads its own script and style, asks this server, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    // A file of one build must not be used with those of another.
    (header::CACHE_CONTROL, "no-cache"),
    (header::VARY, "Accept-Encoding"),
];

/// A file of the dashboard, compressed with gzip.
#[derive(Clone, Copy, Debug)]
struct DashboardFile {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! file {
    ($name:literal, $kind:literal) => {
        DashboardFile {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("../../assets/dashboard/", $name, ".gz")),
        }
    };
}

const PAGE: DashboardFile = file!("index.html", "text/html; charset=utf-8");
const FILES: [DashboardFile; 3] = [
    file!("dashboard.css", "text/css; charset=utf-8"),
    file!("dashboard.js", "text/javascript; charset=utf-8"),
    file!("icon.svg", "image/svg+xml"),
];

/// Answers with the page.
pub(super) async fn page(headers: HeaderMap) -> Result<Response, Problem> {
    PAGE.answer(&headers)
}

/// Answers with a file that the page needs.
pub(super) async fn file(
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = FILES.into_iter().find(|file| file.name == name);
    let detail = "the dashboard is `/admin`; it has no such file";
    file.ok_or_else(|| Problem::new(Code::NotFound, detail))?.answer(&headers)
}

impl DashboardFile {
    /// The file, or a problem where its encoding is refused: it is kept in one alone.
    fn answer(&self, asked: &HeaderMap) -> Result<Response, Problem> {
        if !takes_gzip(asked) {
            let detail = "the dashboard comes compressed: ask with `Accept-Encoding: gzip`";
            return Err(Problem::new(Code::NotAcceptable, detail));
        }
        let mut response = self.bytes.into_response();
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        Ok(response)
    }
}

/// Whether gzip may be sent: it is named, or there is no `Accept-Encoding` (RFC 9110, 12.5.3).
fn takes_gzip(asked: &HeaderMap) -> bool {
    let mut given = asked.get_all(header::ACCEPT_ENCODING).iter().peekable();
    if given.peek().is_none() {
        return true;
    }
    let mut codings = given.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let name = name.trim();
        let is_refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0));
        !is_refused && (name.eq_ignore_ascii_case("gzip") || name == "*")
    })
}
