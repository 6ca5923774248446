// How channels are put together into requests. Twin of crates/link/src/poll/tests.rs. P-79

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Polls } from "../../src/link/poll.js";
import { newPoll, newPolls, next, take } from "../../src/link/poll.js";

const NOW = 100;

const polls = (count: number, isKnown: boolean): Polls =>
  newPolls(Array.from({ length: count }, (_, id) => newPoll(id, isKnown, NOW)));

/** Sends the next request at the first endpoint; how many channels it has. */
function send(of: Polls, poll: number): number | undefined {
  const batch = next(of, NOW, 0);
  if (!batch) return undefined;
  for (const old of batch.replaces) take(of, old, NOW);
  for (const one of batch.channels) one.asked = poll;
  const { length } = batch.channels;
  const when = { at: NOW, until: NOW + 35_000, tokenVersion: 0 };
  const request = { poll, endpoint: 0, isLong: batch.isLong, isGrouped: length > 1, ...when };
  of.requests = [...of.requests, request];
  return length;
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
  one.channels.push(newPoll(500, true, NOW));
  assert.equal(send(one, 2), 128);
  one.channels.push(newPoll(501, true, NOW));
  assert.equal(send(one, 3), 1);
  assert.deepEqual(
    one.requests.map(({ poll }) => poll),
    [2, 3],
  );
});
