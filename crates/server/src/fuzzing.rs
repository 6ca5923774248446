//! Parsers of this crate as `tools/fuzzing` calls them: bytes in, what was taken of them out.

use crate::auth::token::{JwksSource, KeySet};
use crate::backend_api::publish_length;
use crate::net::http_head::{self, Parsed};

/// The length of the head at the start of the bytes, if it is whole and plain.
pub fn http_head(bytes: &[u8]) -> Option<usize> {
    match http_head::parse(bytes) {
        Parsed::Whole(head) => Some(head.length),
        Parsed::Begun | Parsed::Other => None,
    }
}

/// The length of the publish at the start of the bytes, if it is whole and plain.
pub fn publish_request(bytes: &[u8]) -> Option<usize> {
    publish_length(bytes)
}

/// Parses a JWK set from both sources.
pub fn key_set(bytes: &[u8]) {
    for source in [JwksSource::File, JwksSource::Url] {
        let _ = KeySet::parse(bytes, source);
    }
}
