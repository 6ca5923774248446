// The built client in every runtime that it is for: Node 20 to 26 and Bun, by `ws` and by the
// WebSocket that is built in. `runtimes/` has the binaries.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, type Socket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Proxy } from "../proxy.js";
import { Server, Told, within } from "../server.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const RUNTIMES = [20, 22, 24, 26].map((version) => [`Node ${version}`, `node-${version}/bin/node`]);
RUNTIMES.push(["Bun", "@oven/bun-linux-x64/bin/bun"]);
/** Longer than a goodbye to a peer that does not answer, with room for a busy machine. */
const END_MAX_MS = 10_000;

interface Line {
  readonly ms: number;
  readonly state?: string;
  readonly reason?: string;
  readonly offset?: number;
  readonly threw?: string;
  readonly closed?: boolean;
  readonly exit?: boolean;
}

const lives: ChildProcess[] = [];
let server: Server;
/** The built client where no package `ws` is near. */
let alone: string;

before(async () => {
  assert.ok(existsSync(`${ROOT}dist/node.js`), "run `npm run build` first");
  server = await Server.dev();
  alone = mkdtempSync(join(tmpdir(), "steadfast-runtimes-"));
  cpSync(`${ROOT}dist`, `${alone}/dist`, { recursive: true });
  cpSync(`${ROOT}package.json`, `${alone}/package.json`);
});
after(async () => {
  // One whose test failed may never end.
  for (const life of lives) life.kill("SIGKILL");
  rmSync(alone, { recursive: true, force: true });
  await server.kill();
});

/** A life in this runtime; `ws`: as installed beside it, `builtin`: with none there. */
function live(binary: string, socket: "ws" | "builtin", url: string) {
  const entry = pathToFileURL(`${socket === "ws" ? ROOT : `${alone}/`}dist/node.js`).href;
  const args = [`${ROOT}runtimes/life.mjs`, entry, url, socket];
  const child = spawn(binary, args, { stdio: ["pipe", "pipe", "inherit"] });
  lives.push(child);
  const told = new Told<Line>();
  createInterface(child.stdout).on("line", (line) => told.push(JSON.parse(line) as Line));
  const ended = once(child, "exit");
  return {
    told,
    becomes: (state: string) => told.first(state, (line) => line.state === state),
    /** Closes the client; how long the process lived on. */
    async close(): Promise<number> {
      child.stdin.write("close\n");
      child.stdin.end();
      try {
        await within("the end of the process", ended);
      } finally {
        child.kill("SIGKILL");
      }
      const of = (is: (line: Line) => boolean | undefined) => told.all.find((line) => is(line));
      return of((line) => line.exit)!.ms - of((line) => line.closed)!.ms;
    },
  };
}

/** Says welcome, and then nothing any more: no close is answered. */
async function frozen() {
  const told = new Told<string>();
  const sockets: Socket[] = [];
  const listener = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("close", () => told.push("gone"));
    let head = "";
    socket.on("data", (part) => {
      if (head.includes("\r\n\r\n")) return;
      head += String(part);
      const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1];
      if (head.includes("\r\n\r\n") && key !== undefined) socket.write(welcome(key));
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;
  const end = (): void => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  };
  return { url: `http://127.0.0.1:${port}`, told, end };
}

/** The answer to an upgrade, and the first frame. */
function welcome(key: string): Buffer {
  const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64");
  const head =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`;
  const text = Buffer.from(JSON.stringify(WELCOME));
  const frame = Buffer.from([0x81, 126, text.length >> 8, text.length & 255]);
  return Buffer.concat([Buffer.from(head), frame, text]);
}

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const WELCOME = {
  type: "welcome",
  link: "l",
  node: "n",
  region: "r",
  heartbeat: { interval: 500, timeout: 4_000 },
  limits: { message_bytes: 1_048_576, queue_messages: 32, channels: 128 },
  crash_window_ms: 4_000,
  server_time: "2026-02-28T00:00:00.000Z",
};

for (const [name, path] of RUNTIMES) {
  const binary = `${ROOT}runtimes/node_modules/${path}`;
  for (const socket of ["ws", "builtin"] as const) {
    if (socket === "builtin" && name === "Node 20") continue;
    const title = `${name}, ${socket}`;

    test(`${title}: a connection that fails is told at once, and a cut is mended`, async () => {
      const proxy = await Proxy.start(server.port);
      proxy.mode = "refuse";
      const life = live(binary, socket, proxy.url);
      const failed = await life.becomes("reconnecting");
      assert.equal(failed.reason, "unreachable");
      proxy.mode = "pass";
      await life.becomes("connected");
      const { offset } = await server.publishes("runtimes:1", "progress", 1);
      await life.told.first("an event", (line) => line.offset === offset);
      proxy.cut();
      const lost = await life.told.first("a loss", ({ reason }) => reason === "lost");
      await life.told.first("a session", ({ state, ms }) => state === "connected" && ms > lost.ms);
      assert.ok(!life.told.all.some(({ state }) => state === "fallback"));
      const lived = await life.close();
      assert.ok(lived < END_MAX_MS, `lived for ${lived} ms`);
      proxy.end();
    });

    test(`${title}: a process ends although its server has frozen`, async () => {
      const peer = await frozen();
      const life = live(binary, socket, peer.url);
      await life.becomes("connected");
      const lived = await life.close();
      assert.ok(lived < END_MAX_MS, `lived for ${lived} ms`);
      peer.end();
    });

    test(`${title}: a dead session leaves no connection behind`, async () => {
      const peer = await frozen();
      const life = live(binary, socket, peer.url);
      await life.becomes("connected");
      await life.becomes("reconnecting");
      await peer.told.first("the end of its connection", (what) => what === "gone");
      await life.close();
      peer.end();
    });
  }
}

test("a Node without any WebSocket says what to do", async () => {
  const life = live(`${ROOT}runtimes/node_modules/node-20/bin/node`, "builtin", server.url);
  await life.told.first("an error", ({ threw }) => threw === "no_websocket");
});
