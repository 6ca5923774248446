// Builds everything: `npm run build`. What was built before stays until all of the new is there.
// Fails where a bundle is over its limit.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { miniProgram, modules, pageModules, scriptTag } from "./bundles.mjs";
import { report } from "./size.mjs";
import { writeTexts } from "./texts.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDERS = ["dist", "miniprogram_dist"];

/** Beside the folders that it becomes, so that they are only renamed. */
const stage = `${mkdtempSync(`${ROOT}.build-`)}/`;
try {
  writeTexts();
  writeTypes(`${stage}dist/types`);
  const all = [modules(), miniProgram(), scriptTag(), pageModules()];
  for (const built of await Promise.all(all)) {
    for (const [path, text] of built) {
      mkdirSync(dirname(stage + path), { recursive: true });
      writeFileSync(stage + path, text);
    }
  }
  for (const folder of FOLDERS) {
    rmSync(ROOT + folder, { recursive: true, force: true });
    renameSync(stage + folder, ROOT + folder);
  }
} finally {
  rmSync(stage, { recursive: true, force: true });
}
if (!report()) process.exit(1);

function writeTypes(folder) {
  const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
  const args = [tsc, "-p", `${ROOT}tsconfig.types.json`, "--outDir", folder];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) throw new Error("the types cannot be written");
}
