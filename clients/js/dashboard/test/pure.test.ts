// What the dashboard computes without a browser: routes, rates, numbers as text, the pace, the
// strip of a timeline, and that both languages say the same.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, duration, figure, percent } from "../format.js";
import type { TimelineEntry } from "../model.js";
import { Pace } from "../pace.js";
import { type Route, fragmentOf, routeOf } from "../route.js";
import { Samples } from "../samples.js";
import { stretchesOf } from "../view/story.js";
import { LANGUAGES, fill, preferredLanguage, wordsOf } from "../words.js";

test("a route comes back from its fragment", () => {
  const routes: Route[] = [
    { page: "overview" },
    { page: "connections", filters: {} },
    { page: "connections", filters: { user: "a&b=c/ä", grade: "poor" } },
    { page: "connection", id: "0-1f-2.ab" },
    { page: "channels" },
    { page: "channel", name: "build:1/%2F" },
    { page: "nodes" },
  ];
  for (const route of routes) assert.deepEqual(routeOf(fragmentOf(route)), route);
  for (const none of ["", "#", "#/nothing", "#/overview/x"]) {
    assert.deepEqual(routeOf(none), { page: "overview" }, none);
  }
  assert.deepEqual(routeOf("#/connections?other=1&user="), { page: "connections", filters: {} });
  assert.deepEqual(routeOf("#/channels/%ff"), { page: "channel", name: "%ff" });
});

test("counters become rates, and a restart leaves a hole", () => {
  const samples = new Samples(10_000, 4);
  const add = (atMs: number, total: number): void =>
    samples.add({ atMs, gauges: { now: total }, counters: { total } });
  assert.equal(samples.rateNow("total", 1_000), null);
  add(1_000, 10);
  add(3_000, 30);
  add(5_000, 5);
  add(7_000, 9);
  assert.deepEqual(samples.rate("total"), [[1, 3, 5, 7], [null, 10, null, 2]]);
  assert.equal(samples.rateNow("total", 2_000), 2);
  add(7_899, 99);
  add(9_000, 9);
  assert.deepEqual(samples.gauge("now")[0], [3, 5, 7, 9], "so many readings at most");
  add(16_000, 9);
  assert.deepEqual(samples.gauge("now")[0], [7, 9, 16], "and so old");
});

test("numbers are short, and never say more than is so", () => {
  const figures = [0, 3.14159, 42.42, 1234.5].map((one) => figure(one, "en"));
  assert.deepEqual(figures, ["0", "3.14", "42.4", "1,235"]);
  const sizes = [0, 1023, 1024, 1_572_864].map((one) => bytes(one, "en"));
  assert.deepEqual(sizes, ["0 B", "1,023 B", "1 KiB", "1.5 MiB"]);
  const shares = [99.999, 100, 0, null].map((one) => percent(one, "en"));
  assert.deepEqual(shares, ["99.99%", "100%", "0%", "–"]);
  const times = [0, 59, 60, 3_725, 90_000].map((one) => duration(one, "en"));
  assert.deepEqual(times, ["0 s", "59 s", "1 min", "1 h 2 min", "1 d 1 h"]);
  assert.equal(duration(3_725, "zh-CN"), "1 小时 2 分");
});

test("a server that is lost is asked ever later, and at once on demand", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const told: (number | null)[] = [];
  let [asked, isThere] = [0, false];
  const pace = new Pace(
    async () => {
      asked++;
      return isThere;
    },
    (seconds) => told.push(seconds),
    () => false,
  );
  const passes = async (seconds: number): Promise<void> => {
    for (let at = 0; at < seconds; at++) {
      context.mock.timers.tick(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  pace.start();
  await passes(0);
  await new Promise((resolve) => setImmediate(resolve));
  await passes(3);
  assert.equal(asked, 3, "after one second, and two more");
  assert.deepEqual(told, [1, 2, 1, 4]);
  isThere = true;
  pace.now();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([asked, told.at(-1)], [4, null]);
  await passes(4);
  assert.equal(asked, 6, "every two seconds");
  pace.stop();
  await passes(60);
  assert.equal(asked, 6);
});

test("the strip of a timeline has a colour for each stretch, and a gap between sessions", () => {
  const at = (second: number): string => new Date(second * 1_000).toISOString();
  const entries: TimelineEntry[] = [
    { at: at(1), type: "opened", generation: 1, transport: "websocket" },
    { at: at(3), type: "reported", grade: "good", score: 80, rtt_ms: null },
    { at: at(4), type: "fell_behind" },
    { at: at(5), type: "reported", grade: "good", score: 71, rtt_ms: 9 },
    { at: at(8), type: "closed", code: 1006, reason: "" },
    { at: at(9), type: "opened", generation: 2, transport: "websocket" },
  ];
  const stretches = stretchesOf(entries, 12_000);
  const told = stretches.map(({ kind, from, to }) => `${kind} ${from / 1000}-${to / 1000}`);
  assert.deepEqual(told, ["unknown 1-3", "good 3-8", "gap 8-9", "unknown 9-12"]);
  assert.deepEqual(stretchesOf([], 1), []);
});

test("every language fills the same places, and the browser's choice is taken", () => {
  const places = (value: unknown, path: string, all: Map<string, string>): void => {
    if (typeof value === "string") {
      all.set(path, (value.match(/\{\w+\}/g) ?? []).sort().join());
      return;
    }
    for (const [key, one] of Object.entries(value as object)) places(one, `${path}.${key}`, all);
  };
  const [english, ...others] = LANGUAGES.map((language) => {
    const all = new Map<string, string>();
    places(wordsOf(language), "", all);
    return all;
  });
  for (const other of others) assert.deepEqual(other, english);
  assert.equal(preferredLanguage(null, ["fr", "zh-TW", "en"]), "zh-CN");
  assert.equal(preferredLanguage("en", ["zh"]), "en");
  assert.equal(preferredLanguage("tlh", ["fr"]), "en");
  assert.equal(fill("{a} of {b}, {c}", { a: 1, b: "x" }), "1 of x, {c}");
});
