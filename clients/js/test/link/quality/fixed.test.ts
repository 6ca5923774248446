// The arithmetic of the score, against the same without a limit to its integers: what Rust counts
// in 64 bits, doubles must give to the last digit. And against real numbers, within its errors.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ONE, POINT, halved, log2, product, wholePoints } from "../../../src/link/quality/fixed.js";

const ROOTS = [
  11_863_283n, 14_107_901n, 15_384_775n, 16_065_917n, 16_417_715n, 16_596_492n, 16_686_609n,
  16_731_851n, 16_754_518n, 16_765_863n, 16_771_539n, 16_774_377n, 16_775_796n, 16_776_506n,
  16_776_861n, 16_777_039n,
];
const WHOLE = BigInt(ONE);

const exactProduct = (value: bigint, ratio: bigint): bigint =>
  (value * ratio + WHOLE / 2n) / WHOLE;

function exactHalved(times: bigint): bigint {
  let [rest, digit, left] = [times % WHOLE, WHOLE, WHOLE];
  for (const root of ROOTS) {
    digit /= 2n;
    if (rest >= digit) {
      rest -= digit;
      left = exactProduct(left, root);
    }
  }
  left -= exactProduct(left, exactProduct(rest, 11_629_080n));
  for (let whole = times / WHOLE; whole > 0n; whole--) left /= 2n;
  return left;
}

function exactLog2(ratio: bigint): bigint {
  let [rest, digits] = [ratio, 0n];
  for (; rest >= 2n * WHOLE; rest /= 2n) digits++;
  for (let place = 0; place < 16; place++) {
    rest = exactProduct(rest, rest);
    digits = 2n * digits + (rest >= 2n * WHOLE ? 1n : 0n);
    if (rest >= 2n * WHOLE) rest /= 2n;
  }
  return digits;
}

test("powers are those of whole numbers, right to a millionth, and never rise", () => {
  let before = ONE;
  for (let step = 0; step < 50_000; step++) {
    const times = step * 8159;
    const left = halved(times);
    assert.equal(BigInt(left), exactHalved(BigInt(times)), `${times}`);
    assert.ok(Math.abs(left / ONE - 2 ** (-times / ONE)) < 2 ** -20, `${times}`);
    assert.ok(left <= before, `${times} leaves more than less time did`);
    before = left;
  }
  assert.deepEqual([halved(0), halved(ONE), halved(24 * ONE)], [ONE, ONE / 2, 0]);
  assert.equal(halved(2 ** 53), 0);
});

test("logarithms are those of whole numbers, right, and never fall", () => {
  let before = 0;
  for (let step = 0; step < 50_000; step++) {
    const ratio = ONE + step * 5023;
    const log = log2(ratio);
    assert.equal(BigInt(log), exactLog2(BigInt(ratio)), `${ratio}`);
    assert.ok(Math.abs(log / 65_536 - Math.log2(ratio / ONE)) < 2 ** -15, `${ratio}`);
    assert.ok(log >= before, `${ratio} has a smaller logarithm than less had`);
    before = log;
  }
  const edges = [0, ONE, 2 * ONE, 16 * ONE].map(log2);
  assert.deepEqual(edges, [0, 0, 65_536, 4 * 65_536]);
});

test("products are exact up to their limit of 2^53", () => {
  const values = [0, 1, 3, 45 * POINT, 100 * POINT, 2 ** 28, 2 ** 29 - 1, 2 ** 25 + 7];
  const ratios = [0, 1, ONE / 2, ONE / 2 + 1, ONE - 1, ONE, 11_863_283];
  for (const value of values) {
    for (const ratio of ratios) {
      const exact = exactProduct(BigInt(value), BigInt(ratio));
      assert.equal(BigInt(product(value, ratio)), exact, `${value} times ${ratio}`);
    }
  }
});

test("points are rounded", () => {
  assert.equal(wholePoints(POINT * 84 + POINT / 2), 85);
  assert.equal(wholePoints(POINT * 85 - POINT / 2 - 1), 84);
  assert.equal(wholePoints(2 ** 53), 100);
});
