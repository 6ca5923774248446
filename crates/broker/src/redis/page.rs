//! Parses the answers of scripts. In: lists of values. Out: pages and descriptions of channels, or
//! `None` if a value has another format.

use redis::Value;
use steadfast_history::{ChannelInfo, Page, ReadError};
use steadfast_protocol::{ChannelName, Epoch, Gap, GapCause, Position, Since};

use super::entry;
use super::scripts::{LIST, number, text};
use super::server::RedisNode;

/// Parses a page: `ok epoch start cause head final end [offset time entry]…`.
pub(super) fn page(channel: &ChannelName, since: &Since, answer: &[Value]) -> Option<Page> {
    let epoch = Epoch::new(text(answer.get(1))).ok()?;
    let start = Position::new(epoch, number(answer.get(2))?);
    let cause = match text(answer.get(3)) {
        "epoch_changed" => Some(GapCause::EpochChanged),
        "retention" => Some(GapCause::Retention),
        _ => None,
    };
    let gap = match (since, cause) {
        (Since::After(from), Some(cause)) => {
            Some(Gap { from: from.clone(), to: start.clone(), cause })
        }
        (Since::Start | Since::Now | Since::After(_), _) => None,
    };
    let Some(Value::Array(entries)) = answer.get(7) else { return None };
    let events: Option<Vec<_>> = entries
        .chunks(3)
        .map(|entry| {
            let (offset, time) = (number(entry.first())?, number(entry.get(1))?);
            let Some(Value::BulkString(kept)) = entry.get(2) else { return None };
            entry::publication(channel, &start.epoch, offset, time, kept)
        })
        .collect();
    Some(Page {
        gap,
        events: events?,
        end: number(answer.get(6))?,
        head: number(answer.get(4))?,
        is_final: text(answer.get(5)) == "1",
        start,
    })
}

/// Describes up to `limit` channels from the name `least` on, or that channel alone.
pub(super) async fn describe(
    server: &RedisNode,
    least: &str,
    limit: Option<usize>,
) -> Result<Vec<ChannelInfo>, ReadError> {
    let session = server.session().map_err(|_| ReadError::Unavailable)?;
    let call = server
        .fenced_call(&session, &LIST, &[&server.keys.server, &server.keys.index])
        .arg(server.keys.prefix.as_str())
        .arg(least)
        .arg(limit.map(|limit| limit.to_string()).unwrap_or_default());
    let answer = server.send(&session, call).await.map_err(|_| ReadError::Unavailable)?;
    Ok(answer.get(1..).unwrap_or_default().chunks(6).filter_map(info).collect())
}

fn info(values: &[Value]) -> Option<ChannelInfo> {
    Some(ChannelInfo {
        channel: ChannelName::new(text(values.first())).ok()?,
        epoch: Epoch::new(text(values.get(1))).ok()?,
        offset: number(values.get(2))?,
        events: number(values.get(3))?,
        bytes: number(values.get(4))?,
        is_final: text(values.get(5)) == "1",
    })
}
