// The network goes and comes back: silently, as the device notices, as a stall, as a crash.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Stage } from "./stage.js";
import { assertRowsFit, assertWhole } from "./whole.js";

const GREY = "rgb(204, 204, 204)";
const GREEN = "rgb(82, 196, 26)";
const RED = "rgb(255, 77, 79)";

let stage: Stage;
afterEach(() => stage.close());

test("a silent cut is noticed and told, and nothing is lost over it", async () => {
  stage = await Stage.open();
  await stage.seesState("Connected");
  assert.equal(await stage.signColour(), GREEN);
  await stage.sees("#availability", /^–$/);
  const channel = await stage.startsJob(40_000);
  await stage.seesEvents(3);
  await stage.turns("cut", true);
  const before = (await stage.rows()).length;
  await stage.seesState("Reconnecting");
  assert.equal(await stage.signColour(), RED);
  await stage.sees("#state-next", /^Next attempt in \d+ s$/);
  await stage.sees("#state-why", /^(Nothing was heard for too long|No answer in time)/);
  await stage.sees("#notice", /^Reconnecting… What you see stays here/);
  assert.equal((await stage.rows()).length, before, "nothing gets through a cut");
  await stage.turns("cut", false);
  // Polls may bring the events first, where an attempt hangs that began in the dark.
  await stage.seesState("Connected");
  await stage.page.locator("#timeline .flight[data-name=late]").first().waitFor();
  await stage.page.locator("#timeline .replaced").first().waitFor({ state: "attached" });
  await stage.sees("#events li:has(.late) >> nth=0", /s late$/);
  await assertWhole(stage, channel);
  const states = await stage.states();
  assert.deepEqual(states.slice(0, 3), ["connecting", "connected", "reconnecting"]);
  await stage.sees("#number-reconnects", /^[1-9]\d* \(\d+ succeeded, /);
});

test("a device without a network says so, and goes on by itself", async () => {
  stage = await Stage.open();
  const channel = await stage.startsJob(20_000);
  await stage.seesEvents(3);
  await stage.setsOffline(true);
  await stage.seesState("Disconnected");
  assert.equal(await stage.signColour(), RED);
  await stage.sees("#state-why", /^This device has no network\./);
  await stage.sees("#notice", /^You're offline/);
  const before = await stage.rows();
  await stage.published(channel, (before.at(-1)?.offset ?? 0) + 10);
  await stage.setsOffline(false);
  await stage.seesState("Connected");
  await assertWhole(stage, channel);
});

test("a stall holds events back, and all of them come when it ends", async () => {
  stage = await Stage.open();
  const channel = await stage.startsJob(20_000);
  await stage.seesEvents(3);
  await stage.turns("stall", true);
  await stage.sees("#state-why", /^You keep everything from getting through\./);
  const before = await stage.rows();
  await stage.published(channel, (before.at(-1)?.offset ?? 0) + 5);
  assert.deepEqual(await stage.rows(), before, "nothing moves in a stall");
  await stage.turns("stall", false);
  await stage.seesEvents(before.length + 1);
  await assertRowsFit(stage, channel, await stage.rows());
  await assertWhole(stage, channel);
});

test("a crash is over in a moment, and a closed link stays so until it is restarted", async () => {
  stage = await Stage.open();
  const channel = await stage.startsJob(30_000);
  await stage.seesEvents(3);
  await stage.page.locator("#crash").click();
  await stage.sees("#history", /Reconnecting\. The connection broke/);
  await stage.seesState("Connected");
  await stage.page.getByRole("button", { name: "Close the link" }).click();
  await stage.seesState("Disconnected");
  assert.equal(await stage.signColour(), GREY);
  await stage.sees("#state-why", /^The link was closed\./);
  const before = await stage.rows();
  await stage.published(channel, (before.at(-1)?.offset ?? 0) + 5);
  assert.deepEqual(await stage.rows(), before, "a closed link is handed nothing");
  await stage.page.getByRole("button", { name: "Restart the link" }).click();
  await stage.seesState("Connected");
  await assertWhole(stage, channel);
  await stage.seesState("Finished");
  assert.equal(await stage.signColour(), GREEN);
  await stage.sees("#state-why", /^The job has ended/);
  assert.equal(await stage.page.locator("#crash").isDisabled(), true, "there is nothing to break");
});
