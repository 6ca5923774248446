// The size of every bundle, as built: `npm run size`. Says whether those with a limit keep it.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { pageModules, scriptTag } from "./bundles.mjs";
import { parts } from "./parts.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** The whole client in one file, without the texts of the notices; and the least of it. */
const [WHOLE, CORE] = ["dist/steadfast.min.js", "dist/core.min.js"];

/** Prints a table; false where a limit is passed, or a bundle that has one is not there. */
export function report() {
  const { sizeLimits } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8"));
  const columns = ["bytes", "gzip", "limit"].map((name) => name.padStart(8)).join(" ");
  console.log(`${"bundle".padEnd(36)} ${columns}`);
  const missing = new Set(Object.keys(sizeLimits));
  const over = [];
  for (const path of bundles()) {
    const bytes = readFileSync(ROOT + path);
    const zipped = gzipSync(bytes, { level: 9 }).length;
    const limit = sizeLimits[path];
    missing.delete(path);
    if (zipped > limit) over.push(path);
    console.log(`${path.padEnd(36)} ${cell(bytes.length)} ${cell(zipped)} ${cell(limit ?? "")}`);
  }
  for (const path of over) console.log(`${path}: OVER its limit of ${sizeLimits[path]} gzipped`);
  for (const path of missing) console.log(`${path}: has a limit, and is not there`);
  return !over.length && !missing.size;
}

const cell = (count) => String(count).padStart(8);

function bundles() {
  const folders = ["dist", "miniprogram_dist"].map((name) => ROOT + name).filter(existsSync);
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true }).map((name) => relative(ROOT, join(folder, name))),
  );
  return files.filter((path) => path.endsWith(".js")).sort();
}

/** Prints what those two are made of. */
async function reportParts() {
  const built = new Map([...(await scriptTag(true)), ...(await pageModules(true))]);
  for (const path of [WHOLE, CORE]) {
    const [code, map] = [built.get(path), built.get(`${path}.map`)];
    const zipped = gzipSync(code, { level: 9 }).length;
    console.log(`\n${path.padEnd(50)} ${"bytes".padStart(8)} ${"gzip".padStart(8)}`);
    for (const [name, bytes, share] of parts(code, map, zipped)) {
      console.log(`${name.padEnd(50)} ${cell(bytes)} ${cell(share)}`);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isKept = report();
  await reportParts();
  if (!isKept) process.exit(1);
}
