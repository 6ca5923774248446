// The verdict on what was handed over: it must see what is wrong.

import assert from "node:assert/strict";
import { test } from "node:test";
import { REPLACED_MAX, missing, order, replacedAt } from "../audit.js";
import type { EventEntry } from "../journal.js";
import type { Kept } from "../server.js";

const begins = (offset: number): Kept => ({
  offset,
  event: "progress",
  data: { percent: offset, check: "power" },
});
const moves = (offset: number): Kept => ({ offset, event: "progress", data: { percent: offset } });
const ends = (offset: number): Kept => ({ offset, event: "complete", data: { is_done: true } });
const KEPT = [begins(1), moves(2), moves(3), begins(4), moves(5), moves(6), ends(7)];

const handed = (event: Kept, epoch = "a"): EventEntry => ({
  ...event,
  kind: "event",
  epoch,
  sentAt: 0,
  gotAt: 0,
});
const all = (offsets: number[]): EventEntry[] =>
  KEPT.filter(({ offset }) => offsets.includes(offset)).map((event) => handed(event));

test("events that came once and in order are in order", () => {
  const seen = order(all([1, 2, 3, 4, 5, 6, 7]));
  assert.deepEqual(seen, { count: 7, doubled: 0, skipped: [] });
});

test("offsets that were passed over are told as ranges", () => {
  assert.deepEqual(order(all([1, 4, 6, 7])).skipped, [[2, 3], [5, 5]]);
  assert.deepEqual(order(all([3, 4])).skipped, [[1, 2]]);
});

test("an update that a newer one replaced was sent between the two that came", () => {
  const at = (offset: number, sentAt: number, epoch = "a"): EventEntry => ({
    ...handed(moves(offset), epoch),
    sentAt,
  });
  assert.deepEqual(replacedAt([at(1, 1_000), at(4, 4_000), at(5, 9_000)]), [2_000, 3_000]);
  assert.deepEqual(replacedAt([at(3, 1_000), at(2, 1_500), at(4, 2_000)]), []);
  assert.deepEqual(replacedAt([at(1, 1_000), at(4, 4_000, "b")]), []);
  assert.deepEqual(replacedAt([at(1, 1_000), { kind: "gap", gotAt: 1 }, at(4, 4_000)]), []);
  assert.equal(replacedAt([at(1, 0), at(REPLACED_MAX + 2, 1_000)]).length, REPLACED_MAX);
  assert.equal(replacedAt([at(1, 0), at(REPLACED_MAX + 3, 1_000)]).length, REPLACED_MAX);
});

test("an event that comes again, or late, is seen", () => {
  const [one, two, three] = all([1, 2, 3]) as [EventEntry, EventEntry, EventEntry];
  assert.equal(order([one, two, two, three]).doubled, 1);
  assert.equal(order([one, three, two]).doubled, 1);
  assert.equal(order([one, two, three, one, two, three]).doubled, 3);
});

test("another numbering begins anew", () => {
  const [one, two] = all([1, 2]) as [EventEntry, EventEntry];
  assert.equal(order([one, two, { ...one, epoch: "b" }, { ...two, epoch: "b" }]).doubled, 0);
});

test("nothing is missing where all came, or only outdated percentages did not", () => {
  assert.deepEqual(missing(all([1, 2, 3, 4, 5, 6, 7]), KEPT), []);
  assert.deepEqual(missing(all([1, 4, 6, 7]), KEPT), []);
});

test("what may not be left out is missed", () => {
  assert.deepEqual(missing(all([2, 3, 4, 5, 6, 7]), KEPT), [1]);
  assert.deepEqual(missing(all([1, 2, 3, 5, 6]), KEPT), [4, 7]);
  // The newest percentage stands in for the others, and nothing for it.
  assert.deepEqual(missing(all([1, 4, 5, 7]), KEPT), [6]);
  assert.deepEqual(missing([], KEPT), [1, 4, 6, 7]);
});

test("an event that is not what the server has counts as missing", () => {
  const changed = all([1, 2, 3, 4, 5, 6, 7]);
  changed[3] = { ...handed(begins(4)), data: { percent: 5, check: "power" } };
  assert.deepEqual(missing(changed, KEPT), [4]);
});
