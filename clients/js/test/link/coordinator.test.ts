// The machine from outside: limits, statistics between inputs, settings of nothing, and what is
// always true of it. Twin of crates/link/src/coordinator/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Config, DEFAULTS } from "../../src/link/config.js";
import type { Input } from "../../src/link/input.js";
import { Link } from "../../src/link/coordinator.js";
import { sleptFrom } from "../../src/link/coordinator/device.js";
import type { Output } from "../../src/link/output.js";
import { ALL } from "../../src/parts/all.js";

const link = (settings: Partial<Config> = {}) =>
  new Link({ link: "link-0001", seed: 1, ...DEFAULTS, ...settings }, ALL);

function tell(one: Link, now: number, input: Input): Output[] {
  one.handle(now, input);
  const outputs: Output[] = [];
  for (let output; (output = one.poll()); ) outputs.push(output);
  return outputs;
}

// P-29
test("as many channels as allowed and not one more", () => {
  const one = link();
  for (let n = 1; n <= 128; n++) {
    assert.deepEqual(tell(one, 0, { kind: "subscribe", channel: `a:${n}` }), []);
  }
  const outputs = tell(one, 0, { kind: "subscribe", channel: "a:129" });
  assert.deepEqual(outputs.map((output) => output.kind), ["refused"]);
});

test("statistics are right between inputs and leave sleep out", () => {
  const one = link();
  tell(one, 1000, { kind: "connect" });
  tell(one, 1500, { kind: "socket_failed", socket: 1, failure: { kind: "unreachable" } });
  const at = one.wake()!.at;
  const downtime = (now: number) => one.record!.at(now, sleptFrom(one, now)).totalDowntime;
  assert.equal(downtime(at), at - 1000);
  assert.equal(downtime(at + 3_600_000), at - 1000);
  assert.equal(one.state, "reconnecting");
});

test("spans of nothing do not spin", () => {
  const spans = ["backoffMinMs", "backoffMaxMs", "delayFloorMs", "connectTimeoutMs"] as const;
  const one = link(Object.fromEntries(spans.map((name) => [name, 0])));
  tell(one, 0, { kind: "connect" });
  for (let tick = 0; tick < 100; tick++) {
    const { at } = one.wake()!;
    tell(one, at, { kind: "tick" });
    assert.ok(one.wake()!.at > at);
  }
});

test("a token is never in what a link tells its app", () => {
  const one = link({ token: "secret" });
  const outputs = [
    tell(one, 0, { kind: "subscribe", channel: "a:1" }),
    tell(one, 0, { kind: "connect" }),
    tell(one, 10, { kind: "socket_opened", socket: 1 }),
    tell(one, 20, { kind: "socket_closed", socket: 1, code: 4200 }),
  ].flat();
  const sent = outputs.filter((output) => output.kind === "send");
  assert.equal(sent.length, 1);
  assert.ok(JSON.stringify(sent).includes("secret"));
  assert.ok(!JSON.stringify(outputs.filter((one) => one.kind !== "send")).includes("secret"));
});
