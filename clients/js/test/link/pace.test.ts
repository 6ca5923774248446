// The pace at the limits that servers tell, and what waits for its turn. Twin of
// crates/link/src/pace/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Pace } from "../../src/link/pace.js";

const limits = (frames_per_second?: number, frames_burst?: number) => ({
  message_bytes: 1 << 20,
  ...(frames_per_second !== undefined && { frames_per_second }),
  ...(frames_burst !== undefined && { frames_burst }),
});

const follow = (pace: Pace, channel: string, isKnown = false): void =>
  pace.push({ type: "subscribe", channel, since: "start" }, isKnown);
const leave = (pace: Pace, channel: string): void =>
  pace.push({ type: "unsubscribe", channel }, true);

/** The types of what is sent at that time. */
function sent(pace: Pace, now: number): string[] {
  const all: string[] = [];
  for (let frame; (frame = pace.next(now));) {
    pace.count(now);
    all.push(frame.type);
  }
  return all;
}

// P-69
test("a burst is three quarters of the server's and the rest is paced", () => {
  const cases = [
    [limits(), 150, 25],
    [limits(50, 200), 150, 25],
    [limits(10, 8), 6, 125],
    [limits(0, 0), 1, 1250],
  ] as const;
  for (const [told, atOnce, pause] of cases) {
    const pace = new Pace();
    pace.meet(1_000, told);
    for (let n = 0; n < 200; n++) follow(pace, `a:${n}`);
    assert.equal(sent(pace, 1_000).length, atOnce);
    assert.equal(pace.wake(), 1_000 + pause);
    assert.equal(sent(pace, 1_000 + pause - 1).length, 0);
    assert.equal(sent(pace, 1_000 + pause).length, 1);
    assert.equal(pace.requestAt(1_000 + pause), 1_000 + pause * (200 - atOnce) + pause);
  }
});

// P-69
test("what is undone before its turn is not said", () => {
  const pace = new Pace();
  pace.meet(0, limits(50, 2));
  assert.equal(pace.wake(), Infinity);
  follow(pace, "a:1");
  follow(pace, "b:2");
  leave(pace, "b:2");
  assert.equal(sent(pace, 10_000).length, 1, "the first alone");
  follow(pace, "c:3", true);
  leave(pace, "c:3");
  assert.deepEqual(sent(pace, 20_000), ["unsubscribe"], "the server may follow it");
  follow(pace, "d:4");
  follow(pace, "d:4", true);
  assert.equal(sent(pace, 30_000).length, 1, "the later one says where the app is");
  follow(pace, "e:5");
  pace.part();
  assert.equal(pace.wake(), Infinity);
});
