// Sessions that die soon after polling. Twin of the tests in crates/link/src/flaps.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addDeath, clearFlaps, isDeath, isHeld, newFlaps } from "../../src/link/flaps.js";

test("the third death in a row holds the next session", () => {
  const flaps = newFlaps();
  addDeath(flaps, 0);
  addDeath(flaps, 50_000);
  assert.ok(!isHeld(flaps, 50_000));
  addDeath(flaps, 90_000);
  assert.ok(isHeld(flaps, 90_000));
  clearFlaps(flaps);
  assert.ok(!isHeld(flaps, 90_000));
});

test("a session that lived a minute is no death", () => {
  assert.ok(isDeath(59_999));
  assert.ok(!isDeath(60_000));
});

test("deaths far apart are no row", () => {
  const flaps = newFlaps();
  const apart = 300_001;
  for (let n = 0; n < 20; n++) addDeath(flaps, n * apart);
  const last = 19 * apart;
  assert.ok(!isHeld(flaps, last));
  addDeath(flaps, last);
  addDeath(flaps, last);
  assert.ok(isHeld(flaps, last + 300_000), "at the limit");
  assert.ok(!isHeld(flaps, last + 300_001), "past it");
});
