// Pictures of the page for people to look at: `npm run shots -- FOLDER`. In: a folder. Out: the
// page in each state, narrow and wide, light and dark, in both languages.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Stage } from "./stage.js";
import { type Visit, seeTheEnd, walk } from "./walk.js";

const folder = process.argv[2];
if (folder === undefined) throw new Error("say where to: npm run shots -- FOLDER");
mkdirSync(folder, { recursive: true });

const stage = await Stage.open();
const shoot: Visit = async (name, { width, scheme, language }) => {
  const path = join(folder, `${name}-${width}-${scheme}-${language}.png`);
  await stage.page.screenshot({ path, fullPage: true });
};
try {
  await walk(stage, 150_000, shoot);
  await seeTheEnd(stage, shoot);
} finally {
  await stage.close();
}
