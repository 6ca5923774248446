// What is remembered, how much of it, and what a reload leaves.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CHANGES_MAX, ENTRIES_MAX, Journal, shownState } from "../journal.js";

const event = (offset: number, time = new Date(1_000).toISOString()) => ({
  channel: "diagnosis:1",
  epoch: "a",
  offset,
  event: "progress",
  data: { percent: offset },
  time,
});

const reloaded = (journal: Journal, savedAt: number, now: number): Journal =>
  Journal.of(JSON.parse(JSON.stringify(journal.record(savedAt))), now);

test("a link that rests because its job is done has finished, and is not disconnected", () => {
  assert.equal(shownState({ state: "disconnected", reason: "finished" }), "finished");
  assert.equal(shownState({ state: "disconnected", reason: "offline" }), "disconnected");
  assert.equal(shownState({ state: "connected", reason: "welcomed" }), "connected");
});

test("a reload keeps the channel, the events and the end", () => {
  const journal = new Journal();
  journal.follow("diagnosis:1");
  journal.hand(event(1), 1_500);
  journal.miss(1_600);
  journal.finish();
  const again = reloaded(journal, 2_000, 3_000);
  assert.equal(again.channel, "diagnosis:1");
  assert.equal(again.isFinished, true);
  assert.deepEqual(again.entries, journal.entries);
});

test("time without a page is told as a reload without a link", () => {
  const journal = new Journal();
  journal.enter("connected", "welcomed", 1_000);
  journal.mark("cut", true, 1_500);
  const again = reloaded(journal, 2_000, 3_000);
  assert.deepEqual(again.faults, [
    { fault: "cut", from: 1_500, to: 2_000 },
    { fault: "reloaded", from: 2_000, to: 3_000 },
  ]);
  assert.deepEqual(again.states.at(-1), { state: "disconnected", reason: "closed", at: 2_000 });
});

test("what is not ours is not read", () => {
  for (const stored of [null, undefined, 7, "text", {}, { version: 99 }]) {
    assert.deepEqual(Journal.of(stored, 1_000), new Journal());
  }
});

test("nothing arrives before it was sent, whatever two clocks say", () => {
  const journal = new Journal();
  journal.hand(event(1, new Date(5_000).toISOString()), 4_000);
  assert.equal(journal.events()[0]?.sentAt, 4_000);
});

test("a fault that lasts is one fault", () => {
  const journal = new Journal();
  journal.mark("blocked", false, 1_000);
  journal.mark("blocked", true, 2_000);
  journal.mark("blocked", true, 3_000);
  journal.mark("cut", true, 3_500);
  journal.mark("blocked", false, 4_000);
  journal.mark("blocked", true, 5_000);
  assert.deepEqual(journal.faults, [
    { fault: "blocked", from: 2_000, to: 4_000 },
    { fault: "cut", from: 3_500, to: null },
    { fault: "blocked", from: 5_000, to: null },
  ]);
});

test("an event that came twice is listed twice", () => {
  const journal = new Journal();
  journal.hand(event(1), 1_000);
  journal.hand(event(1), 1_000);
  assert.equal(journal.events().length, 2);
});

test("so much is remembered, and then the oldest goes", () => {
  const journal = new Journal();
  for (let offset = 1; offset <= ENTRIES_MAX; offset++) journal.hand(event(offset), 1_000);
  assert.equal(journal.events()[0]?.offset, 1);
  journal.hand(event(ENTRIES_MAX + 1), 1_000);
  assert.deepEqual([journal.events()[0]?.offset, journal.entries.length], [2, ENTRIES_MAX]);

  for (let at = 0; at <= CHANGES_MAX; at++) {
    journal.enter("connected", "welcomed", at);
    journal.strike("crashed", at);
  }
  assert.deepEqual([journal.states[0]?.at, journal.states.length], [1, CHANGES_MAX]);
  assert.deepEqual([journal.faults[0]?.from, journal.faults.length], [1, CHANGES_MAX]);
});

test("another channel begins with an empty list", () => {
  const journal = new Journal();
  journal.follow("diagnosis:1");
  journal.hand(event(1), 1_000);
  journal.finish();
  journal.follow("diagnosis:2");
  assert.deepEqual([journal.entries, journal.isFinished], [[], false]);
});
