//! The reader of a client's WebSocket frames: it says the same however its bytes are cut.

use steadfast_websocket::{Inbound, Limits};

const LIMITS: Limits =
    Limits { message_bytes_max: 256, empty_fragments_max: 4, first_message_bytes_max: 128 };
/// More messages than these cannot be in so few bytes.
const BYTES_PER_MESSAGE_MIN: usize = 2;

/// The first byte says into how small pieces the rest is cut.
pub(crate) fn reader(bytes: &[u8]) {
    let Some((&piece, bytes)) = bytes.split_first() else { return };
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(whole, read(bytes, usize::from(piece).max(1)), "a cut changes what is read");
    assert!(whole.len() <= bytes.len() / BYTES_PER_MESSAGE_MIN + 1, "{whole:?}");
}

/// What is read of bytes that come in pieces of this size, as texts to compare.
fn read(bytes: &[u8], size: usize) -> Vec<String> {
    let mut inbound = Inbound::new(LIMITS);
    let mut said = Vec::new();
    for piece in bytes.chunks(size) {
        let mut piece = piece.to_vec();
        let mut feed = inbound.feed(&mut piece);
        loop {
            match feed.poll() {
                Ok(Some(message)) => said.push(format!("{message:?}")),
                Ok(None) => break,
                Err(error) => {
                    said.push(format!("{} {error}", error.close_code()));
                }
            }
        }
        assert_eq!(feed.consumed(), piece.len(), "nothing is left behind");
        let most = 2 * LIMITS.message_bytes_max + 2 * 125;
        assert!(inbound.capacity() <= most, "it holds {} bytes", inbound.capacity());
    }
    said
}
