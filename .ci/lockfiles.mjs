// Checks what the lock files of npm and Cargo let in: every package comes from a registry, with a
// checksum, and none runs a script when it is installed, but for those named here.
//
// node .ci/lockfiles.mjs   ends with 1 where a lock file lets in anything else.

import { existsSync, readFileSync } from "node:fs";

const NPM = ["clients/js", "clients/js/runtimes", "examples/wechat"];
/** Packages whose install script is known: what it does. */
const SCRIPTS = { esbuild: "puts its own binary in the place of a wrapper" };

const faults = [];

for (const folder of NPM) {
  const file = `${folder}/package-lock.json`;
  const { packages } = JSON.parse(readFileSync(file, "utf8"));
  for (const [path, entry] of Object.entries(packages)) {
    if (path === "" || entry.link || !path.includes("node_modules/")) continue;
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const fault = (text) => faults.push(`${file}: ${name} ${entry.version}: ${text}`);
    if (!/^sha512-/.test(entry.integrity ?? "")) fault("no SHA-512 checksum");
    if (entry.resolved && !/^https:\/\/.+\.tgz$/.test(entry.resolved)) fault("not from a registry");
    if (entry.hasInstallScript && !(name in SCRIPTS)) fault("runs a script when it is installed");
  }
}

for (const file of ["Cargo.lock", "fuzz/Cargo.lock"].filter(existsSync)) {
  for (const entry of readFileSync(file, "utf8").split("[[package]]").slice(1)) {
    const field = (name) => new RegExp(`^${name} = "(.*)"$`, "m").exec(entry)?.[1];
    const source = field("source");
    if (!source) continue;
    const fault = (text) => faults.push(`${file}: ${field("name")} ${field("version")}: ${text}`);
    if (!source.startsWith("registry+")) fault("not from a registry");
    if (!/^[0-9a-f]{64}$/.test(field("checksum") ?? "")) fault("no SHA-256 checksum");
  }
}

for (const fault of faults) console.error(fault);
process.exitCode = faults.length ? 1 : 0;
