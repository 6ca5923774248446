//! What is published: an event's data of a given length that says when it was published and which
//! one it is. In: stamp and numbers. Out: JSON text, and back. Must not know: frames, sockets.

use memchr::memmem;

/// What an event's data says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// When it was published, on the machine's monotonic clock.
    pub(crate) at: u64,
    /// Which of its channel it is, from 1.
    pub(crate) number: u64,
    /// Which of the whole run it is, from 0.
    pub(crate) message: u64,
}

/// Appends data of `bytes` bytes to `out`, or of as few more as the marks need.
pub(crate) fn write(out: &mut Vec<u8>, mark: Mark, bytes: usize) {
    let Mark { at, number, message } = mark;
    let from = out.len();
    out.extend_from_slice(format!(r#"{{"at":{at},"n":{number},"m":{message},"pad":""#).as_bytes());
    let to = (from + bytes.saturating_sub(2)).max(out.len());
    out.resize(to, b'x');
    out.extend_from_slice(b"\"}");
}

/// Finds the marks in a frame that holds such data; none where there are none.
pub(crate) fn find(frame: &[u8]) -> Option<Mark> {
    let rest = &frame[memmem::find(frame, br#"{"at":"#)? + 6..];
    let (at, rest) = leading_number(rest)?;
    let (number, rest) = leading_number(rest.strip_prefix(br#","n":"#)?)?;
    let (message, _) = leading_number(rest.strip_prefix(br#","m":"#)?)?;
    Some(Mark { at, number, message })
}

/// The number that `text` begins with, and what follows it.
pub(crate) fn leading_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take(19).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let number = text[..digits].iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some((number, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::{Mark, find, leading_number, write};

    const MARK: Mark = Mark { at: 1_234_567_890_123_456, number: 17, message: 170_000 };

    fn written(bytes: usize) -> Vec<u8> {
        let mut out = b"before".to_vec();
        write(&mut out, MARK, bytes);
        out.split_off(6)
    }

    #[test]
    fn data_has_the_length_asked_for_is_json_and_says_which_it_is() {
        for bytes in [80, 150, 4096] {
            let data = written(bytes);
            assert_eq!(data.len(), bytes);
            assert!(serde_json::from_slice::<serde_json::Value>(&data).is_ok());
            let frame = [br#"{"type":"event","offset":17,"data":"#, &data[..], b"}"].concat();
            assert_eq!(find(&frame), Some(MARK));
        }
    }

    #[test]
    fn data_that_is_too_short_for_its_marks_is_longer_but_whole() {
        let data = written(1);
        assert_eq!(find(&data), Some(MARK));
        assert!(data.ends_with(br#""pad":""}"#));
    }

    #[test]
    fn other_frames_have_no_mark() {
        for other in
            [&b""[..], b"{\"at\":", b"{\"at\":x", br#"{"at":1,"n":2}"#, b"{\"type\":\"pong\"}"]
        {
            assert_eq!(find(other), None);
        }
        assert_eq!(leading_number(b"12,"), Some((12, &b","[..])));
        assert_eq!(leading_number(b",1"), None);
    }
}
