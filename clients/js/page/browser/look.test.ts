// What the page is like to use: languages, keyboard, names for screen readers, a phone's width.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Stage } from "./stage.js";

let stage: Stage;
afterEach(() => stage.close());

test("the page speaks the browser's language, and the one that is chosen", async () => {
  stage = await Stage.open({ locale: "zh-CN" });
  await stage.seesState("已连接");
  assert.equal(await stage.page.locator("html").getAttribute("lang"), "zh-CN");
  await stage.page.getByRole("button", { name: "启动任务" }).click();
  await stage.sees("#job-step", /^第 1 步，共 6 步：电源$/);
  await stage.page.getByRole("button", { name: "English" }).click();
  await stage.seesState("Connected");
  await stage.sees("#job-step", /^Step \d of 6: /);
  await stage.page.reload();
  await stage.seesState("Connected");
  assert.equal(await stage.page.locator("html").getAttribute("lang"), "en");
});

test("everything can be done from the keyboard, and has a name", async () => {
  stage = await Stage.open();
  await stage.seesState("Connected");
  const { page } = stage;
  const reached: string[] = [];
  for (let press = 0; press < 20; press++) {
    await page.keyboard.press("Tab");
    const id = await page.evaluate(() => document.activeElement?.id ?? "");
    if (id) reached.push(id);
  }
  for (const id of ["start", "cut", "block", "stall", "crash", "restart"]) {
    assert.ok(reached.includes(id), `${id} is among ${reached.join(" ")}`);
  }
  await page.locator("#cut").focus();
  await page.keyboard.press("Space");
  await page.locator("#cut[aria-checked=true]").waitFor();
  await page.keyboard.press("Enter");
  await page.locator("#cut[aria-checked=false]").waitFor();
  await page.getByRole("switch", { name: "Block WebSocket" }).waitFor();
  await page.getByRole("radio", { name: "1 min" }).press("ArrowRight");
  assert.equal(await page.getByRole("radio", { name: "5 min" }).isChecked(), true);
  await page.locator("#start").press("Enter");
  await stage.seesEvents(1);
});

test("states and notices are read out, and the picture has words", async () => {
  stage = await Stage.open();
  await stage.startsJob(20_000);
  await stage.seesEvents(2);
  const statuses = await stage.page.getByRole("status").all();
  assert.ok(statuses.length >= 2);
  await stage.page.getByRole("img", { name: /What happened .* events.*Connected for/ }).waitFor();
  await stage.page.locator("#history li").first().waitFor({ state: "attached" });
});

for (const [width, colorScheme] of [[390, "light"], [390, "dark"], [1280, "light"]] as const) {
  test(`nothing sticks out at ${width} pixels, ${colorScheme}`, async () => {
    stage = await Stage.open({ width, height: 844, colorScheme });
    await stage.startsJob(20_000);
    await stage.seesEvents(3);
    const wide = await stage.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} pixels wide`);
  });
}

test("a person is told when as many jobs run as may", async () => {
  stage = await Stage.open();
  const start = (): Promise<Response> =>
    fetch(`${stage.url}demo/jobs`, { method: "POST", body: '{"duration_ms": 300000}' });
  const answers = await Promise.all(Array.from({ length: 16 }, start));
  assert.deepEqual(answers.map(({ status }) => status), Array<number>(16).fill(201));
  await stage.page.locator("#start").click();
  await stage.sees("#problem", /^As many jobs run as may at once\./);
});
