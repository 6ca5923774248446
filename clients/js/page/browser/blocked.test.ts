// WebSocket does not get through while HTTP does: the server plays the middlebox.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Stage } from "./stage.js";
import { assertWhole } from "./whole.js";

const ORANGE = "rgb(250, 140, 22)";
const CLASSIC = "rgb(255, 77, 79)";

let stage: Stage;
afterEach(() => stage.close());

test("events go on by polling while WebSocket is blocked, and come live after it", async () => {
  stage = await Stage.open();
  const channel = await stage.startsJob(70_000);
  await stage.seesEvents(3);
  await stage.turns("block", true);
  await stage.seesState("Fallback");
  assert.equal(await stage.signColour(), ORANGE);
  await stage.page.getByRole("button", { name: "Classic" }).click();
  assert.equal(await stage.signColour(), CLASSIC);
  await stage.page.getByRole("button", { name: "Standard" }).click();
  await stage.sees("#state-next", /^Tries WebSocket again in \d+ s$/);
  await stage.sees("#state-why", /^WebSocket doesn't get through\. Polling for events instead\.$/);
  const before = (await stage.rows()).length;
  await stage.seesEvents(before + 5);
  await stage.seesState("Fallback");
  await stage.sees("#notice", /^Live updates don't get through right now/);
  await stage.turns("block", false);
  await stage.seesState("Connected");
  await assertWhole(stage, channel);
  const states = await stage.states();
  assert.equal(states.filter((state) => state === "fallback").length, 1, states.join(" "));
  // Polling counts as available, though not as live.
  const share = async (id: string): Promise<number> =>
    parseFloat((await stage.page.locator(id).textContent()) ?? "");
  const [available, realtime] = [await share("#availability"), await share("#number-realtime")];
  assert.ok(available > realtime, `${available} over ${realtime}`);
});

test("a page that is opened while WebSocket is blocked falls back at once", async () => {
  stage = await Stage.open();
  await stage.turns("block", true);
  await stage.page.reload();
  await stage.page.locator("#block[aria-checked=true]").waitFor();
  const channel = await stage.startsJob(3_000);
  await assertWhole(stage, channel);
  assert.ok((await stage.states()).includes("fallback"));
});
