//! Messages to compressed ones and back, at the limits of both.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Deflater, InflateError, Inflater, LEVEL, TAIL};

const MAX: usize = 1 << 20;

/// Bytes that no method makes smaller.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let step = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(|_| step(&mut state)).collect()
}

fn inflate(compressed: &[u8]) -> Result<Vec<u8>, InflateError> {
    Inflater::default().inflate(compressed, MAX)
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    let hello = b"Hello".to_vec();
    let cases: [&[u8]; 7] = [
        // 7.2.3.1: one block; 7.2.3.3: a stored one.
        &[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
        &[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
        // 7.2.3.4: a final block and a zero byte; and without that.
        &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
        &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
        // 7.2.3.5: two blocks.
        &[0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
        // Another empty stored block at the end.
        &[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00],
        // A stored final block.
        &[0x01, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
    ];
    for bytes in cases {
        assert_eq!(inflate(bytes), Ok(hello.clone()), "{bytes:02x?}");
    }
    assert_eq!(inflate(&[0x00]), Ok(Vec::new()));
    assert_eq!(inflate(&[]), Ok(Vec::new()));
}

#[test]
fn an_inflater_keeps_nothing_of_the_message_before() {
    // 7.2.3.2: the second message refers to the first, which is not agreed.
    let mut inflater = Inflater::default();
    let first = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    assert_eq!(inflater.inflate(&first, MAX), Ok(b"Hello".to_vec()));
    let second = inflater.inflate(&[0xF2, 0x00, 0x11, 0x00, 0x00], MAX);
    assert_eq!(second, Err(InflateError::Corrupt));
    assert_eq!(inflater.inflate(&first, MAX), Ok(b"Hello".to_vec()));
}

#[test]
fn what_is_no_deflate_is_corrupt() {
    for bytes in [
        // A block of a kind that there is not; a stored block whose lengths disagree.
        &[0x07][..],
        &[0x00, 0x05, 0x00, 0xFA, 0xFE, 0x48],
        // More behind a final block than one zero byte.
        &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00, 0x00],
        &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x01],
        &[0x03, 0x00, 0x03, 0x00],
    ] {
        assert_eq!(inflate(bytes), Err(InflateError::Corrupt), "{bytes:02x?}");
    }
}

#[test]
fn a_message_inflates_up_to_the_limit_and_not_one_byte_further() {
    for max in [0, 1, 63, 64, 65, 4096, 100_000] {
        for payload in [vec![b'a'; max], noise(max)] {
            let compressed = Deflater::new(LEVEL).sync_flushed(&payload).unwrap();
            let mut inflater = Inflater::default();
            assert_eq!(inflater.inflate(&compressed, max), Ok(payload), "{max}");
        }
        for payload in [vec![b'a'; max + 1], noise(max + 1)] {
            let compressed = Deflater::new(LEVEL).sync_flushed(&payload).unwrap();
            let refused = Inflater::default().inflate(&compressed, max);
            assert_eq!(refused, Err(InflateError::TooLong { max }));
        }
    }
}

#[test]
fn a_bomb_holds_no_more_than_the_limit() {
    let bomb = Deflater::new(9).sync_flushed(&vec![0; 16 << 20]).unwrap();
    assert!(bomb.len() < 20_000, "{}", bomb.len());
    let mut inflater = Inflater::default();
    assert_eq!(inflater.inflate(&bomb, MAX), Err(InflateError::TooLong { max: MAX }));
    let small = Deflater::new(LEVEL).sync_flushed(&vec![b'a'; MAX]).unwrap();
    let payload = inflater.inflate(&small, MAX).unwrap();
    assert!(payload.capacity() <= MAX + 1, "{}", payload.capacity());
}

/// No block is final, and the flush that every message ends with is cut off.
#[test]
fn messages_end_in_a_sync_flush_at_every_level() {
    let text = "{\"step\":1,\"text\":\"the quick brown fox jumps\"}".repeat(30);
    for level in 1..=9 {
        let mut deflater = Deflater::new(level);
        let one = deflater.deflate(text.as_bytes()).unwrap();
        assert_eq!(deflater.deflate(text.as_bytes()), Some(one.clone()), "level {level}");
        assert_eq!(one.last(), Some(&0));
        let mut decompress = flate2::Decompress::new(false);
        let mut payload = Vec::with_capacity(2 * text.len());
        for part in [&one[..], &TAIL] {
            let flush = flate2::FlushDecompress::Sync;
            let status = decompress.decompress_vec(part, &mut payload, flush).unwrap();
            assert_ne!(status, flate2::Status::StreamEnd, "level {level}");
        }
        assert_eq!(payload, text.as_bytes());
    }
}

#[test]
fn what_does_not_become_a_tenth_smaller_is_not_compressed() {
    let mut deflater = Deflater::new(LEVEL);
    for bytes in [0, 1, 2, 10, 300, 5000, 70_000, 1 << 20] {
        let noise = noise(bytes);
        assert_eq!(deflater.deflate(&noise), None, "{bytes}");
        let whole = deflater.sync_flushed(&noise).unwrap();
        assert_eq!(inflate(&whole), Ok(noise), "{bytes}");
    }
    // Noise and then zeros: the share of zeros decides.
    let saved = |zeros: usize| {
        let mut payload = noise(1000 - zeros);
        payload.resize(1000, 0);
        deflater.deflate(&payload).map(|one| one.len())
    };
    let sizes: Vec<_> = (90..200).map(saved).collect();
    assert!(sizes[0].is_none() && sizes.last() > Some(&Some(800)), "{sizes:?}");
    let largest = sizes.iter().flatten().max();
    assert!(largest.is_some_and(|most| (890..=900).contains(most)), "{sizes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_compressed_is_read_back(
        payload in vec(0..4_u8, 0..3000), level in 1..=9_u32,
    ) {
        let compressed = Deflater::new(level).sync_flushed(&payload).unwrap();
        prop_assert_eq!(inflate(&compressed), Ok(payload));
    }

    #[test]
    fn noise_neither_panics_nor_grows_past_the_limit(bytes in vec(any::<u8>(), 0..300)) {
        if let Ok(payload) = Inflater::default().inflate(&bytes, 1000) {
            prop_assert!(payload.len() <= 1000);
        }
    }
}
