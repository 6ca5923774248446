// Builds the pages of the server into its assets: `npm run page`. The built files are committed, so
// that the server needs no npm. `--check` writes nothing, and fails where they are not what the
// sources give, or where the dashboard has become too large.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { scriptTag } from "./bundles.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ASSETS = fileURLToPath(new URL("../../../crates/server/assets/", import.meta.url));

/** The script and the style of a page. */
async function bundled(page, style, options) {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: [`${page}/main.ts`, `${page}/${style}`],
    outdir: "out",
    bundle: true,
    write: false,
    charset: "utf8",
    format: "esm",
    target: "es2022",
    ...options,
  });
  const of = (ending) => result.outputFiles.find((file) => file.path.endsWith(ending)).text;
  return { script: of("main.js"), style: of(style) };
}

const plain = (name) => readFileSync(ROOT + name, "utf8");

/** The page of `serve --dev`: readable, but for the client as pages get it. */
async function demo() {
  const { script, style } = await bundled("page", "page.css");
  return {
    "demo/index.html": plain("page/index.html"),
    "demo/icon.svg": plain("page/icon.svg"),
    "demo/page.css": style,
    "demo/page.js": script,
    "demo/steadfast.min.js": (await scriptTag()).get("dist/steadfast.min.js"),
  };
}

/** The dashboard: as small as it gets, since every server has it. */
async function dashboard() {
  // The licence of the chart library stays at the end of the script.
  const options = { minify: true, legalComments: "eof" };
  const { script, style } = await bundled("dashboard", "dashboard.css", options);
  return {
    "dashboard/index.html.gz": plain("dashboard/index.html"),
    "dashboard/icon.svg.gz": plain("dashboard/icon.svg"),
    "dashboard/dashboard.css.gz": style,
    "dashboard/dashboard.js.gz": script,
  };
}

/** A file as it is committed. How well it is compressed depends on who does it: the text counts. */
function committed(name) {
  try {
    const bytes = readFileSync(ASSETS + name);
    return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
  } catch {
    return undefined;
  }
}

const isCheck = process.argv.includes("--check");
const stale = [];
let zipped = 0;
for (const [name, text] of Object.entries({ ...(await demo()), ...(await dashboard()) })) {
  const bytes = name.endsWith(".gz") ? gzipSync(text, { level: 9 }) : text;
  if (name.startsWith("dashboard/")) zipped += bytes.length;
  if (committed(name) === text) continue;
  stale.push(name);
  if (isCheck) continue;
  mkdirSync(dirname(ASSETS + name), { recursive: true });
  writeFileSync(ASSETS + name, bytes);
}
if (isCheck && stale.length > 0) {
  console.error(`stale in crates/server/assets: ${stale.join(", ")}; run \`npm run page\``);
  process.exitCode = 1;
}
const { dashboardLimitBytes: limit } = JSON.parse(plain("package.json"));
console.log(`the dashboard: ${zipped} bytes gzipped, of ${limit} at most`);
if (zipped > limit) {
  console.error("the dashboard is over its limit");
  process.exitCode = 1;
}
const changed = `${isCheck ? "stale" : "written"}: ${stale.join(", ")}`;
console.log(stale.length > 0 ? changed : "the pages are as their sources are");
