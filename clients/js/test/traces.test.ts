// Random lives of a link, written by the simulator of the reference as scenarios: the same inputs
// must lead to the same outputs, states and wakes. `steadfast-sim trace --seeds 2000` puts them
// into `target/traces` of the repository; `STEADFAST_TRACES` names another folder. Where none was
// named, and no CI asks, they need not be there.

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { ROOT, type Scenario, runScenario } from "./conformance/scenario.js";

/** So many must be there. */
const TRACES_MIN = 2000;

const named = process.env["STEADFAST_TRACES"];
const folder = named ?? fileURLToPath(new URL("../target/traces", ROOT));
const isOptional = !named && !process.env["CI"];
const skip = isOptional && !existsSync(folder) && `there are no traces in ${folder}`;

test("every trace of the reference is replayed to the letter", { skip }, () => {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  assert.ok(names.length >= TRACES_MIN, `only ${names.length} traces are in ${folder}`);
  let steps = 0;
  for (const name of names) {
    const trace = JSON.parse(readFileSync(join(folder, name), "utf8")) as Scenario;
    assert.ok(trace.steps.length > 0, name);
    assert.equal(runScenario(trace), undefined, name);
    steps += trace.steps.length;
  }
  console.log(`${names.length} traces of ${steps} steps in all`);
});
