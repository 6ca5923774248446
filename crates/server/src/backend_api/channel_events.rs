//! `GET /v1/channels/{channel}/events`: the newest events of a channel, for operators. In: a name,
//! how many, and behind which offset they end. Out: the events as a poll gives them, and the head.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::Uri;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use steadfast_history::PageLimit;
use steadfast_protocol::{Limits, Position, Since};

use super::channels::{not_found, unreadable};
use super::publish::channel;
use super::query::Query;
use crate::node::Node;
use crate::problem::Problem;

/// The most bytes of events in an answer; one event is given even where it alone is larger.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Answers with the newest `limit` events, or with those before the offset `before`, oldest first.
pub(super) async fn newest(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let name = channel(path)?;
    let query = Query::read(&uri, &["before", "limit"])?;
    let before = query.parsed("before", |text| match text.parse::<u64>() {
        Ok(offset) if (1..=Limits::OFFSET_MAX).contains(&offset) => Ok(offset),
        Ok(_) | Err(_) => Err("an offset, from 1 to 2^53"),
    });
    let (before, limit) = (before?, query.limit()?);
    let info = node.broker.info(&name).await.map_err(unreadable)?;
    let info = info.ok_or_else(|| not_found(&name))?;
    let last = before.map_or(info.offset, |before| info.offset.min(before - 1));
    let start = last.saturating_sub(limit as u64);
    let count = usize::try_from(last - start).unwrap_or(limit);
    let since = Since::After(Position::new(info.epoch, start));
    let page_limit = PageLimit { events_max: count, bytes_max: BYTES_MAX, is_thinned: false };
    let page = node.broker.read(&name, &since, page_limit).await.map_err(unreadable)?;
    let mut text = format!(r#"{{"channel":"{name}","epoch":"{}","events":["#, page.start.epoch);
    let wanted = page.events.iter().filter(|event| event.offset <= last);
    for (at, event) in wanted.enumerate() {
        text.push_str(if at == 0 { "{" } else { ",{" });
        text.push_str(&String::from_utf8_lossy(event.encoded.entry()));
    }
    // Text can always be written to a string.
    let _ = write!(text, r#"],"head":{},"final":{}}}"#, page.head, page.is_final);
    let json = HeaderValue::from_static("application/json");
    Ok(([(CONTENT_TYPE, json)], text).into_response())
}
