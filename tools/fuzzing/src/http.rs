//! Heads of requests that are read without hyper, and publishes with their bodies: whatever is
//! taken lies within the bytes, and more bytes behind it change nothing.

use steadfast_server::fuzzing;

/// A head, and a publish, at the start of the bytes.
pub(crate) fn head(bytes: &[u8]) {
    for parse in [fuzzing::http_head, fuzzing::publish_request] {
        let Some(length) = parse(bytes) else { continue };
        assert!(length > 0 && length <= bytes.len(), "{length} of {} bytes", bytes.len());
        assert_eq!(parse(&bytes[..length]), Some(length), "it ends where it says");
        let followed = [bytes, b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(parse(&followed), Some(length), "what follows is another request");
        if length > 1 {
            assert_eq!(parse(&bytes[..length - 1]), None, "nothing is whole without its end");
        }
    }
}
