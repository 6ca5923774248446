// Whether everybody can use the page: in every state, light and dark, in both languages, narrow and
// wide, by the rules of axe; and whether the keyboard goes through it as the eye does.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { problems } from "./axe.js";
import { Stage } from "./stage.js";
import { walk } from "./walk.js";

let stage: Stage;
afterEach(() => stage.close());

test("axe finds nothing in any state, scheme, language or width", async () => {
  stage = await Stage.open();
  const found = new Map<string, string>();
  let visits = 0;
  await walk(stage, 300_000, async (name, { width, scheme, language }) => {
    // Where there is room only the columns are new.
    if (width > 390 && (scheme === "dark" || language === "zh-CN")) return;
    visits++;
    for (const problem of await problems(stage.page)) {
      found.set(problem, `${problem} (first at ${name} ${width} ${scheme} ${language})`);
    }
  });
  assert.equal(visits, 7 * 5);
  assert.deepEqual([...found.values()], []);
});

for (const width of [390, 1280]) {
  test(`the keyboard goes through the page as the eye does, at ${width} pixels`, async () => {
    stage = await Stage.open({ width, height: 844 });
    await stage.startsJob(20_000);
    await stage.seesEvents(3);
    // What was clicked last would be where the way begins.
    await stage.page.reload();
    await stage.seesEvents(3);
    const stops = await tabStops(stage);
    assert.ok(stops.length >= 10, `${stops.length} stops`);
    const unseen = stops.filter(({ isRinged }) => !isRinged).map(({ name }) => name);
    assert.deepEqual(unseen, [], "what has the focus shows it");
    const order = stops.map(({ name }) => name);
    assert.deepEqual(order, [...new Set(order)], "each once");
    for (const [at, { name, left, top }] of stops.entries()) {
      const before = stops[at - 1];
      const isOn = !before || top > before.top || left > before.left;
      assert.ok(isOn, `${name} comes after ${before?.name}, and stands before it`);
    }
  });
}

interface Stop {
  readonly name: string;
  /** Where it stands on the page, in pixels. */
  readonly left: number;
  readonly top: number;
  /** Whether a person sees that it has the focus. */
  readonly isRinged: boolean;
}

/** All that the Tab key stops at, from the top of the page until it leaves it. */
async function tabStops({ page }: Stage): Promise<Stop[]> {
  const stops: Stop[] = [];
  for (;;) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const focused = document.activeElement;
      if (!(focused instanceof HTMLElement) || focused === document.body) return undefined;
      // What is drawn in the place of a choice comes behind it.
      const drawn = focused.matches("input") ? focused.nextElementSibling : undefined;
      const { outlineStyle, outlineWidth } = getComputedStyle(drawn ?? focused);
      const { left, top } = focused.getBoundingClientRect();
      return {
        name: focused.id || focused.textContent || focused.outerHTML,
        left: left + scrollX,
        top: top + scrollY,
        isRinged: outlineStyle !== "none" && outlineWidth !== "0px",
      };
    });
    if (!stop) return stops;
    stops.push(stop);
  }
}
