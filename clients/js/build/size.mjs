// The size of every bundle, as built: `npm run size`. Says whether the one with a limit keeps it.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { scriptTag } from "./bundles.mjs";
import { parts } from "./parts.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** The whole client in one file, without the texts of the notices. */
const LIMITED = "dist/steadfast.min.js";

/** Prints a table; false where a limit is passed. */
export function report() {
  const { sizeLimitBytes } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8"));
  console.log(`${"bundle".padEnd(36)} ${"bytes".padStart(8)} ${"gzip".padStart(8)}`);
  let limited = Infinity;
  for (const path of bundles()) {
    const bytes = readFileSync(ROOT + path);
    const zipped = gzipSync(bytes, { level: 9 }).length;
    if (path === LIMITED) limited = zipped;
    console.log(`${path.padEnd(36)} ${cell(bytes.length)} ${cell(zipped)}`);
  }
  const isKept = limited <= sizeLimitBytes;
  const verdict = isKept ? "within" : "OVER";
  console.log(`${LIMITED}: ${limited} bytes gzipped, ${verdict} the limit of ${sizeLimitBytes}`);
  return isKept;
}

const cell = (count) => String(count).padStart(8);

function bundles() {
  const folders = ["dist", "miniprogram_dist"].map((name) => ROOT + name).filter(existsSync);
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true }).map((name) => relative(ROOT, join(folder, name))),
  );
  return files.filter((path) => path.endsWith(".js")).sort();
}

/** Prints what the one with a limit is made of. */
async function reportParts() {
  const built = await scriptTag(true);
  const [code, map] = [built.get(LIMITED), built.get(`${LIMITED}.map`)];
  const zipped = gzipSync(code, { level: 9 }).length;
  console.log(`\n${"of it".padEnd(50)} ${"bytes".padStart(8)} ${"gzip".padStart(8)}`);
  for (const [name, bytes, share] of parts(code, map, zipped)) {
    console.log(`${name.padEnd(50)} ${cell(bytes)} ${cell(share)}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isKept = report();
  await reportParts();
  if (!isKept) process.exit(1);
}
