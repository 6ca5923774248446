// Sessions that die soon after polling. Twin of the tests in crates/link/src/flaps.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addDeath, newFlaps } from "../../src/link/flaps.js";

test("the third death in a row holds polls", () => {
  const flaps = newFlaps();
  assert.ok(addDeath(flaps, 0, 10));
  assert.ok(addDeath(flaps, 5000, 10));
  assert.equal(flaps.heldUntil, 0);
  assert.ok(addDeath(flaps, 10_000, 10));
  // 300 s for each halving from 2966 to 750: log2(2966/750) is 1.984.
  assert.equal(flaps.heldUntil, 605_065);
});

test("a session that lived a minute does not count", () => {
  const flaps = newFlaps();
  assert.ok(addDeath(flaps, 0, 59_999));
  assert.ok(!addDeath(flaps, 0, 60_000));
  assert.ok(!addDeath(flaps, 0, Infinity), "nor does one that never replaced polling");
  assert.equal(flaps.heldUntil, 0);
});

test("old deaths are forgotten", () => {
  const flaps = newFlaps();
  for (let n = 0; n < 20; n++) addDeath(flaps, n * 600_000, 10);
  assert.equal(flaps.heldUntil, 0, "a quarter is left each time: 1333 at the most");
});

test("polls are never kept up for more than a quarter of an hour", () => {
  const flaps = newFlaps();
  for (let n = 0; n < 100; n++) addDeath(flaps, 5, 10);
  assert.equal(flaps.heldUntil, 900_005);
});
