// What is read, what is ignored, and what is refused; and the table of close codes. Twin of the
// tests in crates/protocol.

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Advice, advice } from "../../src/protocol/close.js";
import { pollAnswer, serverFrame } from "../../src/protocol/codec/json.js";
import {
  isChannelName,
  isEpoch,
  isEventName,
  isLinkId,
  utf8Length,
} from "../../src/protocol/name.js";
import { parseTimestamp } from "../../src/protocol/time.js";

const WELCOME = {
  type: "welcome",
  heartbeat: { interval: 15_000, timeout: 10_000 },
  limits: { message_bytes: 1024 },
  crash_window_ms: 4000,
  server_time: "2026-02-28T00:00:00.000Z",
};
const PLACE = { epoch: "e1", offset: 3 };
const SUBSCRIBED = { type: "subscribed", channel: "a:1", ...PLACE, recovered: true };

const read = (frame: unknown) => serverFrame(JSON.stringify(frame));

// P-1, P-2
test("unknown fields and frames of unknown type are ignored", () => {
  assert.deepEqual(read({ ...WELCOME, extra: [1] }), { ...WELCOME, extra: [1] });
  assert.equal(read({ type: "dance" }), null);
  for (const name of ["toString", "constructor", "__proto__"]) {
    assert.equal(serverFrame(`{"type":"${name}"}`), null);
  }
});

test("what is not a frame is none", () => {
  for (const text of ["", "{", "nonsense", '{"type":"ping"} x', "[1]", "7", "null", '"ping"']) {
    assert.equal(serverFrame(text), undefined, text);
  }
  for (const bad of [
    {},
    { type: 7 },
    { type: "ping", id: {} },
    { ...WELCOME, heartbeat: { interval: 1 } },
    { ...WELCOME, limits: null },
    { ...WELCOME, crash_window_ms: -1 },
    { ...WELCOME, crash_window_ms: 1.5 },
    { ...WELCOME, path_idle_limit_ms: "1" },
    { ...SUBSCRIBED, offset: 2 ** 53 + 2 },
    { ...SUBSCRIBED, recovered: 1 },
    { ...SUBSCRIBED, gap: { from: PLACE } },
    { type: "event", channel: "a:1", offset: 1, event: "progress" },
    { type: "error", code: "internal", message: "", retry: "no" },
  ]) {
    assert.equal(read(bad), undefined, JSON.stringify(bad));
  }
});

test("what may be left out may also be null", () => {
  assert.ok(read({ ...WELCOME, path_idle_limit_ms: null }));
  assert.ok(read({ ...SUBSCRIBED, gap: null, id: 4 }));
  assert.ok(read({ ...SUBSCRIBED, gap: { from: PLACE, to: PLACE, cause: "retention" } }));
  assert.ok(read({ type: "go_away", reason: "drain", after_ms: 0, spread_ms: 0, to: null }));
  assert.ok(read({ type: "event", channel: "a", offset: 1, event: "x", time: "" }));
});

test("an answer to a poll is whole or none", () => {
  const answer = { channel: "a:1", ...PLACE, events: [], final: false, next_poll_ms: 0 };
  const event = { offset: 3, event: "progress", data: { a: 1 }, time: "" };
  assert.ok(pollAnswer(JSON.stringify(answer)));
  assert.ok(pollAnswer(JSON.stringify({ ...answer, events: [event], gap: null })));
  assert.equal(pollAnswer(JSON.stringify({ ...answer, events: [event, {}] })), undefined);
  assert.equal(pollAnswer(JSON.stringify({ ...answer, final: undefined })), undefined);
  assert.equal(pollAnswer("<html>"), undefined);
});

// P-50, P-51, P-52
test("every class of close codes has one advice", () => {
  const table: [number, Advice][] = [
    [1001, "retry_now"],
    [1005, "retry_now"],
    [1006, "retry_now"],
    [1012, "retry_now"],
    [4000, "retry_now"],
    [4099, "retry_now"],
    [1004, "retry_after"],
    [1011, "retry_after"],
    [1013, "retry_after"],
    [4101, "retry_after"],
    [4199, "retry_after"],
    [4999, "retry_after"],
    [3000, "retry_after"],
    [4200, "refresh_token"],
    [4299, "refresh_token"],
    [4300, "move_to"],
    [1000, "never"],
    [1008, "never"],
    [1009, "never"],
    [1010, "never"],
    [4401, "never"],
    [4499, "never"],
  ];
  for (const [code, expected] of table) assert.equal(advice(code), expected, `${code}`);
});

test("a channel is segments joined by colons", () => {
  for (const good of ["alone", "diagnosis:8f3c.v-2_x"]) assert.ok(isChannelName(good), good);
  const bad = ["", ":", "a:", ":a", "a::b", "a b", "a/b", "é", "a\n", "a%3Ab", ".", ".."];
  for (const name of bad) assert.ok(!isChannelName(name), JSON.stringify(name));
});

test("every name has its length limit", () => {
  const of = (length: number) => "a".repeat(length);
  assert.deepEqual([255, 256].map((n) => isChannelName(of(n))), [true, false]);
  assert.deepEqual([7, 8, 64, 65].map((n) => isLinkId(of(n))), [false, true, true, false]);
  assert.deepEqual([0, 1, 64, 65].map((n) => isEpoch(of(n))), [false, true, true, false]);
  assert.deepEqual([0, 1, 128, 129].map((n) => isEventName(of(n))), [false, true, true, false]);
  assert.ok(isEventName("进".repeat(42)) && !isEventName("进".repeat(43)));
  assert.ok(!isEventName("a\nb") && !isEventName("a\u0085"));
});

test("bytes are those of UTF-8", () => {
  for (const text of ["", "abc", "é", "进度", "\u{1F600}", "a\u07FF\u0800"]) {
    assert.equal(utf8Length(text), Buffer.byteLength(text), text);
  }
});

test("a date reads as a server writes it and in no other way", () => {
  for (const time of [0, 1_772_236_800_007, 951_782_399_999]) {
    assert.equal(parseTimestamp(new Date(time).toISOString()), time);
  }
  for (const bad of [
    "",
    "2026-02-28T00:00:00Z",
    "2026-02-28 00:00:00.000Z",
    "2026-02-28T00:00:00.000+00:00",
    "2026-02-30T00:00:00.000Z",
    "2026-02-28T24:00:00.000Z",
    "1969-12-31T23:59:59.999Z",
    "2026-02-28T00:00:00.000\u00e9",
  ]) {
    assert.equal(parseTimestamp(bad), undefined, bad);
  }
});
