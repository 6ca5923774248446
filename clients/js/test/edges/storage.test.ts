// Positions in a storage: what was saved is there again, bounded, and no storage is trusted.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Positions, type PositionStorage, loadNetworks, saveNetworks } from "../../src/storage.js";

/** As `sessionStorage`, for one key. */
export class Stored implements PositionStorage {
  writes = 0;
  constructor(public text: string | null = null) {}
  getItem(): string | null {
    return this.text;
  }
  setItem(_key: string, text: string): void {
    this.text = text;
    this.writes++;
  }
}

test.beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
test.afterEach(() => mock.timers.reset());

test("positions are written a moment after they moved, once for many moves", () => {
  const stored = new Stored();
  const positions = new Positions(stored, "k");
  for (let offset = 1; offset <= 100; offset++) positions.move("a:1", { epoch: "e", offset });
  mock.timers.tick(249);
  assert.equal(stored.writes, 0);
  mock.timers.tick(1);
  assert.equal(stored.writes, 1);
  const again = new Positions(new Stored(stored.text), "k");
  assert.deepEqual(again.of("a:1"), { epoch: "e", offset: 100 });
  assert.equal(again.of("b:2"), undefined);
  mock.timers.tick(10_000);
  positions.save();
  assert.equal(stored.writes, 1, "nothing moved since");
});

test("saving does not wait", () => {
  const stored = new Stored();
  const positions = new Positions(stored, "k");
  positions.move("a:1", { epoch: "e", offset: 1 });
  positions.save();
  assert.equal(stored.text, '{"version":1,"positions":{"a:1":{"epoch":"e","offset":1}}}');
  mock.timers.tick(1_000);
  assert.equal(stored.writes, 1);
});

test("of more channels than 256 the one that was still the longest is forgotten", () => {
  const stored = new Stored();
  const positions = new Positions(stored, "k");
  for (let n = 1; n <= 256; n++) positions.move(`a:${n}`, { epoch: "e", offset: 1 });
  positions.move("a:1", { epoch: "e", offset: 2 });
  assert.ok(positions.of("a:2"), "256 are kept");
  positions.move("a:257", { epoch: "e", offset: 1 });
  assert.equal(positions.of("a:2"), undefined);
  assert.deepEqual(positions.of("a:1"), { epoch: "e", offset: 2 });
  positions.save();
  assert.equal(Object.keys(JSON.parse(stored.text!).positions).length, 256);
});

test("what is no text of ours counts as none", () => {
  for (const text of [
    "{",
    "7",
    "null",
    '{"version":2,"positions":{"a:1":{"epoch":"e","offset":1}}}',
    '{"version":1}',
    '{"version":1,"positions":{"a:1":{"epoch":7,"offset":1},"b:2":null}}',
    '{"version":1,"positions":{"a:1":{"epoch":"e","offset":"1"}}}',
    '{"version":1,"positions":{"a:1":{"epoch":"e","offset":1.5}}}',
    '{"version":1,"positions":{"a:1":{"epoch":"e","offset":-1}}}',
    '{"version":1,"positions":{"a:1":{"epoch":"","offset":1}}}',
    '{"version":1,"positions":{"a:1":{"epoch":"e e","offset":1}}}',
    '{"version":1,"positions":{"a:1":{"epoch":"e","offset":9007199254740994}}}',
  ]) {
    assert.equal(new Positions(new Stored(text), "k").of("a:1"), undefined, text);
  }
});

test("a storage that fails is done without", () => {
  const broken: PositionStorage = {
    getItem: () => assert.fail("no reading"),
    setItem: () => assert.fail("no writing"),
  };
  const positions = new Positions(broken, "k");
  positions.move("a:1", { epoch: "e", offset: 1 });
  positions.save();
  assert.deepEqual(positions.of("a:1"), { epoch: "e", offset: 1 });
  const none = new Positions(undefined, "k");
  none.move("a:1", { epoch: "e", offset: 1 });
  assert.equal(none.of("a:1"), undefined, "without one a channel starts where it is told to");
});

test("two clients on one storage keep each other's positions", () => {
  const stored = new Stored();
  const [one, other] = [new Positions(stored, "k"), new Positions(stored, "k")];
  one.move("a:1", { epoch: "e", offset: 1 });
  other.move("b:2", { epoch: "e", offset: 2 });
  mock.timers.tick(1_000);
  one.move("a:1", { epoch: "e", offset: 3 });
  one.save();
  other.save();
  const again = new Positions(stored, "k");
  assert.deepEqual(again.of("a:1"), { epoch: "e", offset: 3 });
  assert.deepEqual(again.of("b:2"), { epoch: "e", offset: 2 });
});

test("two clients on one storage keep what the other has seen of networks", () => {
  const stored = new Stored();
  const at = (key: string, odds: number, ageMs: number) => ({ key, odds, sightings: 1, ageMs });
  saveNetworks(stored, "k", 1_000, [at("home", 1, 10), at("train", 1, 500)]);
  saveNetworks(stored, "k", 2_000, [at("office", 2, 0), at("train", 2, 100), at("home", 2, 9_000)]);
  const read = loadNetworks(stored, "k", 2_000);
  const odds = Object.fromEntries(read.map((one) => [one.key, one.odds]));
  assert.deepEqual(odds, { office: 2, train: 2, home: 1 }, "the newer of each");
  const many = Array.from({ length: 21 }, (_, n) => at(`n${n}`, 1, n + 1));
  saveNetworks(new Stored(), "k", 0, many);
  const full = new Stored();
  saveNetworks(full, "k", 0, many);
  assert.equal(loadNetworks(full, "k", 0).length, 20);
});
