//! The older protocol (version 2.1.0): what its clients send, and what they expect to get.
//! They look at the field `event` of whatever arrives, so every answer carries one.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;
use serde::Deserialize;

use crate::{EncodedEvent, EventName, Scalar, Timestamp};

/// What an older client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegacyFrame {
    /// Its first words, if any.
    ConnectionAck,
    /// A sign of life that wants an answer.
    Heartbeat {
        /// The client's own time, echoed.
        timestamp: Option<Scalar>,
    },
    /// Are you there?
    Ping,
    /// I am here.
    Pong,
    /// Anything else: logged and ignored.
    Ignored,
}

/// Reads what an older client said. Never fails: what cannot be read is ignored.
pub fn decode(text: &str) -> LegacyFrame {
    #[derive(Deserialize)]
    struct LegacyHead {
        #[serde(rename = "type")]
        kind: String,
    }
    #[derive(Deserialize)]
    struct Stamp {
        timestamp: Scalar,
    }
    match serde_json::from_str::<LegacyHead>(text).map(|head| head.kind).as_deref() {
        Ok("connection_ack") => LegacyFrame::ConnectionAck,
        Ok("heartbeat") => {
            let stamp = serde_json::from_str::<Stamp>(text).ok();
            LegacyFrame::Heartbeat { timestamp: stamp.map(|stamp| stamp.timestamp) }
        }
        Ok("ping") => LegacyFrame::Ping,
        Ok("pong") => LegacyFrame::Pong,
        Ok(_) | Err(_) => LegacyFrame::Ignored,
    }
}

/// The answer to a heartbeat.
pub fn heartbeat_ack(timestamp: Option<Scalar>, now: Timestamp) -> String {
    let timestamp = timestamp.unwrap_or_else(|| Scalar::text(&now.to_string()));
    let word = r#""type":"heartbeat_ack","event":"heartbeat_ack""#;
    format!(r#"{{{word},"timestamp":{},"server_time":"{now}"}}"#, timestamp.as_json())
}

/// Asks a client that is silent whether it is there. P-93
pub const PING: &[u8] = br#"{"type":"ping","event":"ping"}"#;

/// The answer to a ping.
pub fn pong(now: Timestamp) -> String {
    format!(r#"{{"type":"pong","event":"pong","timestamp":"{now}"}}"#)
}

/// What every [`update`] begins with.
const UPDATE: &[u8] = br#"{"type":"diagnosis_update","execution_id":"#;

/// Whether this text is an [`update`].
pub fn is_update(text: &[u8]) -> bool {
    text.starts_with(UPDATE)
}

/// An event as an older client gets it: written once for all of them.
pub fn update(execution: &str, event: &EventName, encoded: &EncodedEvent) -> Bytes {
    let mut out = Vec::with_capacity(encoded.len() + 64);
    out.extend_from_slice(UPDATE);
    push(&mut out, execution);
    out.extend_from_slice(br#","timestamp":""#);
    out.extend_from_slice(encoded.time());
    out.extend_from_slice(br#"","event":"#);
    push(&mut out, event.as_str());
    out.extend_from_slice(br#","data":"#);
    out.extend_from_slice(encoded.data());
    out.push(b'}');
    out.into()
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(serde_json::to_string(text).unwrap_or_default().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{LegacyFrame, PING, decode, heartbeat_ack, is_update, pong, update};
    use crate::codec::json::{encode_event, is_event};
    use crate::{ChannelName, Epoch, EventName, Payload, Scalar, Timestamp};

    #[test]
    fn what_older_clients_send_is_known_and_the_rest_ignored() {
        assert_eq!(decode(r#"{"type":"connection_ack"}"#), LegacyFrame::ConnectionAck);
        assert_eq!(decode(r#"{"type":"ping"}"#), LegacyFrame::Ping);
        assert_eq!(decode(r#"{"type":"pong"}"#), LegacyFrame::Pong);
        assert_eq!(
            decode(r#"{"type":"heartbeat","timestamp":"2026-02-28T00:00:00Z"}"#),
            LegacyFrame::Heartbeat { timestamp: Some(Scalar::text("2026-02-28T00:00:00Z")) }
        );
        assert_eq!(
            decode(r#"{"type":"heartbeat","timestamp":{}}"#),
            LegacyFrame::Heartbeat { timestamp: None }
        );
        for odd in ["", "{", "[]", "{}", r#"{"type":7}"#, r#"{"type":"hello"}"#] {
            assert_eq!(decode(odd), LegacyFrame::Ignored, "{odd}");
        }
    }

    /// P-91
    #[test]
    fn answers_say_the_same_word_in_type_and_event() {
        assert_eq!(
            heartbeat_ack(Some(Scalar::text("t")), Timestamp(0)),
            concat!(
                r#"{"type":"heartbeat_ack","event":"heartbeat_ack","timestamp":"t","#,
                r#""server_time":"1970-01-01T00:00:00.000Z"}"#
            )
        );
        assert!(pong(Timestamp(0)).starts_with(r#"{"type":"pong","event":"pong""#));
    }

    #[test]
    fn an_update_has_the_shape_older_clients_read() {
        let event = EventName::new("progress").unwrap();
        let encoded = encode_event(
            &ChannelName::new("diagnosis:8f3c").unwrap(),
            &Epoch::new("e1").unwrap(),
            1,
            &event,
            &Payload::new(r#"{"pct":40}"#).unwrap(),
            &Timestamp(0).into(),
        );
        assert!(is_update(&update("8f3c", &event, &encoded)) && !is_update(PING));
        assert!(is_event(encoded.frame()) && !is_event(PING));
        assert_eq!(
            core::str::from_utf8(&update("8f3c", &event, &encoded)).unwrap(),
            concat!(
                r#"{"type":"diagnosis_update","execution_id":"8f3c","#,
                r#""timestamp":"1970-01-01T00:00:00.000Z","event":"progress","data":{"pct":40}}"#
            )
        );
    }
}
