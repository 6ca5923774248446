// Single lives of a link, told to the machine alone, and the codes beside the catalogue.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import type { Clue, Message } from "../../src/link/message.js";
import * as catalogue from "../../src/link/message.js";
import { ROWS, SEVERITIES } from "../../src/link/message/code.js";
import type { LinkState, Reason } from "../../src/link/state.js";

class Life {
  readonly messages = catalogue.newMessages();
  /** What was to be seen, and from when on. */
  readonly all: [number, string][] = [];
  now = 0;

  constructor() {
    this.enter(0, "connected", "welcomed");
  }

  pass(until: number): void {
    for (let at; (at = catalogue.wake(this.messages) ?? Infinity) <= until; ) {
      assert.ok(at > this.now, "woken in vain");
      this.now = at;
      assert.ok(this.review(), "woken in vain");
    }
    this.now = until;
  }

  review(nextTry?: number): boolean {
    const isChanged = catalogue.review(this.messages, this.now, nextTry);
    if (isChanged) this.all.push([this.now, word(catalogue.message(this.messages))]);
    return isChanged;
  }

  enter(at: number, state: LinkState, reason: Reason): void {
    this.pass(at);
    catalogue.enter(this.messages, at, state, reason);
    this.review();
  }

  end(at: number, clue: Clue, reason: Reason = "lost"): void {
    this.pass(at);
    catalogue.onClue(this.messages, at, clue);
    this.enter(at, "reconnecting", reason);
  }

  onClue(at: number, clue: Clue): void {
    this.pass(at);
    catalogue.onClue(this.messages, at, clue);
    this.review();
  }

  seen(until: number): [number, string][] {
    this.pass(until);
    return this.all;
  }
}

const word = (message: Message | null): string =>
  message ? `${message.code} ${message.severity}` : "-";

test("codes are those of the catalogue, from the least severe to the most", () => {
  const path = new URL("../../../../../messages/catalogue.json", import.meta.url);
  const rows = JSON.parse(readFileSync(path, "utf8")) as { [field: string]: unknown }[];
  const expected = rows.map((row) => {
    return [row["code"], row["severity"], row["show_after_ms"], row["auto_heals"]];
  });
  const ours = ROWS.map(([code, severity, showAfter, heals]) => {
    return [code, SEVERITIES[severity], showAfter, heals];
  });
  assert.deepEqual(ours, expected);
  const severities = ROWS.map((row) => row[1]);
  assert.deepEqual(severities, [...severities].sort());
});

test("a blip of two seconds shows nothing, however often", () => {
  const life = new Life();
  for (let n = 1; n < 20; n++) {
    life.end(n * 10_000, "no_word");
    life.enter(n * 10_000 + 2000, "connected", "welcomed");
  }
  assert.deepEqual(life.seen(500_000), []);
});

test("small after three seconds, a banner after ten, and well again for two", () => {
  const life = new Life();
  life.end(1000, "no_word");
  life.enter(13_000, "connected", "welcomed");
  assert.deepEqual(life.seen(500_000), [
    [4000, "LINK_RECONNECTING info"],
    [11_000, "LINK_RECONNECTING warn"],
    [13_000, "RECOVERED info"],
    [15_000, "-"],
  ]);
});

test("no network outdoes the server", () => {
  const life = new Life();
  life.end(0, "busy");
  life.enter(4000, "disconnected", "offline");
  life.onClue(6000, "busy");
  life.enter(20_000, "reconnecting", "network_restored");
  assert.deepEqual(life.seen(100_000), [
    [3000, "SRV_BUSY info"],
    [4000, "-"],
    [8000, "NET_OFFLINE info"],
    [13_000, "NET_OFFLINE warn"],
    [20_000, "LINK_RECONNECTING warn"],
  ]);
});

// P-106.
test("a slow link is not told while polls go unanswered", () => {
  const life = new Life();
  life.onClue(0, "poor");
  life.enter(40_000, "fallback", "websocket_blocked");
  life.onClue(41_000, "stalled");
  life.onClue(42_000, "not_stalled");
  life.onClue(50_000, "stalled");
  life.onClue(65_000, "not_stalled");
  life.enter(70_000, "connected", "welcomed");
  assert.deepEqual(life.seen(500_000), [
    [30_000, "LINK_SLOW info"],
    [41_000, "-"],
    [43_000, "LINK_FALLBACK info"],
    [50_000, "-"],
    [53_000, "LINK_RECONNECTING info"],
    [60_000, "LINK_RECONNECTING warn"],
    [65_000, "LINK_FALLBACK info"],
    // Events had flowed again before: there is no word that all is well again.
    [70_000, "-"],
    [95_000, "LINK_SLOW info"],
  ]);
});

test("a busy server says when, and another end unsays it", () => {
  const life = new Life();
  life.end(0, "busy");
  life.review(4500);
  life.pass(3000);
  const busy = { code: "SRV_BUSY", severity: "info", retryInMs: 1500 };
  assert.deepEqual(catalogue.message(life.messages), busy);
  life.onClue(5000, "no_word");
  assert.deepEqual(life.seen(9000).slice(1), [[5000, "-"], [8000, "LINK_RECONNECTING info"]]);
});

test("polling is told once it lasts and a gap for a while", () => {
  const life = new Life();
  life.end(0, "no_word");
  life.enter(1000, "fallback", "websocket_blocked");
  life.onClue(20_000, "gap");
  life.enter(60_000, "connected", "welcomed");
  assert.deepEqual(life.seen(100_000), [
    [4000, "LINK_FALLBACK info"],
    [20_000, "GAP_LOST warn"],
    [50_000, "LINK_FALLBACK info"],
    [60_000, "-"],
  ]);
});

test("a network that was poor in an outage gets another chance", () => {
  const life = new Life();
  life.end(0, "no_word");
  life.onClue(1000, "poor");
  life.enter(60_000, "connected", "welcomed");
  life.onClue(95_000, "not_poor");
  assert.deepEqual(life.seen(100_000).slice(2), [
    [60_000, "RECOVERED info"],
    [62_000, "-"],
    [90_000, "LINK_SLOW info"],
    [95_000, "-"],
  ]);
});

test("a rejection is told by its cause until the app asks anew", () => {
  const causes: [Clue, string][] = [
    ["token_missing", "AUTH_REQUIRED block"],
    ["token_refused", "AUTH_EXPIRED block"],
    ["disconnected", "DISCONNECTED block"],
    ["clock_wrong", "CLOCK_SKEW block"],
    ["replaced", "REPLACED block"],
    ["refused", "POLICY block"],
  ];
  for (const [clue, seen] of causes) {
    const life = new Life();
    life.onClue(1000, clue);
    life.enter(1000, "disconnected", "rejected");
    life.onClue(2000, "refused");
    life.enter(60_000, "connecting", "asked");
    life.enter(61_000, "connected", "welcomed");
    const well = [[61_000, "RECOVERED info"], [63_000, "-"]];
    assert.deepEqual(life.seen(100_000), [[1000, seen], [60_000, "-"], ...well]);
  }
});

test("a portal needs people, so it is never small", () => {
  const life = new Life();
  life.end(0, "portal", "unreachable");
  life.enter(9000, "disconnected", "closed");
  assert.deepEqual(life.seen(100_000), [[3000, "CAPTIVE block"], [9000, "-"]]);
});

test("sleep ages no outage", () => {
  const life = new Life();
  life.end(0, "no_word");
  life.now = 3_600_000;
  catalogue.sleep(life.messages, 3_597_000);
  life.review();
  assert.deepEqual(life.seen(3_610_000), [
    [3_600_000, "LINK_RECONNECTING info"],
    [3_607_000, "LINK_RECONNECTING warn"],
  ]);
});
