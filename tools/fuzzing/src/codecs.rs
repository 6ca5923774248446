//! Texts of frames: what is read and written again is the same frame.

use steadfast_protocol::codec::{json, legacy, sse};
use steadfast_protocol::{ClientFrame, Limits};

/// What a client sends, of both protocols.
pub(crate) fn client_frame(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let limits = Limits::default();
    if let Ok(mut frame) = json::client_frame(text, &limits) {
        if let ClientFrame::Hello(hello) = &mut frame {
            // What could not be read of it is not written again.
            hello.bad_channels.clear();
        }
        let written = json::encode_client(&frame);
        assert_eq!(json::client_frame(&written, &limits).as_ref(), Ok(&frame), "{written}");
    }
    let _ = json::hello_token(text);
    let _ = legacy::decode(text);
}

/// What a server sends, and positions in ids of server-sent events.
pub(crate) fn server_frame(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(Some(frame)) = json::server_frame(text) {
        let written = json::encode_server(&frame);
        assert_eq!(json::server_frame(&written), Ok(Some(frame)), "{written}");
    }
    let _ = sse::position(text);
}
