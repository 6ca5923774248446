// The dashboard in a real browser, against a real server with real links. In: keys with different
// roles. Out: what an operator sees, and what becomes of a link that is disconnected.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { WebSocket } from "ws";
import { problems } from "../../page/browser/axe.js";
import { type Tab, openTab } from "../../page/browser/chromium.js";
import { type Served, serve } from "../../page/browser/serve.js";

const [OPERATOR, READER] = ["a key of an operator", "a key to look with"];
const SIGNING_KEY = "a key that signs the tokens of tests";
const CONFIG = `
[auth]
hs256_key = "${SIGNING_KEY}"
[[internal.keys]]
name = "ops"
key = "${OPERATOR}"
roles = ["read", "operate", "publish"]
[[internal.keys]]
name = "wall"
key = "${READER}"
roles = ["read"]
`;
const PATIENCE_MS = 30_000;

let folder: string;
let server: Served;
let tab: Tab;
let page: Page;
const complaints: string[] = [];
const links = new Map<string, WebSocket>();

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "steadfast-dashboard-"));
  writeFileSync(join(folder, "steadfast.toml"), CONFIG);
  server = await serve(["--config", join(folder, "steadfast.toml")]);
  await Promise.all([
    opens("ada", "android", "excellent"),
    opens("grace", "ios", "poor"),
    opens("linus", "linux", "good"),
  ]);
  tab = await openTab("en-GB");
  ({ page } = tab);
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
});

after(async () => {
  for (const link of links.values()) link.terminate();
  await tab?.end();
  await server?.end();
  rmSync(folder, { recursive: true, force: true });
});

/** A link of a user, which has said how good it is. */
async function opens(user: string, platform: string, grade: string): Promise<void> {
  const socket = new WebSocket(`ws://${server.clients}/v1/ws`);
  links.set(user, socket);
  const said = new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.on("message", (frame) => {
      if (String(frame).includes("heartbeat_ack")) resolve();
    });
  });
  socket.once("open", () => {
    const channels = [{ channel: "build:1" }, { channel: `of:${user}` }];
    const client = { name: "test", version: "1", platform };
    const heartbeat = { interval: 60_000, timeout: 60_000 };
    const link = `link-of-${user}`;
    const hello = { type: "hello", link, generation: 1, token: tokenOf(user), client };
    socket.send(JSON.stringify({ ...hello, heartbeat, channels }));
    const stats = { grade, score: 42, rtt_ms: 33, availability: 99.5, realtime_availability: 98 };
    socket.send(JSON.stringify({ type: "heartbeat", stats }));
  });
  await said;
}

function tokenOf(user: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 600;
  const head = part({ alg: "HS256", typ: "JWT" });
  const text = `${head}.${part({ sub: user, exp, subscribe: ["*"] })}`;
  return `${text}.${createHmac("sha256", SIGNING_KEY).update(text).digest("base64url")}`;
}

const visits = (fragment: string): Promise<unknown> =>
  page.goto(`http://${server.backends}/admin${fragment}`);

/** Waits until the text of an element fits. */
const sees = (selector: string, text: RegExp): Promise<void> =>
  page.locator(selector).filter({ hasText: text }).first().waitFor();

async function signsIn(key: string): Promise<void> {
  await page.fill("#key", key);
  await page.keyboard.press("Enter");
}

/** Waits for so many rows. */
async function seesRows(count: number): Promise<string[]> {
  await page.waitForFunction(
    (wanted) => document.querySelectorAll("tbody tr").length === wanted,
    count,
  );
  return page.locator("tbody tr td:first-child a").allTextContents();
}

test("only a key that the server knows opens the dashboard", async () => {
  await visits("");
  await signsIn("a key that nobody has");
  await sees("[role=alert]", /does not know this key/);
  await signsIn(OPERATOR);
  await sees("[data-tile=connections] strong", /^3$/);
  await sees("#who", /ops · operator/);
  await sees("[data-tile=availability]", /99\.50%/);
  await page.reload();
  await sees("#who", /ops/);
  assert.ok(!page.url().includes("key"), "the key is in no address");
});

test("connections are found by user, channel, address, platform and quality", async () => {
  await page.getByRole("link", { name: "Connections" }).click();
  assert.deepEqual((await seesRows(3)).sort(), ["ada", "grace", "linus"]);
  for (const [name, value] of [
    ["user", "grace"],
    ["channel", "of:grace"],
    ["platform", "IOS"],
  ] as const) {
    await visits("#/connections");
    await seesRows(3);
    await page.keyboard.press("/");
    await page.selectOption("#search-by", name);
    await page.fill("#search-for", value);
    await page.keyboard.press("Enter");
    assert.deepEqual(await seesRows(1), ["grace"], name);
  }
  await visits("#/connections?address=127.0.0.0%2F8&grade=poor");
  assert.deepEqual(await seesRows(1), ["grace"]);
  await page.locator(".chips a").nth(1).click();
  await seesRows(3);
});

test("one connection is shown with what happened to its link", async () => {
  await page.getByRole("link", { name: "grace", exact: true }).click();
  await sees("h1", /^grace$/);
  await sees(".terms", /link-of-grace/);
  await sees("#timeline li[data-type=reported]", /Poor.*score 42 · round trip 33 ms/);
  await sees("#timeline li[data-type=opened]", /Session 1 began over WebSocket/);
});

test("a link is disconnected once that is confirmed, and the log says by whom", async () => {
  const socket = links.get("grace");
  assert.ok(socket);
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  const disconnect = page.locator("#actions").getByRole("button", { name: /^Disconnect …/ });
  await disconnect.click();
  await sees("dialog", /Disconnect this link\?/);
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  assert.equal(socket.readyState, WebSocket.OPEN, "Escape does nothing");
  await disconnect.click();
  await page.locator("dialog").getByRole("button", { name: "Disconnect" }).click();
  assert.equal(await closed, 4402);
  await sees(".warning", /This session has ended/);
  const line = server.log.find((one) => one.includes("audit"));
  assert.match(line ?? "", /ops/);
  assert.match(line ?? "", /DELETE \/v1\/connections\/\{id\}/);
  assert.ok(!server.log.some((one) => one.includes(OPERATOR)), "no key is logged");
});

test("an event is published to a channel, and is seen there", async () => {
  await visits("#/channels/build%3A1");
  await page.fill("#event-name", "progress");
  await page.fill("#event-data", '{"percent": 40');
  await page.getByRole("button", { name: "Publish" }).click();
  await sees("[role=alert]", /not JSON/);
  await page.fill("#event-data", '{"percent": 40}');
  await page.getByRole("button", { name: "Publish" }).click();
  await sees("td", /"percent":40/);
  await visits("#/channels");
  await sees("tbody td", /^build:1$/);
});

test("a key to look with is offered nothing to do", async () => {
  await page.getByRole("button", { name: "Sign out" }).click();
  await signsIn(READER);
  await sees("#who", /wall · read only/);
  await visits("#/connections?user=ada");
  await seesRows(1);
  assert.equal(await page.getByRole("button", { name: /Disconnect/ }).count(), 0);
  await page.getByRole("link", { name: "ada", exact: true }).click();
  await sees("#timeline li", /WebSocket/);
  assert.equal(await page.locator("#actions button").count(), 0);
  await visits("#/channels/build%3A1");
  await sees("td", /percent/);
  assert.equal(await page.locator("main form, main .danger").count(), 0);
});

test("axe finds nothing in any part, light or dark, and nothing is too wide", async () => {
  for (const [part, seen, colorScheme] of [
    ["#/", "#attention li", "light"],
    ["#/connections?platform=linux", "tbody tr", "dark"],
    ["#/channels/build%3A1", "tbody tr", "light"],
    ["#/nodes", ".terms dd", "dark"],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await visits(part);
    await page.locator(seen).first().waitFor();
    assert.deepEqual(await problems(page), [], `${part} ${colorScheme}`);
    await page.setViewportSize({ width: 390, height: 844 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(over, 0, `${part} is too wide`);
    await page.setViewportSize({ width: 1280, height: 900 });
  }
});

test("everything is said in Chinese, over a reload too", async () => {
  await visits("#/");
  await page.selectOption("#language", "zh-CN");
  await sees("nav", /概览.*连接.*频道.*节点/);
  await sees("[data-tile=connections] h2", /连接数/);
  await page.reload();
  await sees("#attention", /一切正常/);
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
});

test("a node is drained once that is confirmed", async () => {
  await visits("#/nodes");
  assert.equal(await page.locator("main .danger:visible").count(), 0, "not by who only looks");
  await page.locator(".tools button").click();
  await signsIn(OPERATOR);
  await page.locator("main .danger").click();
  await page.locator("dialog .danger").click();
  await sees(".terms .badge", /排空中/);
  await sees(".node-name", /排空中/);
});

test("a lost server is told, and what is seen is marked as old", async () => {
  const others = complaints.filter((one) => !/Failed to load resource.*(401|404)/.test(one));
  assert.deepEqual(others, [], "nothing breaks the policy of the page, or fails");
  await server.end();
  await sees("#lost", /与服务器的连接已断开.*秒后重试/);
  assert.ok(await page.locator("main.old").count());
});
