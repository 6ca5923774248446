// Builds the page of `serve --dev` into the server's assets: `npm run page`. The built files are
// committed, so that the server needs no npm. `--check` writes nothing, and fails where they are
// not what the sources give.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { scriptTag } from "./bundles.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ASSETS = fileURLToPath(new URL("../../../crates/server/assets/demo/", import.meta.url));

/** Every file of the page by its name: readable, but for the client as pages get it. */
async function files() {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ["page/main.ts", "page/page.css"],
    outdir: "out",
    bundle: true,
    write: false,
    charset: "utf8",
    format: "esm",
    target: "es2022",
  });
  const of = (ending) => result.outputFiles.find((file) => file.path.endsWith(ending)).text;
  const client = (await scriptTag()).get("dist/steadfast.min.js");
  const plain = (name) => readFileSync(`${ROOT}page/${name}`, "utf8");
  return {
    "index.html": plain("index.html"),
    "icon.svg": plain("icon.svg"),
    "page.css": of("page.css"),
    "page.js": of("main.js"),
    "steadfast.min.js": client,
  };
}

function committed(name) {
  try {
    return readFileSync(ASSETS + name, "utf8");
  } catch {
    return undefined;
  }
}

const stale = [];
for (const [name, text] of Object.entries(await files())) {
  if (committed(name) === text) continue;
  stale.push(name);
  if (process.argv.includes("--check")) continue;
  mkdirSync(dirname(ASSETS + name), { recursive: true });
  writeFileSync(ASSETS + name, text);
}
if (process.argv.includes("--check") && stale.length > 0) {
  console.error(`stale in crates/server/assets/demo: ${stale.join(", ")}; run \`npm run page\``);
  process.exit(1);
}
console.log(stale.length > 0 ? `written: ${stale.join(", ")}` : "the page is as its sources are");
