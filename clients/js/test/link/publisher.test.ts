// Limits at and one past, order, the pace, and what is certain when.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DEFAULTS } from "../../src/link/config.js";
import {
  FRAME_BYTES,
  IN_FLIGHT_BYTES_MAX,
  IN_FLIGHT_MAX,
  type Publisher,
  TRIES_MAX,
} from "../../src/link/publisher.js";
import * as publishers from "../../src/link/publisher.js";
import { Rng } from "../../src/machine/rng.js";
import type { PublishFrame } from "../../src/protocol/frame/client.js";

const CONFIG = { ...DEFAULTS, link: "link-0001", seed: 1 };

/** A publish whose data has so many bytes as JSON. */
const frame = (channel: string, dataBytes: number): PublishFrame => ({
  type: "publish",
  channel,
  event: "progress",
  data: dataBytes > 1 ? "x".repeat(dataBytes - 2) : 7,
});

/** The ids and keys of all that is sent now; ids are counted by `ids`. */
function sent(publisher: Publisher, now: number, ids: { last: number }): [number, number][] {
  const all: [number, number][] = [];
  for (let next; (next = publishers.next(publisher, now, () => ++ids.last)); ) {
    assert.equal(next.kind, "send");
    if (next.kind === "send") all.push([Number(next.frame.id), Number(next.frame.idempotency_key)]);
  }
  return all;
}

function filled(channels: string[]): Publisher {
  const publisher = publishers.newPublisher();
  channels.forEach((channel, n) => publishers.add(publisher, n + 1, frame(channel, 1), CONFIG));
  return publisher;
}

test("as many publishes as allowed and not one more", () => {
  const publisher = publishers.newPublisher();
  for (let ticket = 1; ticket <= 256; ticket++) {
    assert.equal(publishers.add(publisher, ticket, frame("a:1", 1), CONFIG), undefined);
  }
  assert.equal(publishers.add(publisher, 257, frame("a:1", 1), CONFIG), "outbox_full");
  sent(publisher, 0, { last: 0 });
  assert.equal(publishers.takeAnswered(publisher, 1), 1);
  assert.equal(publishers.add(publisher, 257, frame("a:1", 1), CONFIG), undefined);
});

test("as many bytes as allowed and not one more", () => {
  const names = "a:1progress".length;
  const whole = CONFIG.publishBytesMax - names;
  const add = (publisher: Publisher, bytes: number) =>
    publishers.add(publisher, 1, frame("a:1", bytes), CONFIG);
  assert.equal(add(publishers.newPublisher(), whole + 1), "too_large");
  const publisher = publishers.newPublisher();
  assert.equal(add(publisher, whole - names - 1), undefined);
  assert.equal(add(publisher, 2), "outbox_full");
  assert.equal(add(publisher, 1), undefined);
  assert.equal(add(publisher, 1), "outbox_full");
});

test("letters beyond ASCII count as what they take on the wire", () => {
  const config = { ...CONFIG, publishBytesMax: "a:1progress".length + 2 + 9 };
  const add = (data: string) =>
    publishers.add(publishers.newPublisher(), 1, { ...frame("a:1", 1), data }, config);
  assert.equal(add("é诊😀"), undefined);
  assert.equal(add("é诊😀."), "too_large");
});

test("a frame that the server does not take is not sent", () => {
  const publisher = publishers.newPublisher();
  publishers.onWelcome(publisher, 1000);
  const fits = 1000 - FRAME_BYTES - "a:1progressprogress".length;
  publishers.add(publisher, 1, frame("a:1", fits + 1), CONFIG);
  const next = publishers.next(publisher, 0, () => 1);
  assert.deepEqual(next, { kind: "fail", ticket: 1, failure: "too_large" });
  publishers.add(publisher, 2, frame("a:1", fits), CONFIG);
  assert.equal(sent(publisher, 0, { last: 0 }).length, 1);
});

// P-33
test("only so many are under way and one of each channel", () => {
  const ids = { last: 0 };
  const two = filled(Array.from({ length: 20 }, (_, n) => `a:${Math.floor(n / 2)}`));
  const keys = sent(two, 0, ids).map(([, key]) => key);
  assert.deepEqual(keys, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
  assert.equal(publishers.takeAnswered(two, 2), 3);
  assert.deepEqual(sent(two, 0, ids), [[11, 4]]);

  const publisher = filled(Array.from({ length: IN_FLIGHT_MAX + 1 }, (_, n) => `a:${n}`));
  assert.equal(sent(publisher, 0, { last: 0 }).length, IN_FLIGHT_MAX);
  assert.equal(publishers.nextDeadline(publisher, 0), 240_000, "nothing but the end of timeouts");
});

test("large publishes wait for one another", () => {
  const [publisher, ids] = [publishers.newPublisher(), { last: 0 }];
  const half = IN_FLIGHT_BYTES_MAX / 2 - "a:1progress".length;
  [half, half + 1, 3 * half].forEach((bytes, n) => {
    publishers.add(publisher, n + 1, frame(`a:${n + 1}`, bytes), CONFIG);
  });
  for (const id of [1, 2, 3]) {
    assert.deepEqual(sent(publisher, 0, ids), [[id, id]]);
    assert.equal(publishers.takeAnswered(publisher, id), id);
  }
});

test("a burst is followed by a pace", () => {
  const [publisher, ids] = [filled(Array<string>(100).fill("a:1")), { last: 0 }];
  assert.equal(publishers.nextDeadline(publisher, 0), 0);
  let atOnce = 0;
  while (sent(publisher, 0, ids).length) {
    assert.equal(publishers.takeAnswered(publisher, ids.last), ids.last);
    atOnce++;
  }
  // The 41st may be sent at the very instant at which 40 are paid for.
  assert.deepEqual([atOnce, publishers.nextDeadline(publisher, 0)], [41, 25]);
  assert.equal(publishers.nextDeadline(publisher, undefined), Infinity);
  assert.deepEqual(sent(publisher, 24, ids), []);
  assert.deepEqual(sent(publisher, 25, ids), [[42, 42]]);
});

// P-33, P-34
test("what was sent is sent again first with its key", () => {
  const [publisher, ids] = [filled(["a:1", "a:1"]), { last: 0 }];
  assert.deepEqual(sent(publisher, 0, ids), [[1, 1]]);
  publishers.onSessionLost(publisher);
  assert.deepEqual(sent(publisher, 239_999, ids), [[2, 1]]);
  assert.equal(publishers.takeAnswered(publisher, 1), undefined, "an answer of an earlier session");
  assert.equal(publishers.takeOverdue(publisher, 239_999), undefined);
  assert.equal(publishers.takeOverdue(publisher, 240_000), 1);
  assert.deepEqual(sent(publisher, 240_000, ids), [[3, 2]]);
});

test("after sleep of unknown length nothing is sent again but answers count", () => {
  const [publisher, ids] = [filled(["a:1", "b:1", "b:1"]), { last: 0 }];
  assert.equal(sent(publisher, 0, ids).length, 2);
  publishers.onResumed(publisher);
  assert.equal(publishers.takeAnswered(publisher, 1), 1);
  publishers.onSessionLost(publisher);
  const next = publishers.next(publisher, 9, () => 9);
  assert.deepEqual(next, { kind: "fail", ticket: 2, failure: "uncertain" });
  assert.deepEqual(sent(publisher, 9, ids), [[3, 3]]);
});

test("later is tried so often and then told", () => {
  const [publisher, ids] = [filled(["a:1", "a:1"]), { last: 0 }];
  const pauses = [];
  let now = 0;
  const refuse = (id: number) => publishers.refuse(publisher, now, id, true, 0, new Rng(1));
  for (let id = 1; id < TRIES_MAX; id++) {
    assert.deepEqual(sent(publisher, now, ids), [[id, 1]]);
    assert.equal(refuse(id), "again");
    const at = publishers.nextDeadline(publisher, 0);
    pauses.push(at - now);
    assert.deepEqual(sent(publisher, at - 1, ids), []);
    now = at;
  }
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000]);
  assert.deepEqual(sent(publisher, now, ids), [[TRIES_MAX, 1]]);
  assert.equal(refuse(99), "other");
  assert.deepEqual(refuse(TRIES_MAX), { ticket: 1, isUncertain: false });
  assert.deepEqual(publishers.giveUp(publisher), { ticket: 2, failure: "closed" });
  assert.ok(publishers.isEmpty(publisher));
});

// P-34
test("an error says nothing of an earlier time", () => {
  const [publisher, ids] = [filled(["a:1"]), { last: 0 }];
  assert.deepEqual(sent(publisher, 0, ids), [[1, 1]]);
  publishers.onSessionLost(publisher);
  assert.deepEqual(sent(publisher, 9, ids), [[2, 1]]);
  assert.equal(publishers.refuse(publisher, 9, 2, true, 0, new Rng(1)), "again");
  assert.equal(publishers.nextDeadline(publisher, undefined), 240_000, "since it was first sent");
  assert.deepEqual(sent(publisher, 2000, ids), [[3, 1]]);
  const answer = publishers.refuse(publisher, 2000, 3, false, 0, new Rng(1));
  assert.deepEqual(answer, { ticket: 1, isUncertain: true });
});

// P-34
test("what may have come through is uncertain and the rest is not", () => {
  const [publisher, ids] = [filled(["a:1", "a:1", "b:1"]), { last: 0 }];
  assert.deepEqual(sent(publisher, 0, ids), [[1, 1], [2, 3]]);
  assert.equal(publishers.refuse(publisher, 0, 2, true, 0, new Rng(1)), "again");
  publishers.onSessionLost(publisher);
  assert.deepEqual(publishers.giveUp(publisher), { ticket: 1, failure: "uncertain" });
  assert.deepEqual(publishers.giveUp(publisher), { ticket: 2, failure: "closed" });
  assert.deepEqual(publishers.giveUp(publisher), { ticket: 3, failure: "closed" });
  assert.equal(publishers.giveUp(publisher), undefined);
});
