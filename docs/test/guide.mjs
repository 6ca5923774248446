// What docs/ says to type. docs/first-ten-minutes.md goes into a shell from "Two keys" on, with
// other ports, and its page is looked at in a browser; docs/node.md publishes, through an outage
// too; docs/commands.md has every command, and what docs/http.md asks is answered. `make guide`.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Server, prints } from "../../clients/js/build-test/test/server.js";
import { freePort } from "../../deploy/test/free_port.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BINARY = process.env.SERVER_BINARY ?? join(ROOT, "target/debug/steadfast");
const { chromium } = createRequire(join(ROOT, "clients/js/package.json"))("playwright-core");
const PATIENCE_MS = 30_000;

const read = (page) => readFileSync(join(ROOT, "docs", page), "utf8");
const blocksOf = (page, language) =>
  [...read(page).matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, of]) => of === language)
    .map(([, , block]) => block);

/** A shell that is typed into, block by block. */
class Shell {
  constructor(folder, settings) {
    const env = { ...settings, HOME: folder, PATH: `${folder}/bin:${process.env.PATH}` };
    this.child = spawn("bash", ["--norc", "-m"], { cwd: folder, env, detached: true });
    this.said = "";
    for (const output of [this.child.stdout, this.child.stderr]) {
      output.on("data", (part) => (this.said += part));
    }
  }

  /** What it says until it is ready for the next one. */
  async types(block) {
    const from = this.said.length;
    this.child.stdin.write(`${block}\necho "the end: $?"\n`);
    const end = /the end: (\d+)\n/;
    await until(`the end of ${block}`, () => end.test(this.said.slice(from)));
    const [, code] = end.exec(this.said.slice(from));
    assert.equal(code, "0", `${block}\n${this.said.slice(from)}`);
    return this.said.slice(from).replace(end, "");
  }

  async end() {
    const ended = once(this.child, "exit");
    this.child.stdin.end("kill -9 $(jobs -p); exit\n");
    await ended;
  }
}

async function until(what, isSo) {
  const late = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    assert.ok(Date.now() < late, `${what} did not come`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

const answers = (url) => () => fetch(url).then((got) => got.ok, () => false);

test("the first ten minutes lead to a page of another origin with live events", async () => {
  const [build, keys, serve, app, breaks, list, ...others] = blocksOf("first-ten-minutes.md", "sh");
  assert.deepEqual(others, []);
  assert.match(build, /^cargo build --release\n/);
  const folder = mkdtempSync(join(tmpdir(), "steadfast-guide-"));
  mkdirSync(join(folder, "bin"));
  copyFileSync(BINARY, join(folder, "bin/steadfast"));
  copyFileSync(join(ROOT, "clients/js/dist/steadfast.min.js"), join(folder, "steadfast.min.js"));
  const [clients, backends, site] = [await freePort(), await freePort(), await freePort()];
  const moved = (block) =>
    block.replaceAll("8080", clients).replaceAll("8081", backends).replaceAll("3000", site);
  const shell = new Shell(folder, {
    STEADFAST_PUBLIC__LISTEN: `127.0.0.1:${clients}`,
    STEADFAST_INTERNAL__LISTEN: `127.0.0.1:${backends}`,
  });
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    await shell.types(moved(keys));
    await shell.types(serve);
    await until("the server", answers(`http://127.0.0.1:${backends}/readyz`));
    await shell.types(moved(app));
    await until("the page", answers(`http://localhost:${site}`));
    const page = await browser.newPage();
    await page.goto(`http://localhost:${site}`);
    const shows = (id) => page.evaluate((name) => document.getElementById(name).value, id);
    const risesFrom = (percent) => async () => Number(await shows("percent")) > percent;
    await until("connected", async () => (await shows("state")) === "connected");
    await until("an event", risesFrom(1));
    const before = Number(await shows("percent"));
    const isAway = () => document.getElementById("state").value === "reconnecting";
    const killed = page.waitForFunction(isAway);
    await shell.types(breaks);
    await killed;
    await until("connected again", async () => (await shows("state")) === "connected");
    await until("a later event", risesFrom(before + 1));
    assert.match(await shell.types(moved(list)), /"user":"ada".*"channels":\["demo:1"\]/);
  } finally {
    await browser.close();
    await shell.end();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a Node backend publishes each event once, though the node was away", async () => {
  const key = "a backend's own key";
  const signingKey = "a key that signs the tokens of tests";
  const settings = { AUTH__HS256_KEY: signingKey, INTERNAL__KEY: key };
  const folder = mkdtempSync(join(tmpdir(), "steadfast-node-"));
  const node = await Server.start(["--data-dir", join(folder, "data")], settings, key);
  try {
    const [module, example] = blocksOf("node.md", "js");
    const path = join(folder, "steadfast.mjs");
    writeFileSync(path, module);
    const { publish, token } = await import(pathToFileURL(path));
    const server = `http://127.0.0.1:${node.internalPort}`;
    const body = example.replace(/^import .*$/m, "");
    const AsyncFunction = (async () => {}).constructor;
    const runs = new AsyncFunction("publish", "server", "key", body);

    await node.kill();
    const published = runs(publish, server, key);
    await node.restart();
    await published;
    await assert.rejects(publish(server, key, "job:1", "late", {}), /^Error: 409: .*"code":/);

    const headers = { authorization: `Bearer ${token(signingKey, "ada", ["job:*"])}` };
    const page = await fetch(`${node.url}/v1/channels/job:1/events`, { headers });
    const { events, final } = await page.json();
    assert.deepEqual(events.map((one) => one.event), ["progress", "complete"]);
    assert.equal(final, true);
  } finally {
    await node.kill();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("each command has a row", async () => {
  const help = await prints(["--help"], {});
  const names = [...help.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name);
  assert.ok(names.length > 5, help);
  for (const name of names.filter((name) => name !== "help")) {
    assert.match(read("commands.md"), new RegExp(`^\\| \`steadfast ${name}\\b`, "m"), name);
  }
});

test("each request of the page about routes is answered", async () => {
  const node = await Server.dev();
  const asks = "curl --silent --output /dev/null --write-out %{http_code} --max-time 2";
  try {
    const [block] = blocksOf("http.md", "sh");
    for (const line of block.trim().split("\n")) {
      const ports = line.replaceAll("8080", node.port).replaceAll("8081", node.internalPort);
      // A stream does not end by itself.
      const command = `${ports.replace("curl", asks)} || [ $? = 28 ]`;
      const { stdout } = await promisify(execFile)("bash", ["-c", command]);
      assert.match(stdout, /^20[01]$/, line);
    }
  } finally {
    await node.kill();
  }
});
