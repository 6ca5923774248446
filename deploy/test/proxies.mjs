// The proxies of `deploy`, each with its file as it stands there but for the addresses: of three
// nodes one is up. `make proxies` runs this; it takes a minute and a half, since links are silent.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect as dial } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import test, { after, before, describe } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Server, Told, within } from "../../clients/js/build-test/test/server.js";
import { connect } from "../../clients/js/dist/node.js";
import { freePort } from "./free_port.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WebSocket = createRequire(join(ROOT, "clients/js/package.json"))("ws");
// Longer than each proxy waits for anything but a WebSocket.
const IDLE_MS = 80_000;

/**
 * Each with its file, how it is started and told to read the file again, and the line without which
 * a WebSocket is cut: `cut` takes it out, and `by` is what then cuts.
 */
const PROXIES = [
  {
    name: "nginx",
    file: "deploy/nginx/nginx.conf",
    addresses: "addresses.conf",
    program: ["nginx", "/usr/sbin/nginx"],
    start: (file) => ["-p", `${dirname(file)}/`, "-c", file],
    reload: (proxy) => proxy.child.kill("SIGHUP"),
    cut: { file: "clients.conf", line: /660s/g, without: "2s", by: "silence" },
  },
  {
    name: "HAProxy",
    file: "deploy/haproxy/haproxy.cfg",
    program: ["haproxy", "/usr/sbin/haproxy"],
    start: (file) => ["-W", "-f", file],
    reload: (proxy) => proxy.child.kill("SIGUSR2"),
    cut: { line: /timeout tunnel 660s/, without: "timeout tunnel 2s", by: "silence" },
  },
  {
    name: "Caddy",
    file: "deploy/caddy/Caddyfile",
    program: [join(ROOT, "target/proxies/bin/caddy")],
    start: (file) => ["run", "--config", file],
    // Caddy does nothing where the file is the same.
    reload: (proxy) =>
      proxy.run(["reload", "--force", "--config", proxy.path, "--address", proxy.at(2019)]),
    // Asked to end, it waits for its streams.
    kill: "SIGKILL",
    cut: { line: /stream_close_delay 24h/, without: "", by: "reload" },
  },
  {
    name: "Apache",
    file: "deploy/apache/apache.conf",
    program: ["apache2", "/usr/sbin/apache2"],
    start: (file) => ["-d", dirname(file), "-f", file, "-D", "FOREGROUND"],
    reload: (proxy) => proxy.child.kill("SIGUSR1"),
    cut: { line: /\b(Timeout |timeout=)(60|660)\b/g, without: "$12", by: "silence" },
  },
];

/** A running proxy on ports of its own. */
class Proxy {
  constructor(kind, server) {
    this.kind = kind;
    this.server = server;
    this.folder = mkdtempSync(join(tmpdir(), "steadfast-proxy-"));
    this.path = join(this.folder, basename(kind.file));
    this.ports = new Map();
    this.told = "";
  }

  static async start(kind, server, cut) {
    const proxy = new Proxy(kind, server);
    cpSync(join(ROOT, dirname(kind.file)), proxy.folder, { recursive: true });
    await proxy.rewrite(kind.addresses ?? basename(kind.file));
    if (cut) proxy.cut(cut);
    proxy.child = spawn(proxy.program(), kind.start(proxy.path), {
      cwd: proxy.folder,
      env: { PATH: process.env.PATH, HOME: proxy.folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    proxy.child.stderr.on("data", (part) => (proxy.told += part));
    proxy.child.stdout.resume();
    await within(`${kind.name} at ${proxy.at(9080)}`, proxy.listens());
    return proxy;
  }

  /** Puts ports of this test in place of those in the file; whatever else it says stays. */
  async rewrite(name) {
    const path = join(this.folder, name);
    const text = readFileSync(path, "utf8");
    const node = { 8080: this.server.port, 8081: this.server.internalPort };
    const named = new Set(text.match(/127\.0\.0\.1:\d+/g).map((at) => Number(at.split(":")[1])));
    for (const port of [8080, 8081, 8082, 8083, 8084, 8085, 9080, 9081]) {
      assert.ok(named.has(port), `${this.kind.file} has no ${port}`);
    }
    for (const port of named) this.ports.set(port, node[port] ?? (await freePort()));
    const moved = text.replace(/127\.0\.0\.1:(\d+)/g, (_, port) => this.at(Number(port)));
    writeFileSync(path, moved);
  }

  cut({ file, line, without }) {
    const path = file ? join(this.folder, file) : this.path;
    const text = readFileSync(path, "utf8");
    const changed = text.replace(line, without);
    assert.notEqual(changed, text, `${this.kind.file} has no ${line}`);
    writeFileSync(path, changed);
  }

  /** Where the file has this port of 127.0.0.1. */
  at(port) {
    return `127.0.0.1:${this.ports.get(port)}`;
  }

  program() {
    const folders = process.env.PATH.split(":");
    const found = this.kind.program
      .flatMap((name) => (name.includes("/") ? [name] : folders.map((at) => join(at, name))))
      .find(existsSync);
    assert.ok(found, `no ${this.kind.program[0]}: \`make proxies\` installs it`);
    return found;
  }

  async listens() {
    while (!(await opens(this.ports.get(9080)))) {
      const log = join(this.folder, "error.log");
      const why = existsSync(log) ? readFileSync(log, "utf8") : this.told;
      assert.equal(this.child.exitCode, null, `${this.kind.name} ended: ${why}`);
      await pause(50);
    }
  }

  async run(args) {
    const child = spawn(this.program(), args, { env: { HOME: this.folder }, stdio: "ignore" });
    const [code] = await within(`${this.kind.name} ${args[0]}`, once(child, "exit"));
    assert.equal(code, 0, this.told);
  }

  /** As a backend does: once more where the connection was just closed, with the same key. */
  async publishes(channel, data, tries = 3) {
    const url = `http://${this.at(9081)}/v1/channels/${channel}/events`;
    const headers = { "content-type": "application/json", "idempotency-key": `${channel} ${data}` };
    const body = JSON.stringify({ event: "progress", data });
    const answer = await fetch(url, { method: "POST", headers, body }).catch((error) => {
      if (tries === 1) throw error;
    });
    if (!answer) return this.publishes(channel, data, tries - 1);
    assert.equal(answer.status, 201, await answer.text());
  }

  /** Ends it with whatever goes through it. */
  async stop() {
    const ended = once(this.child, "exit");
    this.child.kill(this.kind.kill ?? "SIGTERM");
    await within(`the end of ${this.kind.name}`, ended);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A link by hand, which says nothing between its hello and its end. */
class QuietLink {
  static made = 0;

  static async open(proxy, channel) {
    const link = new QuietLink();
    link.frames = new Told();
    // Another address than the proxy's, which is believed.
    link.socket = new WebSocket(`ws://${proxy.at(9080)}/v1/ws`, {
      localAddress: "127.0.0.2",
      headers: { "X-Forwarded-For": "203.0.113.9" },
    });
    link.closed = once(link.socket, "close");
    link.socket.on("error", () => {});
    link.socket.on("message", (text) => link.frames.push(JSON.parse(String(text))));
    link.socket.on("ping", () => link.frames.push({ type: "a ping" }));
    await within("the upgrade", once(link.socket, "open"));
    link.id = `quiet-link-${process.pid}-${QuietLink.made++}`;
    link.socket.send(
      JSON.stringify({
        type: "hello",
        link: link.id,
        generation: 1,
        heartbeat: { interval_ms: 300_000, timeout_ms: 10_000 },
        channels: [{ channel, since: "start" }],
      }),
    );
    await link.frames.first("subscribed", (frame) => frame.type === "subscribed");
    return link;
  }

  event(data) {
    const isIt = (frame) => frame.type === "event" && frame.data === data;
    return this.frames.first(`event ${data}`, isIt);
  }
}

/** An event stream, as lines. */
async function stream(proxy, channel) {
  const answer = await fetch(`http://${proxy.at(9080)}/v1/channels/${channel}/stream`);
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  const lines = new Told();
  const reading = (async () => {
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      part.split("\n").forEach(lines.push);
    }
  })();
  reading.catch(() => lines.push("the stream broke"));
  await lines.first("subscribed", (line) => line === "event: subscribed");
  return lines;
}

const has = (lines, text) => lines.first(text, (line) => line.includes(text));

async function poll(proxy, channel) {
  const answer = await fetch(`http://${proxy.at(9080)}/v1/channels/${channel}/events?wait=50`);
  assert.equal(answer.status, 200);
  return (await answer.json()).events;
}

function opens(port) {
  const socket = dial(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).finally(() => socket.destroy());
}

const BEHIND = {
  PUBLIC__TRUSTED_PROXIES: "127.0.0.1",
  PUBLIC__CLIENT_ADDRESS: "x_forwarded_for",
};

describe("behind a proxy", { concurrency: true }, () => {
  for (const kind of PROXIES) {
    describe(kind.name, { concurrency: true }, () => {
      let server, proxy, cut;
      before(async () => {
        server = await Server.dev(BEHIND);
        proxy = await Proxy.start(kind, server);
        cut = await Proxy.start(kind, server, kind.cut);
      });
      after(async () => {
        await proxy?.stop();
        await cut?.stop();
        await server?.kill();
      });

      test("the client is on a WebSocket and has each event", async () => {
        const client = connect({ url: `http://${proxy.at(9080)}` });
        try {
          const events = client.subscribe("client:1")[Symbol.asyncIterator]();
          for (const n of [1, 2, 3]) await proxy.publishes("client:1", n);
          for (const n of [1, 2, 3]) {
            assert.equal((await within("an event", events.next())).value.data, n);
          }
          const all = await server.connections();
          const own = all.filter((one) => one.channels.includes("client:1"));
          assert.deepEqual(own.map((one) => one.transport), ["websocket"]);
        } finally {
          client.close();
        }
      });

      test("an event of a stream and of a poll that waits comes at once", async () => {
        const lines = await stream(proxy, "now:1");
        const waiting = poll(proxy, "now:1");
        await proxy.publishes("now:1", "soon");
        await has(lines, '"soon"');
        assert.deepEqual((await within("the poll", waiting)).map((event) => event.data), ["soon"]);
      });

      test("a client cannot write its own address", async () => {
        const link = await QuietLink.open(proxy, "address:1");
        const row = (await server.connections()).find((one) => one.link === link.id);
        assert.equal(row.address, "127.0.0.2");
        link.socket.terminate();
      });

      test("a link, a stream and a poll may be silent", { timeout: IDLE_MS + 60_000 }, async () => {
        const link = await QuietLink.open(proxy, "idle:1");
        const lines = await stream(proxy, "idle:1");
        const [events] = await Promise.all([poll(proxy, "idle:2"), pause(IDLE_MS)]);
        assert.deepEqual(events, []);
        const said = link.frames.all.map((frame) => frame.type);
        assert.deepEqual(said, ["welcome", "subscribed"], "the link was to be silent");
        await proxy.publishes("idle:1", "late");
        await link.event("late");
        await has(lines, '"late"');
        link.socket.terminate();
      });

      test("a reload leaves what is open as it is", { timeout: 60_000 }, async () => {
        const link = await QuietLink.open(proxy, "reload:1");
        const lines = await stream(proxy, "reload:1");
        const waiting = poll(proxy, "reload:2");
        await kind.reload(proxy);
        // What the new processes serve is seen by a new link each time.
        for (const n of [1, 2, 3]) {
          (await QuietLink.open(proxy, "reload:3")).socket.terminate();
          await proxy.publishes("reload:1", `after ${n}`);
          await link.event(`after ${n}`);
          await has(lines, `"after ${n}"`);
          await pause(1_000);
        }
        await proxy.publishes("reload:2", "polled");
        assert.equal((await within("the poll", waiting))[0].data, "polled");
        link.socket.terminate();
      });

      test(`without its line for it a link is cut by ${kind.cut.by}`, async () => {
        const link = await QuietLink.open(cut, "cut:1");
        if (kind.cut.by === "reload") await kind.reload(cut);
        await within("the cut", link.closed);
      });
    });
  }
});
