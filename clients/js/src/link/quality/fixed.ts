// Twin of crates/link/src/quality/fixed.rs. Arithmetic without fractions. In: integers. Out: powers
// and logarithms of two, the same in every language: nothing here exceeds 2^53, and nothing above
// 2^31 is shifted.
//
// Ratios are counted in 2^24ths (`ONE`), points of the score in 2^16ths (`POINT`).

/** The ratio one. */
export const ONE = 1 << 24;
/** One point of the score. */
export const POINT = 1 << 16;

/** Past this many halvings nothing is left. */
const HALVINGS_MAX = 24;
/** 2^(-1/2), 2^(-1/4), 2^(-1/8) and so on to 2^(-1/65536), as ratios. */
const ROOTS = [
  11_863_283, 14_107_901, 15_384_775, 16_065_917, 16_417_715, 16_596_492, 16_686_609, 16_731_851,
  16_754_518, 16_765_863, 16_771_539, 16_774_377, 16_775_796, 16_776_506, 16_776_861, 16_777_039,
];
/** Binary digits of a logarithm. */
const DIGITS = 16;

/** `2^(-times / ONE)` as a ratio: what is left after so many halvings. */
export const halved = (times: number): number => {
  const whole = Math.floor(times / ONE);
  if (whole >= HALVINGS_MAX) return 0;
  let rest = times % ONE;
  let digit = ONE;
  let left = ONE;
  for (const root of ROOTS) {
    digit /= 2;
    if (rest >= digit) {
      rest -= digit;
      left = product(left, root);
    }
  }
  // Of so little the power is as good as a line, which falls by ln 2.
  return (left - product(left, product(rest, 11_629_080))) >> whole;
};

/**
 * The logarithm to base two of a ratio of `ONE` or more and at most 2^28, in 2^16ths; nothing for a
 * smaller one.
 */
export const log2 = (ratio: number): number => {
  let rest = Math.max(ratio, ONE);
  let digits = 0;
  for (; rest >= 2 * ONE; rest >>= 1) digits++;
  for (let place = 0; place < DIGITS; place++) {
    rest = product(rest, rest);
    digits *= 2;
    if (rest >= 2 * ONE) {
      rest >>= 1;
      digits++;
    }
  }
  return digits;
};

/**
 * `value` times a ratio, rounded to the nearest. Both together must stay below 2^53: so the product
 * is exact, and so is what dividing it by a power of two gives.
 */
export const product = (value: number, ratio: number): number =>
  Math.round((value * ratio) / ONE);

/** Points as a number from 0 to 100, rounded to the nearest. */
export const wholePoints = (points: number): number => Math.min(Math.round(points / POINT), 100);
