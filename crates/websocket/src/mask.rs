//! The mask of a client's frames. In: a key, a payload. Out: the payload masked, or unmasked, in
//! place.

/// Masks `bytes`, whose first byte goes with the first of `key`.
pub(crate) fn apply([a, b, c, d]: [u8; 4], bytes: &mut [u8]) {
    let key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip([a, b, c, d].iter().cycle()) {
        *byte ^= key;
    }
}
