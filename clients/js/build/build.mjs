// Builds everything: `npm run build`. Fails where the whole client in one file is over its limit.

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { miniProgram, modules, scriptTag } from "./bundles.mjs";
import { report } from "./size.mjs";
import { writeTexts } from "./texts.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

writeTexts();
for (const folder of ["dist", "miniprogram_dist"])
  rmSync(ROOT + folder, { recursive: true, force: true });
const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
const types = spawnSync(process.execPath, [tsc, "-p", `${ROOT}tsconfig.types.json`], {
  stdio: "inherit",
});
if (types.status !== 0) process.exit(1);
for (const built of [await modules(), await miniProgram(), await scriptTag()]) {
  for (const [path, text] of built) {
    mkdirSync(dirname(ROOT + path), { recursive: true });
    writeFileSync(ROOT + path, text);
  }
}
if (!report()) process.exit(1);
