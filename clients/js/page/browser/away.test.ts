// Nobody looks, or the page goes: hidden, frozen, loaded anew, opened a second time.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Stage } from "./stage.js";
import { assertRowsFit, assertWhole } from "./whole.js";

let stage: Stage;
afterEach(() => stage.close());

test("a reload in the middle of a job keeps all that was seen and goes on from there", async () => {
  stage = await Stage.open();
  const channel = await stage.startsJob(20_000);
  await stage.seesEvents(5);
  await stage.page.reload();
  assert.equal(await stage.page.locator("#channel").textContent(), channel);
  const after = await stage.rows();
  assert.ok(after.length >= 5, "what was seen is still there");
  await stage.seesEvents(after.length + 5);
  await assertRowsFit(stage, channel, await stage.rows());
  await stage.page.reload();
  await assertWhole(stage, channel);
  await stage.sees("#history", /You: Page reloaded/);
});

test("a reload while the network is cut loses nothing either", async () => {
  stage = await Stage.open();
  const channel = await stage.startsJob(15_000);
  await stage.seesEvents(3);
  await stage.turns("cut", true);
  const before = await stage.rows();
  await stage.published(channel, (before.at(-1)?.offset ?? 0) + 8);
  await stage.page.reload();
  await assertWhole(stage, channel);
});

test("a hidden tab that is frozen goes on where it was when it thaws", async () => {
  stage = await Stage.open();
  const channel = await stage.startsJob(30_000);
  await stage.seesEvents(3);
  await stage.page.evaluate(() => {
    const told = document.documentElement.dataset;
    const tell = (what: string): void => {
      told["seen"] += ` ${what}`;
    };
    document.addEventListener("visibilitychange", () => tell(document.visibilityState));
    for (const name of ["freeze", "resume"]) document.addEventListener(name, () => tell(name));
    told["seen"] = "";
  });
  // Another tab in front hides this one.
  const other = await stage.context.newPage();
  await other.goto("about:blank");
  await other.bringToFront();
  await stage.devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  const before = (await stage.kept(channel)).length;
  await stage.published(channel, before + 12);
  await stage.devtools.send("Page.setWebLifecycleState", { state: "active" });
  await stage.page.bringToFront();
  await other.close();
  await stage.seesState("Connected");
  const seen = await stage.page.evaluate(() => document.documentElement.dataset["seen"]);
  assert.equal(seen, " hidden freeze resume visible");
  await stage.sees("#events li:has(.late) >> nth=0", /s late$/);
  await assertWhole(stage, channel);
});

test("a job that is opened in a second tab is there from its start", async () => {
  stage = await Stage.open();
  const channel = await stage.startsJob(6_000);
  await assertWhole(stage, channel);
  const count = (await stage.rows()).length;
  const other = await stage.context.newPage();
  await other.goto(`${stage.url}#${channel}`);
  await other.locator(`#events [data-offset="${count}"]`).waitFor();
  assert.equal(await other.locator("#events-order").textContent(), "each once, in order");
});
