// A walk through everything that the page can look like. In: a stage, and what to do at each stop.
// Out: the page in each state, narrow and wide, light and dark, in both languages.

import type { Stage } from "./stage.js";

/** One way to look at the page. */
export interface View {
  readonly width: number;
  readonly scheme: "light" | "dark";
  readonly language: "en" | "zh-CN";
}

/** What is done at each stop, once for each view. */
export type Visit = (name: string, view: View) => Promise<void>;

/** Brings the page into a state again, where it does not stay there. */
type Again = () => Promise<void>;

const VIEWS: readonly View[] = [390, 1280].flatMap((width) =>
  (["light", "dark"] as const).flatMap((scheme) =>
    (["en", "zh-CN"] as const).map((language) => ({ width, scheme, language })),
  ),
);

/** Every state, some with a past. A job is under way behind it that takes so long. */
export async function walk(stage: Stage, durationMs: number, visit: Visit): Promise<void> {
  const stop = (name: string, again?: Again): Promise<void> => lookAt(stage, name, visit, again);
  await inState(stage, "connected");
  await stop("0-empty");
  await stage.startsJob(durationMs);
  await stage.seesEvents(10);
  await stop("1-connected");

  await stage.turns("cut", true);
  await inState(stage, "reconnecting");
  await stage.sees("#notice", /^Reconnecting…/);
  await stop("2-reconnecting");

  const before = (await stage.rows()).length;
  await stage.turns("cut", false);
  await inState(stage, "connected");
  // At least the newest of what was missed; what it stands in for may be left out.
  await stage.seesEvents(before + 1);
  await stop("3-recovered");

  await stage.page.locator("#restart").click();
  await inState(stage, "disconnected");
  await stop("4-disconnected");

  await stage.turns("cut", true);
  await stage.page.locator("#restart").click();
  await stop("5-connecting", async () => {
    await stage.page.locator("#restart").click();
    await stage.page.locator("#restart").click();
    await inState(stage, "connecting");
  });
  await stage.turns("cut", false);
  await inState(stage, "connected");

  // Last: a link that has seen this for a while begins with it.
  await stage.turns("block", true);
  await inState(stage, "fallback");
  await stage.sees("#notice", /^Live updates don't get through/);
  await stop("6-fallback");
  await stage.turns("block", false);
}

/** Waits for the end of the job, and looks at that. */
export async function seeTheEnd(stage: Stage, visit: Visit): Promise<void> {
  await stage.page.locator('#audit[data-verdict="good"]').waitFor({ timeout: 180_000 });
  await lookAt(stage, "7-finished", visit);
}

/** Looks at what is there in every way. */
async function lookAt(stage: Stage, name: string, visit: Visit, again?: Again): Promise<void> {
  for (const view of VIEWS) {
    await stage.page.setViewportSize({ width: view.width, height: 844 });
    await stage.page.emulateMedia({ colorScheme: view.scheme });
    await stage.page.locator(`[data-language="${view.language}"]`).click();
    await again?.();
    await stage.page.evaluate(() => scrollTo(0, 0));
    // Two frames: one to draw in the new size, one to show it.
    await stage.page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
    await visit(name, view);
  }
  await stage.page.locator('[data-language="en"]').click();
}

const inState = (stage: Stage, state: string): Promise<void> =>
  stage.page.locator(`#state[data-state="${state}"]`).waitFor();
