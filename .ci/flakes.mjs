// Runs the suites again and again, half of the time beside a busy loop on each core, and lists what failed how often: a test
// whose outcome depends on wall time or on a port that is free at the moment shows here.
//
// node .ci/flakes.mjs [RUNS] [BROWSER_RUNS]   20 and 5 where they are left out; ends with 1 where anything failed.

import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";

const [runs = 20, browserRuns = 5] = process.argv.slice(2).map(Number);

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

const failures = new Map();
const note = (name, where) => failures.set(name, [...(failures.get(name) ?? []), where]);

function judge({ code, lines }, failed, where) {
  const names = new Set(lines.map((line) => failed.exec(line)?.slice(1).find(Boolean)).filter(Boolean));
  if (code !== 0 && !names.size) names.add(`a run that ended with ${code} and named no test`);
  for (const name of names) note(name, where);
  console.log(`${where}: ${names.size ? [...names].join(", ") : "all passed"}`);
}

const suite = ["nextest", "run", "--workspace", "--all-features", "--no-fail-fast", "--hide-progress-bar"];
for (let n = 1; n <= runs; n++) {
  const isBusy = n > runs / 2;
  const stop = isBusy ? busy() : () => {};
  const where = `Rust, run ${n} of ${runs}${isBusy ? ", busy" : ""}`;
  try {
    judge(await run("cargo", suite), /^\s+(?:FAIL|TIMEOUT|SIG\w+) \[.*?\](?: \(\s*\d+\/\d+\))? (.+)$/, where);
  } finally {
    stop();
  }
}
for (let n = 1; n <= browserRuns; n++) {
  const outcome = await run("npm", ["run", "--silent", "test:browser"], { cwd: "clients/js" });
  judge(outcome, /^not ok \d+ - (.+)$|^✖ (.+) \(/, `browser, run ${n} of ${browserRuns}`);
}

console.log(`\n${runs} runs of the Rust suite, ${browserRuns} of the browser's: ${failures.size} tests failed`);
for (const [name, where] of failures) console.log(`  ${name}: ${where.length} times (${where.join("; ")})`);
process.exitCode = failures.size ? 1 : 0;
