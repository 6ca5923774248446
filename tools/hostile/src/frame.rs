//! WebSocket frames as an attacker writes them, and as a server sends them. In: payloads, and
//! bytes of a server. Out: bytes of any shape, and whole frames. Must not know: sockets.

/// The mask of every frame here.
const MASK: [u8; 4] = [0x5a, 0x3c, 0x99, 0x07];

/// The first byte of a whole text message.
pub const TEXT: u8 = 0x81;
/// The first byte of a ping.
pub const PING: u8 = 0x89;
/// The first byte of a pong.
pub const PONG: u8 = 0x8a;
/// The first byte of a close frame.
pub const CLOSE: u8 = 0x88;

/// A masked frame with this first byte, whatever that says.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len() as u64);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The header of a masked frame that announces so many bytes.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => header.push(0x80 | short),
        (_, Ok(middle)) => {
            header.push(0x80 | 0x7e);
            header.extend_from_slice(&middle.to_be_bytes());
        }
        (_, Err(_)) => {
            header.push(0x80 | 0x7f);
            header.extend_from_slice(&length.to_be_bytes());
        }
    }
    header.extend_from_slice(&MASK);
    header
}

/// A masked text message.
pub fn text(text: &str) -> Vec<u8> {
    masked(TEXT, text.as_bytes())
}

/// A masked close frame.
pub fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    masked(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// A text message in frames of one byte each.
pub fn crumbs(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut frames = Vec::with_capacity(bytes.len() * 7);
    for (at, byte) in bytes.iter().enumerate() {
        let opcode = u8::from(at == 0);
        let end = if at + 1 == bytes.len() { 0x80 } else { 0 };
        frames.extend(masked(opcode | end, &[*byte]));
    }
    frames
}

/// What a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// A ping and its payload.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// A close frame: code and reason; 1005 where it has no code.
    Close(u16, String),
}

/// The frame at the start of `bytes` and its length; none where it is not whole. A server of ours
/// neither masks nor fragments.
pub fn received(bytes: &[u8]) -> Result<Option<(Received, usize)>, String> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (length, header): (_, usize) = match second {
        length @ 0..126 => (Some(u64::from(*length)), 2),
        126 => (rest.first_chunk().map(|two| u16::from_be_bytes(*two).into()), 4),
        127 => (rest.first_chunk().map(|eight| u64::from_be_bytes(*eight)), 10),
        128.. => return Err("a server's frame is masked".to_owned()),
    };
    let Some(length) = length else { return Ok(None) };
    let Some(end) = usize::try_from(length).ok().and_then(|length| header.checked_add(length))
    else {
        return Err(format!("a frame of {length} bytes"));
    };
    let Some(payload) = bytes.get(header..end) else { return Ok(None) };
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string());
    let frame = match (*first, payload) {
        (TEXT, text) => Received::Text(utf8(text)?),
        (PING, payload) => Received::Ping(payload.to_vec()),
        (PONG, _) => Received::Pong,
        (CLOSE, [high, low, reason @ ..]) => {
            Received::Close(u16::from_be_bytes([*high, *low]), utf8(reason)?)
        }
        (CLOSE, _) => Received::Close(1005, String::new()),
        (other, _) => return Err(format!("a frame that begins with {other:#x}")),
    };
    Ok(Some((frame, end)))
}

#[cfg(test)]
mod tests {
    use super::{MASK, Received, close, crumbs, header, masked, received, text};

    #[test]
    fn frames_have_the_shortest_length_and_a_mask() {
        assert_eq!(masked(0x89, &[1]), [0x89, 0x81, 0x5a, 0x3c, 0x99, 0x07, 1 ^ 0x5a]);
        assert_eq!(header(0x81, 126)[..4], [0x81, 0xfe, 0, 126]);
        assert_eq!(header(0x81, 65_536)[..10], [0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(text("a").len(), 7);
        assert_eq!(close(1000, b"")[1], 0x82);
    }

    #[test]
    fn a_message_in_crumbs_is_one_message() {
        let frames = crumbs("abc");
        assert_eq!(frames.len(), 21);
        assert_eq!((frames[0], frames[7], frames[14]), (0x01, 0x00, 0x80));
        assert_eq!(frames[6], b'a' ^ MASK[0]);
    }

    #[test]
    fn frames_of_a_server_are_read_once_they_are_whole() {
        let bytes = [0x81, 2, b'h', b'i', 0x88, 2, 0x0f, 0xa0];
        for end in 0..4 {
            assert_eq!(received(&bytes[..end]), Ok(None));
        }
        assert_eq!(received(&bytes), Ok(Some((Received::Text("hi".into()), 4))));
        assert_eq!(received(&bytes[4..]), Ok(Some((Received::Close(4000, String::new()), 4))));
        assert_eq!(received(&[0x88, 0]), Ok(Some((Received::Close(1005, String::new()), 2))));
        let long = [&[0x81, 126, 1, 0][..], &[b'x'; 256]].concat();
        assert_eq!(received(&long).unwrap().unwrap().1, 260);
        for bad in [&[0x81, 0x80][..], &[0x83, 0], &[0xc1, 0]] {
            assert!(received(bad).is_err(), "{bad:?}");
        }
    }
}
