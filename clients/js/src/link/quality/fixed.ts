// Twin of crates/link/src/quality/fixed.rs. Arithmetic without fractions. In: integers. Out: powers
// and logarithms of two, the same in every language: nothing here exceeds 2^53, and nothing above
// 2^31 is shifted.
//
// Ratios are counted in 2^24ths (`ONE`), points of the score in 2^16ths (`POINT`). Where the twin
// bounds what comes in, only to stay below 2^53, here what comes out is bounded: beyond it a double
// is still right enough to be too large.

/** The ratio one. */
export const ONE = 1 << 24;
/** One point of the score. */
export const POINT = 1 << 16;

/** Past this many halvings nothing is left. */
const HALVINGS_MAX = 24;
/** Binary digits of what `halved` and `log2` go by. */
const DIGITS = 16;

/** `2^(-times / ONE)` as a ratio: what is left after so many halvings. */
export function halved(times: number): number {
  let rest = times % ONE;
  let left = ONE;
  for (let digit = ONE / 2; digit >= ONE >> DIGITS; digit /= 2) {
    if (rest >= digit) {
      rest -= digit;
      // A root of one half. None is near the middle between two integers, so that any engine's
      // powers round to the numbers that stand in the twin.
      left = product(left, Math.round(2 ** (24 - digit / ONE)));
    }
  }
  // Of so little the power is as good as a line, which falls by ln 2.
  left -= product(left, product(rest, 11_629_080));
  const whole = scaled(times, 1, ONE);
  return whole < HALVINGS_MAX ? left >> whole : 0;
}

/** The logarithm to base two of a ratio of `ONE` or more, in 2^16ths; nothing for a smaller one. */
export function log2(ratio: number): number {
  let rest = Math.max(ratio, ONE);
  let digits = 0;
  for (; rest >= 2 * ONE; rest = scaled(rest, 1, 2)) digits++;
  for (let place = DIGITS; place--; ) {
    rest = product(rest, rest);
    digits *= 2;
    if (rest >= 2 * ONE) {
      rest >>= 1;
      digits++;
    }
  }
  return digits;
}

/**
 * `value` times a ratio, rounded to the nearest. Both together must stay below 2^53: so the product
 * is exact, and so is what dividing it by a power of two gives.
 */
export const product = (value: number, ratio: number): number =>
  Math.round((value * ratio) / ONE);

/** `value` times `by` in units of so much, rounded down. Exact where `value * by` is below 2^53. */
export const scaled = (value: number, by: number, unit: number): number =>
  Math.floor((value * by) / unit);

/** Points as a number from 0 to 100, rounded to the nearest. */
export const wholePoints = (points: number): number => Math.min(Math.round(points / POINT), 100);
