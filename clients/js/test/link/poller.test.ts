// How channels are put together into requests. Twin of crates/link/src/poller/tests.rs. P-79

import assert from "node:assert/strict";
import { test } from "node:test";

import { DEFAULTS } from "../../src/link/config.js";
import { type Poller, add, ask, newPoller, next, take } from "../../src/link/poller.js";
import { Rng } from "../../src/machine/rng.js";

const NOW = 100;

/** Polls so many channels. */
function polls(count: number, isKnown: boolean): Poller {
  const poller = newPoller(DEFAULTS, new Rng(1));
  for (let id = 0; id < count; id++) addTo(poller, id, isKnown);
  return poller;
}

function addTo(poller: Poller, id: number, isKnown: boolean): void {
  add(poller, id, NOW);
  poller.channels.at(-1)!.isKnown = isKnown;
}

/** Sends the next request at the first endpoint; how many channels it has. */
function send(poller: Poller, poll: number): number | undefined {
  const batch = next(poller, NOW, 0);
  if (!batch) return undefined;
  for (const old of batch.replaces) take(poller, old, NOW);
  assert.equal(ask(poller, batch, NOW, 25_000, 0, 0), poll);
  return batch.channels.length;
}

test("one request has 128 channels at most", () => {
  const full = polls(128, true);
  assert.deepEqual([send(full, 1), send(full, 2)], [128, undefined]);
  const more = polls(129, true);
  assert.deepEqual([send(more, 1), send(more, 2), send(more, 3)], [128, 1, undefined]);
  const fresh = polls(129, false);
  assert.deepEqual([send(fresh, 1), send(fresh, 2)], [128, undefined], "one at a time");
  for (const one of take(fresh, 1, NOW)![1]) one.isKnown = true;
  assert.equal(send(fresh, 2), 128, "the new one among them");
});

test("a request that waits is joined only where it has room", () => {
  const one = polls(127, true);
  assert.equal(send(one, 1), 127);
  addTo(one, 500, true);
  assert.equal(send(one, 2), 128);
  addTo(one, 501, true);
  assert.equal(send(one, 3), 1);
  assert.deepEqual(
    one.requests.map(({ poll }) => poll),
    [2, 3],
  );
});
