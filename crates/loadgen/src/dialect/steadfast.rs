//! The protocol of this server, as little of it as a reader that counts needs. Events are found by
//! their bytes, which costs tens of nanoseconds; everything else, and events that are written in
//! another order of fields, go through the real decoder.

use memchr::memmem;
use serde_json::json;
use steadfast_protocol::codec::json as codec;
use steadfast_protocol::{ErrorFrame, ServerFrame};

use super::{Heard, Speaker};
use crate::payload::{self, leading_number};

/// How long an answer is waited for, in milliseconds: what is proposed in `hello`.
const TIMEOUT_MS: u64 = 10_000;

/// The frame that connects and subscribes.
pub(super) fn hello(speaker: &Speaker<'_>) -> String {
    let mut hello = json!({
        "type": "hello",
        "link": speaker.link,
        "generation": 1,
        "client": {
            "name": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "platform": std::env::consts::OS,
        },
        "heartbeat": {
            "interval": speaker.heartbeat_ms,
            "timeout": TIMEOUT_MS.min(speaker.heartbeat_ms),
        },
        "channels": [{"channel": speaker.channel, "since": "now"}],
    });
    if let Some(token) = speaker.token {
        hello["token"] = token.into();
    }
    hello.to_string()
}

/// A sign of life.
pub(super) fn heartbeat(next_ms: u64) -> String {
    json!({"type": "heartbeat", "next_ms": next_ms}).to_string()
}

/// Understands one frame.
pub(super) fn hear(text: &[u8]) -> Heard {
    if text.starts_with(br#"{"type":"event","#)
        && let Some(place) = memmem::find(text, br#","offset":"#)
        && let Some((offset, rest)) = leading_number(&text[place + 10..])
    {
        return Heard::Event { offset, mark: payload::find(rest) };
    }
    let decoded = std::str::from_utf8(text).ok().map(codec::server_frame);
    match decoded {
        Some(Ok(Some(frame))) => meaning(frame),
        Some(Ok(None)) => Heard::Other,
        Some(Err(_)) | None => {
            Heard::Refused("it sends frames that are not of the protocol".into())
        }
    }
}

fn meaning(frame: ServerFrame) -> Heard {
    match frame {
        ServerFrame::Subscribed(subscribed) => Heard::Live { offset: subscribed.offset },
        ServerFrame::Event(event) => {
            let mark = payload::find(event.data.as_str().as_bytes());
            Heard::Event { offset: event.offset, mark }
        }
        ServerFrame::Ping { id } => {
            let mut pong = json!({"type": "pong"});
            if let Some(id) = id.and_then(|id| serde_json::from_str(id.as_json()).ok()) {
                pong["id"] = id;
            }
            Heard::Answer(pong.to_string())
        }
        ServerFrame::Error(ErrorFrame { code, message, .. }) => {
            Heard::Refused(format!("{message} ({code})"))
        }
        ServerFrame::Welcome(_)
        | ServerFrame::Superseded(_)
        | ServerFrame::Finished { .. }
        | ServerFrame::Published { .. }
        | ServerFrame::Refreshed { .. }
        | ServerFrame::HeartbeatAck { .. }
        | ServerFrame::Pong { .. }
        | ServerFrame::GoAway(_) => Heard::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, Speaker, hear, heartbeat, hello};
    use crate::payload::Mark;
    use steadfast_protocol::codec::json::client_frame;
    use steadfast_protocol::{ClientFrame, Limits};

    const DATA: &str = r#"{"at":5,"n":6,"m":7,"pad":"xx"}"#;

    #[test]
    fn what_is_said_is_of_the_protocol() {
        let speaker =
            Speaker { link: "bench-0001", channel: "a:1", token: Some("t"), heartbeat_ms: 25_000 };
        let frame = client_frame(&hello(&speaker), &Limits::default()).unwrap();
        let ClientFrame::Hello(hello) = frame else { panic!("{frame:?}") };
        assert_eq!((hello.channels[0].channel.as_str(), hello.generation), ("a:1", 1));
        assert_eq!(hello.token.unwrap().expose(), "t");
        let frame = client_frame(&heartbeat(5), &Limits::default()).unwrap();
        assert!(matches!(frame, ClientFrame::Heartbeat(one) if one.next_ms == Some(5)));
    }

    #[test]
    fn an_event_is_understood_in_whatever_order_its_fields_come() {
        let mark = Some(Mark { at: 5, number: 6, message: 7 });
        let time = r#""time":"2026-01-01T00:00:00.000Z""#;
        let place = r#""epoch":"e","offset":12,"event":"x""#;
        for text in [
            format!(r#"{{"type":"event","channel":"a",{place},"data":{DATA},{time}}}"#),
            format!(r#"{{"channel":"a","data":{DATA},{place},{time},"type":"event"}}"#),
        ] {
            assert_eq!(hear(text.as_bytes()), Heard::Event { offset: 12, mark }, "{text}");
        }
    }

    #[test]
    fn pings_are_answered_with_their_id_and_refusals_say_why() {
        let answer = |text: &str| hear(text.as_bytes());
        assert_eq!(
            answer(r#"{"type":"ping","id":"a"}"#),
            Heard::Answer(r#"{"id":"a","type":"pong"}"#.into())
        );
        let live = r#"{"type":"subscribed","channel":"a","epoch":"e","offset":3,"recovered":true}"#;
        assert_eq!(answer(live), Heard::Live { offset: 3 });
        let error = r#"{"type":"error","code":"forbidden","message":"not this one","retry":false}"#;
        assert_eq!(answer(error), Heard::Refused("not this one (forbidden)".into()));
        assert_eq!(answer(r#"{"type":"news"}"#), Heard::Other);
        assert!(matches!(answer("nonsense"), Heard::Refused(_)));
    }
}
