// Sessions that die soon after polling. Twin of the tests in
// crates/link/src/poller/flap_damping.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  recordEarlyLoss,
  clearEarlyLosses,
  isEarlyLoss,
  isHeld,
  newFlapDamping,
} from "../../../src/link/poller/flap_damping.js";

test("the third death in a row holds the next session", () => {
  const flapDamping = newFlapDamping();
  recordEarlyLoss(flapDamping, 0);
  recordEarlyLoss(flapDamping, 50_000);
  assert.ok(!isHeld(flapDamping, 50_000));
  recordEarlyLoss(flapDamping, 90_000);
  assert.ok(isHeld(flapDamping, 90_000));
  clearEarlyLosses(flapDamping);
  assert.ok(!isHeld(flapDamping, 90_000));
});

test("a session that lived a minute is no death", () => {
  assert.ok(isEarlyLoss(59_999));
  assert.ok(!isEarlyLoss(60_000));
});

test("earlyLosses far apart are no row", () => {
  const flapDamping = newFlapDamping();
  const apart = 300_001;
  for (let n = 0; n < 20; n++) recordEarlyLoss(flapDamping, n * apart);
  const last = 19 * apart;
  assert.ok(!isHeld(flapDamping, last));
  recordEarlyLoss(flapDamping, last);
  recordEarlyLoss(flapDamping, last);
  assert.ok(isHeld(flapDamping, last + 300_000), "at the limit");
  assert.ok(!isHeld(flapDamping, last + 300_001), "past it");
});
