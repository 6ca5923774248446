//! Socket.IO 4 over one WebSocket: open, connect, events, pings.

use super::Heard;

/// Understands one message.
pub(super) fn hear(text: &[u8]) -> Heard {
    match text {
        // Open: ask for the default namespace.
        [b'0', ..] => Heard::Answer("40".into()),
        [b'4', b'0', ..] => Heard::Live { offset: 0 },
        [b'4', b'2', ..] => super::event(text),
        [b'4', b'4', why @ ..] => Heard::Refused(String::from_utf8_lossy(why).into_owned()),
        [b'2', ..] => Heard::Answer("3".into()),
        _ => Heard::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, hear};

    #[test]
    fn a_link_is_live_after_its_namespace_is_and_answers_pings() {
        assert_eq!(hear(br#"0{"sid":"a"}"#), Heard::Answer("40".into()));
        assert_eq!(hear(br#"40{"sid":"a"}"#), Heard::Live { offset: 0 });
        assert_eq!(hear(b"2"), Heard::Answer("3".into()));
        assert!(matches!(hear(br#"44{"message":"no"}"#), Heard::Refused(_)));
        assert!(matches!(
            hear(br#"42["event",{"at":5,"n":6,"m":7,"pad":""}]"#),
            Heard::Event { offset: 6, mark: Some(_) }
        ));
        assert_eq!(hear(b"6"), Heard::Other);
    }
}
