//! Arithmetic without fractions. In: integers. Out: powers and logarithms of two, the same in
//! every language: nothing here exceeds 2^53, and nothing is shifted beyond 32 bits.
//!
//! Ratios are counted in 2^24ths ([`ONE`]), points of the score in 2^16ths ([`POINT`]). Greatest
//! errors, held by tests: 2^-20 for [`halved`], 2^-15 for [`log2`].

/// The ratio one.
pub(crate) const ONE: u64 = 1 << 24;
/// One point of the score.
pub(crate) const POINT: u64 = 1 << 16;

/// Past this many halvings nothing is left.
const HALVINGS_MAX: u64 = 24;
/// 2^(-1/2), 2^(-1/4), 2^(-1/8) and so on to 2^(-1/65536), as ratios.
const ROOTS: [u64; 16] = [
    11_863_283, 14_107_901, 15_384_775, 16_065_917, 16_417_715, 16_596_492, 16_686_609, 16_731_851,
    16_754_518, 16_765_863, 16_771_539, 16_774_377, 16_775_796, 16_776_506, 16_776_861, 16_777_039,
];
/// Binary digits of a logarithm.
const DIGITS: u32 = 16;

/// `2^(-times / ONE)` as a ratio: what is left after so many halvings.
pub(crate) fn halved(times: u64) -> u64 {
    let whole = times / ONE;
    if whole >= HALVINGS_MAX {
        return 0;
    }
    let (mut rest, mut digit, mut left) = (times % ONE, ONE, ONE);
    for root in ROOTS {
        digit /= 2;
        if rest >= digit {
            rest -= digit;
            left = product(left, root);
        }
    }
    // Of so little the power is as good as a line, which falls by ln 2.
    left -= product(left, product(rest, 11_629_080));
    (0..whole).fold(left, |left, _| left / 2)
}

/// The logarithm to base two of a ratio of [`ONE`] or more and at most 2^28, in 2^16ths; nothing
/// for a smaller one.
pub(crate) fn log2(ratio: u64) -> u64 {
    let mut rest = ratio.max(ONE);
    let mut whole = 0;
    while rest >= 2 * ONE {
        rest /= 2;
        whole += 1;
    }
    (0..DIGITS).fold(whole, |digits, _| {
        rest = product(rest, rest);
        let is_one = rest >= 2 * ONE;
        if is_one {
            rest /= 2;
        }
        2 * digits + u64::from(is_one)
    })
}

/// `value` times a ratio, rounded to the nearest. Both together must stay below 2^53.
pub(crate) const fn product(value: u64, ratio: u64) -> u64 {
    (value * ratio + ONE / 2) / ONE
}

/// Points as a number from 0 to 100, rounded to the nearest.
pub(crate) fn whole_points(points: u64) -> u8 {
    u8::try_from((points + POINT / 2) / POINT).unwrap_or(100).min(100)
}

#[cfg(test)]
mod tests {
    use super::{ONE, POINT, halved, log2, whole_points};

    const ONE_F: f64 = 16_777_216.0;

    fn real(n: u64) -> f64 {
        f64::from(u32::try_from(n).unwrap())
    }

    #[test]
    fn powers_are_right_to_a_millionth_and_never_rise() {
        let mut before = ONE;
        for step in 0..200_000_u64 {
            let times = step * 2039;
            let left = halved(times);
            let error = (real(left) / ONE_F - (-real(times) / ONE_F).exp2()).abs();
            assert!(error < 2.0_f64.powi(-20), "{times}: {error}");
            assert!(left <= before, "{times} leaves more than less time did");
            before = left;
        }
        assert_eq!((halved(0), halved(ONE), halved(24 * ONE)), (ONE, ONE / 2, 0));
        assert_eq!(halved(u64::MAX), 0);
    }

    #[test]
    fn logarithms_are_right_and_never_fall() {
        let mut before = 0;
        for step in 0..200_000_u64 {
            let ratio = ONE + step * 1259;
            let log = log2(ratio);
            let error = (real(log) / 65_536.0 - (real(ratio) / ONE_F).log2()).abs();
            assert!(error < 2.0_f64.powi(-15), "{ratio}: {error}");
            assert!(log >= before, "{ratio} has a smaller logarithm than less had");
            before = log;
        }
        assert_eq!((log2(0), log2(ONE), log2(2 * ONE), log2(16 * ONE)), (0, 0, 65_536, 4 * 65_536));
    }

    #[test]
    fn points_are_rounded() {
        assert_eq!(whole_points(POINT * 84 + POINT / 2), 85);
        assert_eq!(whole_points(POINT * 85 - POINT / 2 - 1), 84);
        assert_eq!(whole_points(u64::MAX - POINT), 100);
    }
}
