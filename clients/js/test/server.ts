// The real server, for tests: the binary as a process on free ports, and what a backend does with
// it over HTTP. The binary is `SERVER_BINARY`, or the debug build of this repository.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BINARY =
  process.env.SERVER_BINARY ??
  fileURLToPath(new URL("../../../../target/debug/steadfast", import.meta.url));
/** How long anything may take that does come. */
const PATIENCE_MS = 30_000;

/** What comes of `coming`, or a failure that says what was waited for. */
export async function within<T>(what: string, coming: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`${what} did not come within ${PATIENCE_MS} ms`);
    timer = setTimeout(() => reject(error), PATIENCE_MS);
  });
  try {
    return await Promise.race([coming, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Things that come one by one, to be waited for. */
export class Told<T> {
  readonly all: T[] = [];
  private waiting: (() => void)[] = [];

  readonly push = (one: T): void => {
    this.all.push(one);
    this.waiting.splice(0).forEach((wake) => wake());
  };

  /** The first that is so, of all that have come and are to come. */
  async first(what: string, isIt: (one: T) => boolean): Promise<T> {
    return within(what, this.search(isIt));
  }

  /** So many of them. */
  async count(what: string, count: number): Promise<readonly T[]> {
    await within(`${count} × ${what}`, this.filled(count));
    return this.all;
  }

  private async search(isIt: (one: T) => boolean): Promise<T> {
    for (let next = 0; ; next++) {
      await this.filled(next + 1);
      if (isIt(this.all[next]!)) return this.all[next]!;
    }
  }

  private async filled(count: number): Promise<void> {
    while (this.all.length < count) await new Promise<void>((wake) => this.waiting.push(wake));
  }
}

/** A running node. */
export class Server {
  private constructor(
    private process: ChildProcess,
    private readonly args: readonly string[],
    private readonly env: Readonly<Record<string, string>>,
    readonly port: number,
    readonly internalPort: number,
    private readonly key: string | undefined,
  ) {}

  /** `steadfast serve --dev`, with settings by their variables, without `STEADFAST_`. */
  static dev(settings: Record<string, string> = {}): Promise<Server> {
    return Server.start(["--dev"], settings);
  }

  /** `steadfast serve` with these flags and settings; `key` is shown to the internal port. */
  static async start(
    flags: readonly string[],
    settings: Record<string, string>,
    key?: string,
  ): Promise<Server> {
    if (!existsSync(BINARY)) throw new Error(`no ${BINARY}: run \`cargo build\` first`);
    const [port, internalPort] = [await freePort(), await freePort()];
    const listen = ["--listen", `127.0.0.1:${port}`, "--internal", `127.0.0.1:${internalPort}`];
    const args = ["serve", ...flags, ...listen];
    const named = Object.entries(settings).map(([name, text]) => [`STEADFAST_${name}`, text]);
    const env = { PATH: process.env.PATH ?? "", ...Object.fromEntries(named) };
    return new Server(await run(args, env), args, env, port, internalPort, key);
  }

  /** Where clients go. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** `kill -9`, and waits for the end. */
  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await within("the end of the server", ended);
  }

  /** The same line again, once the last process has ended. */
  async restart(): Promise<void> {
    this.process = await run(this.args, this.env);
  }

  /** Publishes, which must succeed; the position. */
  async publishes(
    channel: string,
    event: string,
    data: unknown,
    more: { final?: boolean } = {},
  ): Promise<{ epoch: string; offset: number }> {
    const answer = await this.ask("POST", `/v1/channels/${channel}/events`, {
      event,
      data,
      ...more,
    });
    if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as { epoch: string; offset: number };
  }

  /** Forgets a channel. */
  async forgets(channel: string): Promise<void> {
    await this.ask("DELETE", `/v1/channels/${channel}`);
  }

  /** Live connections, as operators see them. */
  async connections(): Promise<readonly { id: string; link: string }[]> {
    const answer = await this.ask("GET", "/v1/connections");
    return ((await answer.json()) as { connections: { id: string; link: string }[] }).connections;
  }

  /** The metric of this name, without `steadfast_`. */
  async metric(name: string): Promise<number> {
    const text = await (await this.ask("GET", "/metrics")).text();
    const line = text.split("\n").find((line) => line.startsWith(`steadfast_${name} `));
    if (line === undefined) throw new Error(`no metric ${name}`);
    return Number(line.split(" ")[1]);
  }

  private ask(method: string, path: string, body?: unknown): Promise<Response> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (this.key !== undefined) headers.authorization = `Bearer ${this.key}`;
    const url = `http://127.0.0.1:${this.internalPort}${path}`;
    const text = body === undefined ? null : JSON.stringify(body);
    return within(`an answer of ${path}`, fetch(url, { method, headers, body: text }));
  }
}

/** What `steadfast` prints with these arguments. */
export async function prints(
  args: readonly string[],
  env: Record<string, string>,
): Promise<string> {
  const child = spawn(BINARY, args, { env, cwd: tmpdir(), stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (part) => (text += String(part)));
  await within("the end of the process", once(child, "close"));
  return text.trim();
}

async function run(args: readonly string[], env: Record<string, string>): Promise<ChildProcess> {
  const own = { STEADFAST_LOG: "info", ...env };
  const child = spawn(BINARY, args, {
    env: own,
    cwd: tmpdir(),
    stdio: ["ignore", "ignore", "pipe"],
  });
  // A test that fails takes its servers along.
  process.once("exit", () => child.kill("SIGKILL"));
  const lines = new Told<string>();
  createInterface(child.stderr).on("line", lines.push);
  const ended = once(child, "exit").then(() => {
    throw new Error(`the server ended: ${lines.all.join("\n")}`);
  });
  ended.catch(() => {});
  await Promise.race([
    lines.first("a server", (line) => line.includes("backends")),
    ended,
  ]);
  return child;
}

/** A port that nobody listens on, below those that the system gives to outgoing connections. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const listener = createServer();
    const tried = await new Promise<boolean>((resolve) => {
      listener.once("error", () => resolve(false));
      listener.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!tried) continue;
    await new Promise((resolve) => listener.close(resolve));
    return port;
  }
}
