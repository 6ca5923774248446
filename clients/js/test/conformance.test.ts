// Twin of crates/link/tests/conformance.rs. Every scenario of `conformance/link`, run against the
// link; and that both languages have the same defaults and the same words.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DEFAULTS } from "../src/link/config.js";
import type { Input } from "../src/link/input.js";
import { ROWS, SEVERITIES } from "../src/link/message/code.js";
import type { Output } from "../src/link/output.js";
import type { LinkState, Reason } from "../src/link/state.js";
import {
  type Scenario,
  defaults,
  readJson,
  runScenario,
  scenarioPaths,
} from "./conformance/scenario.js";

const scenarios = scenarioPaths().map((path) => [path, readJson(path) as Scenario] as const);

test("there are scenarios", () => assert.ok(scenarios.length >= 173, `${scenarios.length}`));

for (const [path, scenario] of scenarios) {
  test(`${path}: ${scenario.name}`, () => assert.equal(runScenario(scenario), undefined));
}

test("an expectation that does not hold is noticed", () => {
  for (const [path, scenario] of scenarios) {
    const [first, ...rest] = scenario.steps;
    for (const wrong of [
      { ...first!, state: "lost" },
      { ...first!, wake: -1 },
      { ...first!, expect: [...first!.expect, {}] },
      { ...first!, late: true },
    ]) {
      assert.ok(runScenario({ ...scenario, steps: [wrong, ...rest] }), path);
    }
  }
});

test("every policy that a setting can break has a scenario", () => {
  for (const [name, value] of Object.entries(DEFAULTS)) {
    const others = typeof value === "number" ? [1, value * 3] : [true, "fixed"];
    const isNoticed = ([, one]: (typeof scenarios)[number]) =>
      others.some((other) => runScenario(one, { [name]: other }) !== undefined);
    assert.ok(scenarios.some(isNoticed), `no scenario notices ${name}`);
  }
});

test("the defaults are those of both languages", () => {
  // Scenarios leave messages out, but for those about them: most are told by time alone.
  const own = { link: "link-0001", token: null, seed: 1, endpoints: 1, networks: [] };
  const ours = { ...own, ...DEFAULTS, messages: false };
  assert.deepEqual(ours, defaults);
});

test("the vocabulary is that of both languages", () => {
  const words = {
    states: Object.keys(STATES),
    reasons: Object.keys(REASONS),
    inputs: Object.keys(INPUTS),
    outputs: Object.keys(OUTPUTS),
    messages: ROWS.map(([code]) => code),
    severities: SEVERITIES,
  };
  assert.deepEqual(words, readJson("vocabulary.json"));
});

const STATES = {
  disconnected: 1,
  connecting: 1,
  connected: 1,
  reconnecting: 1,
  fallback: 1,
} satisfies Record<LinkState, 1>;

const REASONS = {
  asked: 1,
  closed: 1,
  finished: 1,
  rejected: 1,
  offline: 1,
  network_restored: 1,
  welcomed: 1,
  lost: 1,
  heartbeat_timeout: 1,
  connect_timeout: 1,
  unreachable: 1,
  server_asked: 1,
  websocket_blocked: 1,
} satisfies Record<Reason, 1>;

const INPUTS = {
  connect: 1,
  retry: 1,
  subscribe: 1,
  unsubscribe: 1,
  publish: 1,
  token: 1,
  token_unavailable: 1,
  close: 1,
  online: 1,
  offline: 1,
  network_changed: 1,
  weak_network: 1,
  resumed: 1,
  foreground: 1,
  background: 1,
  socket_opened: 1,
  socket_failed: 1,
  socket_frame: 1,
  socket_alive: 1,
  socket_closed: 1,
  polled: 1,
  probed: 1,
  tick: 1,
} satisfies Record<Input["kind"], 1>;

const OUTPUTS = {
  open_socket: 1,
  send: 1,
  close_socket: 1,
  poll: 1,
  cancel_poll: 1,
  probe: 1,
  want_token: 1,
  state: 1,
  subscribed: 1,
  event: 1,
  gap: 1,
  finished: 1,
  quality: 1,
  refused: 1,
  message: 1,
  published: 1,
  publish_failed: 1,
} satisfies Record<Output["kind"], 1>;
