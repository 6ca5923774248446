// Writes NOTICE: whose work is in the binary `steadfast` and in the page that it serves.
//
// node .ci/notice.mjs          writes the file
// node .ci/notice.mjs --check  ends with 1 where the file is not what it would write

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const args = ["metadata", "--format-version", "1", "--locked", "--all-features"];
const options = { encoding: "utf8", maxBuffer: 1 << 28 };
const { packages, resolve } = JSON.parse(execFileSync("cargo", args, options));
const byId = new Map(packages.map((one) => [one.id, one]));
const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));

/** All that the binary is built from: normal dependencies, and theirs. */
const found = new Set();
function visit(id) {
  if (found.has(id)) return;
  found.add(id);
  for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps) {
    if (kinds.some(({ kind }) => kind === null)) visit(pkg);
  }
}
visit(packages.find(({ name, source }) => name === "steadfast" && source === null).id);

const theirs = [...found].map((id) => byId.get(id)).filter(({ source }) => source !== null);
const line = ({ name, version, license }) => `${name} ${version}: ${license ?? "see its files"}`;
// Sorted by code units: the same on every machine.
const lines = theirs.map(line).sort((a, b) => (a < b ? -1 : 1));

/** What the dashboard is built from besides, whose files are in the binary. */
const locked = JSON.parse(readFileSync("clients/js/package-lock.json", "utf8")).packages;
const ofPages = ["uplot"].map((name) => line({ name, ...locked[`node_modules/${name}`] }));

const text = `Steadfast
Licensed under MIT or Apache-2.0, as you choose: LICENSE-MIT, LICENSE-APACHE.

The binary contains, or contains on some platforms, these libraries under their own licences. Their
texts and copyright notices are in the packages of these names and versions.

${lines.join("\n")}

The dashboard in it contains:

${ofPages.join("\n")}
`;

if (process.argv.includes("--check")) {
  if (readFileSync("NOTICE", "utf8") !== text) {
    console.error("NOTICE is not what the lock file says: run `node .ci/notice.mjs`");
    process.exitCode = 1;
  }
} else {
  writeFileSync("NOTICE", text);
}
