// Runs the suites again and again, half of the time beside a busy loop on each core, and lists what
// failed how often: a test whose outcome depends on wall time, or on a port that is free at the
// moment, shows here.
//
// node .ci/flakes.mjs [RUNS] [BROWSER_RUNS]   20 and 5 where they are left out; ends with 1 where
// anything failed.

import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";

const [runs = 20, browserRuns = 5] = process.argv.slice(2).map(Number);
const SUITE =
  "nextest run --workspace --all-features --no-fail-fast --hide-progress-bar --color never";
/** The name of a test that failed, in a line of nextest and of Node's test runner. */
const FAILED_RUST = /^\s+(?:FAIL|TIMEOUT|SIG\w+) \[.*?\](?: \(\s*\d+\/\d+\))? (.+)$/;
const FAILED_NODE = /^not ok \d+ - (.+)$|^✖ (.+) \(/;

/** Runs a command; its lines, and how it ended. */
async function run(command, args, options = {}) {
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => lines.push(line));
  }
  const code = await new Promise((resolve) => child.on("close", resolve));
  return { code, lines };
}

/** Keeps every core busy until it is told to stop. */
function busy() {
  const spin = () => spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" });
  const all = Array.from({ length: availableParallelism() }, spin);
  return () => all.forEach((one) => one.kill());
}

/** Each test that failed, with the runs in which it did. */
const failures = new Map();

function judge({ code, lines }, failed, where) {
  const nameOf = (line) => failed.exec(line)?.slice(1).find(Boolean);
  const names = new Set(lines.map(nameOf).filter(Boolean));
  if (code !== 0 && !names.size) names.add(`a run that ended with ${code} and named no test`);
  for (const name of names) failures.set(name, [...(failures.get(name) ?? []), where]);
  console.log(`${where}: ${names.size ? [...names].join(", ") : "all passed"}`);
}

for (let n = 1; n <= runs; n++) {
  const isBusy = n > runs / 2;
  const stop = isBusy ? busy() : () => {};
  try {
    const outcome = await run("cargo", SUITE.split(" "));
    judge(outcome, FAILED_RUST, `Rust, run ${n} of ${runs}${isBusy ? ", busy" : ""}`);
  } finally {
    stop();
  }
}
for (let n = 1; n <= browserRuns; n++) {
  const args = ["run", "--silent", "test:browser"];
  const outcome = await run("npm", args, { cwd: "clients/js" });
  judge(outcome, FAILED_NODE, `browser, run ${n} of ${browserRuns}`);
}

console.log(`\n${runs} and ${browserRuns} runs: ${failures.size} tests failed`);
for (const [name, where] of failures) {
  console.log(`  ${name}: ${where.length} times (${where.join("; ")})`);
}
process.exitCode = failures.size ? 1 : 0;
