//! Reads a request's body as text. In: a request and a limit. Out: the text, or why there is none.
//! No more than the limit is kept. Must not know what the text means.

use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::CONTENT_ENCODING;
use serde_json::error::Category;

use crate::problem::{Code, Problem};

/// How long a body may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How many times the limit of a body that is too large is read and discarded …
const DISCARDED: usize = 4;
/// … and for how long.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads a body of at most `bytes_max` bytes. One that declares more is refused unread.
pub(crate) async fn read(request: Request, bytes_max: usize) -> Result<Bytes, Problem> {
    if let Some(encoding) = request.headers().get(CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let detail = "a body is taken as it is: send it without `Content-Encoding`";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    let mut body = request.into_body();
    let declared = body.size_hint().lower();
    if declared > bytes_max as u64 {
        let detail = format!("a body has at most {bytes_max} bytes here, this one has {declared}");
        discard(body, bytes_max).await;
        return Err(Problem::new(Code::TooLarge, detail));
    }
    let whole = Limited::new(&mut body, bytes_max).collect();
    let Ok(arrived) = tokio::time::timeout(TIMEOUT, whole).await else {
        let detail = format!("the body did not arrive within {} s", TIMEOUT.as_secs());
        return Err(Problem::new(Code::RequestTimeout, detail));
    };
    match arrived {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("a body has at most {bytes_max} bytes here, this one has more");
            discard(body, bytes_max).await;
            Err(Problem::new(Code::TooLarge, detail))
        }
        Err(_) => {
            Err(Problem::new(Code::BadBody, "the connection broke before the body was complete"))
        }
    }
}

/// Reads and discards the rest for a while, so that the response is not lost to a reset (RFC 9112,
/// section 9.6).
async fn discard(body: axum::body::Body, bytes_max: usize) {
    let mut rest = Limited::new(body, bytes_max.saturating_mul(DISCARDED));
    let read_on = async { while let Some(Ok(_)) = rest.frame().await {} };
    // A client that sends more, or takes longer, may lose the response.
    drop(tokio::time::timeout(DISCARD_TIMEOUT, read_on).await);
}

/// The byte-order mark that some editors and libraries put in front of a text. RFC 8259 lets a
/// reader skip it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The bytes as text, without a byte-order mark in front.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Problem> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = good.split(|&byte| byte == b'\n').count();
        let column = good.rsplit(|&byte| byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
        Problem::new(Code::BadJson, format!("not UTF-8 at line {line} column {column}"))
    })
}

/// The problem for an error of the JSON parser, with line and column.
pub(crate) fn refusal(error: &serde_json::Error) -> Problem {
    let code = match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => Code::BadJson,
        Category::Data => Code::BadBody,
    };
    Problem::new(code, error.to_string())
}

/// What kind of value a valid JSON text is, in words.
pub(crate) fn kind(json: &str) -> &'static str {
    match json.trim_start().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) | None => "a number",
    }
}
