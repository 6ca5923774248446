// Pictures of the page for people to look at: `npm run shots -- FOLDER`. In: a folder. Out: the
// page in each state, narrow and wide, light and dark, in both languages.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Stage } from "./stage.js";

const WIDTHS = [390, 1280];
const SCHEMES = ["light", "dark"] as const;
const LANGUAGES = ["en", "zh-CN"];
const SETTINGS = WIDTHS.flatMap((width) =>
  SCHEMES.flatMap((scheme) => LANGUAGES.map((language) => ({ width, scheme, language }))),
);

const folder = process.argv[2];
if (folder === undefined) throw new Error("say where to: npm run shots -- FOLDER");
mkdirSync(folder, { recursive: true });

/** Brings the page into a state again, where it does not stay there. */
type Again = () => Promise<void>;

async function shoot(stage: Stage, name: string, again?: Again): Promise<void> {
  for (const { width, scheme, language } of SETTINGS) {
    await stage.page.setViewportSize({ width, height: 844 });
    await stage.page.emulateMedia({ colorScheme: scheme });
    await stage.page.locator(`[data-language="${language}"]`).click();
    await again?.();
    await stage.page.evaluate(() => scrollTo(0, 0));
    // Two frames: one to draw in the new size, one to show it.
    await stage.page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
    const path = join(folder ?? "", `${name}-${width}-${scheme}-${language}.png`);
    await stage.page.screenshot({ path, fullPage: true });
  }
  await stage.page.locator('[data-language="en"]').click();
}

const inState = (stage: Stage, state: string): Promise<void> =>
  stage.page.locator(`#state[data-state="${state}"]`).waitFor();

const stage = await Stage.open();
try {
  await inState(stage, "connected");
  await shoot(stage, "0-empty");
  await stage.startsJob(150_000);
  await stage.seesEvents(10);
  await shoot(stage, "1-connected");

  await stage.turns("cut", true);
  await inState(stage, "reconnecting");
  await stage.sees("#notice", /^Reconnecting…/);
  await shoot(stage, "2-reconnecting");

  await stage.turns("cut", false);
  await inState(stage, "connected");
  await stage.page.locator("#timeline .flight[data-name=late]").first().waitFor();
  await shoot(stage, "3-recovered");

  await stage.turns("block", true);
  await inState(stage, "fallback");
  await stage.sees("#notice", /^Live updates aren't possible/);
  await shoot(stage, "4-fallback");
  await stage.turns("block", false);

  await stage.page.locator("#restart").click();
  await inState(stage, "disconnected");
  await shoot(stage, "5-disconnected");

  await stage.turns("cut", true);
  await stage.page.locator("#restart").click();
  await shoot(stage, "6-connecting", async () => {
    await stage.page.locator("#restart").click();
    await stage.page.locator("#restart").click();
    await inState(stage, "connecting");
  });
  await stage.turns("cut", false);
  await inState(stage, "connected");
  await stage.page.locator('#audit[data-verdict="good"]').waitFor({ timeout: 180_000 });
  await shoot(stage, "7-finished");
} finally {
  await stage.close();
}
