// The pace at the limits that servers tell, and what waits for its turn. Twin of
// crates/link/src/pacer/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { FramePacer } from "../../src/link/pacer.js";
import * as pacers from "../../src/link/pacer.js";

const limits = (frames_per_second?: number, frames_burst?: number) => ({
  message_bytes: 1 << 20,
  ...(frames_per_second !== undefined && { frames_per_second }),
  ...(frames_burst !== undefined && { frames_burst }),
});

const follow = (pacer: FramePacer, channel: string, isKnown = false): void =>
  pacers.push(pacer, { type: "subscribe", channel, since: "start" }, isKnown);
const leave = (pacer: FramePacer, channel: string): void =>
  pacers.push(pacer, { type: "unsubscribe", channel }, true);

/** The types of what is sent at that time. */
function sent(pacer: FramePacer, now: number): string[] {
  const all: string[] = [];
  for (let frame; (frame = pacers.next(pacer, now));) {
    pacers.onSent(pacer, now);
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
    const pacer = pacers.newFramePacer();
    pacers.onWelcome(pacer, 1_000, told);
    for (let n = 0; n < 200; n++) follow(pacer, `a:${n}`);
    assert.equal(sent(pacer, 1_000).length, atOnce);
    assert.equal(pacers.nextDeadline(pacer), 1_000 + pause);
    assert.equal(sent(pacer, 1_000 + pause - 1).length, 0);
    assert.equal(sent(pacer, 1_000 + pause).length, 1);
    assert.equal(pacers.requestAt(pacer, 1_000 + pause), 1_000 + pause * (200 - atOnce) + pause);
  }
});

// P-69
test("what is undone before its turn is not said", () => {
  const pacer = pacers.newFramePacer();
  pacers.onWelcome(pacer, 0, limits(50, 2));
  assert.equal(pacers.nextDeadline(pacer), Infinity);
  follow(pacer, "a:1");
  follow(pacer, "b:2");
  leave(pacer, "b:2");
  assert.equal(sent(pacer, 10_000).length, 1, "the first alone");
  follow(pacer, "c:3", true);
  leave(pacer, "c:3");
  assert.deepEqual(sent(pacer, 20_000), ["unsubscribe"], "the server may follow it");
  follow(pacer, "d:4");
  follow(pacer, "d:4", true);
  assert.equal(sent(pacer, 30_000).length, 1, "the later one says where the app is");
  follow(pacer, "e:5");
  pacers.onSessionLost(pacer);
  assert.equal(pacers.nextDeadline(pacer), Infinity);
});
