// The loop around a link, with a link that follows a script.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Clock } from "../../src/clock.js";
import { Driver } from "../../src/driver.js";
import type { Input } from "../../src/link/input.js";
import type { Output } from "../../src/link/output.js";

/** Answers each input with the outputs that the script has for it. */
class Scripted {
  readonly seen: string[] = [];
  readonly out: Output[] = [];
  wakeAt: number | undefined;

  constructor(private readonly script: (input: Input) => readonly Output[]) {}

  handle(now: number, input: Input): void {
    assert.equal(this.out.length, 0, "outputs are polled before the next input");
    this.seen.push(`${now} ${input.kind}`);
    if (input.kind === "tick") this.wakeAt = undefined;
    this.out.push(...this.script(input));
  }

  poll(): Output | undefined {
    return this.out.shift();
  }

  wake(): { at: number } | undefined {
    return this.wakeAt === undefined ? undefined : { at: this.wakeAt };
  }
}

function world(script: (input: Input) => readonly Output[], perform: (output: Output) => void) {
  mock.timers.enable({ apis: ["setTimeout"] });
  const at = { wall: 0, steady: 0 };
  const machine = new Scripted(script);
  const clock = new Clock({ wall: () => at.wall, steady: () => at.steady });
  const driver = new Driver(machine, clock, perform);
  const pass = (ms: number): void => {
    at.wall += ms;
    at.steady += ms;
    mock.timers.tick(ms);
  };
  return { at, machine, driver, pass };
}

test.afterEach(() => mock.timers.reset());

const state = (now: "connecting" | "connected"): Output => ({
  kind: "state",
  new: now,
  old: "disconnected",
  reason: "asked",
});

test("what callbacks ask for waits until all that came before is done", () => {
  const done: string[] = [];
  const { machine, driver } = world(
    ({ kind }) => (kind === "connect" ? [state("connecting"), { kind: "probe" }] : []),
    (output) => {
      if (output.kind === "state") driver.feed({ kind: "close" });
      done.push(output.kind);
    },
  );
  driver.feed({ kind: "connect" });
  assert.deepEqual(done, ["state", "probe"]);
  assert.deepEqual(machine.seen, ["0 connect", "0 close"]);
});

test("the link is told the time when it wants to be, and not before", () => {
  const { machine, driver, pass } = world(
    () => [],
    () => {},
  );
  machine.wakeAt = 12_000;
  driver.feed({ kind: "connect" });
  pass(5_000);
  pass(5_000);
  pass(1_999);
  assert.deepEqual(machine.seen, ["0 connect"]);
  pass(1);
  assert.deepEqual(machine.seen, ["0 connect", "12000 tick"]);
});

test("a wake that comes nearer is kept, and one that goes away leaves no timer", () => {
  const { machine, driver, pass } = world(
    () => [],
    () => {},
  );
  machine.wakeAt = 4_000;
  driver.feed({ kind: "connect" });
  machine.wakeAt = 1_000;
  driver.feed({ kind: "online" });
  machine.wakeAt = 1_500;
  driver.feed({ kind: "foreground" });
  pass(1_000);
  assert.equal(machine.seen.at(-1), "0 foreground");
  pass(500);
  assert.equal(machine.seen.at(-1), "1500 tick");
  machine.wakeAt = undefined;
  driver.feed({ kind: "close" });
  const { length } = machine.seen;
  pass(60_000);
  assert.equal(machine.seen.length, length);
});

test("sleep is told before whatever ended it, and within five seconds in any case", () => {
  const { at, machine, driver, pass } = world(
    () => [],
    () => {},
  );
  machine.wakeAt = 55_000;
  driver.feed({ kind: "connect" });
  at.wall += 30_000;
  driver.feed({ kind: "online" });
  assert.deepEqual(machine.seen, ["0 connect", "30000 resumed", "30000 online"]);
  at.wall += 7_000;
  pass(5_000);
  assert.equal(machine.seen.at(-1), "42000 resumed");
});
