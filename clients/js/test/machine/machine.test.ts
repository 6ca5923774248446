// The small machine parts: time, wakes and the generator. Twin of the tests in crates/machine.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Rng } from "../../src/machine/rng.js";
import { less, since } from "../../src/machine/time.js";

test("time never falls below nothing", () => {
  assert.equal(since(5, 9), 0);
  assert.equal(less(3, 5), 0);
});

test("one seed gives one sequence", () => {
  const [a, b] = [new Rng(7), new Rng(7)];
  for (let n = 0; n < 100; n++) assert.equal(a.nextU32(), b.nextU32());
});

test("between stays inside and reaches both ends", () => {
  const rng = new Rng(1);
  const drawn = new Set(Array.from({ length: 200 }, () => rng.between(10, 12)));
  assert.deepEqual([...drawn].sort(), [10, 11, 12]);
  assert.equal(rng.between(5, 5), 5);
  assert.equal(rng.between(9, 2), 9);
  assert.ok(rng.between(0, 2 ** 32 - 1) < 2 ** 32);
});

test("the first numbers are fixed for every language", () => {
  const rng = new Rng(42);
  const first = [rng.nextU32(), rng.nextU32(), rng.nextU32()];
  assert.deepEqual(first, [939_911_724, 3_948_730_756, 321_366_731]);
});

test("a seed of 32 bits is taken whole", () => {
  assert.equal(new Rng(2 ** 32 - 1).nextU32(), new Rng(-1).nextU32());
});
