//! A hash that is the same on every node and in every release: what is placed by it stays where it
//! is. In: bytes. Out: 64-bit FNV-1a. No defence against names that are chosen to collide.

/// The hash of some bytes.
pub fn stable_hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::stable_hash;

    /// The values that the authors of FNV publish: a change moves channels to other servers.
    #[test]
    fn the_hash_of_a_text_is_the_same_in_every_release() {
        for (text, hash) in [
            ("", 0xcbf2_9ce4_8422_2325_u64),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("b", 0xaf63_df4c_8601_f1a5),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(stable_hash(text.bytes()), hash, "{text}");
        }
    }
}
