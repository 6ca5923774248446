// Where tokens come from, in every entry: a token, that there is none, and that nobody can say now.
// P-19

import assert from "node:assert/strict";
import { after, before, mock, test } from "node:test";
import { WebSocket } from "ws";
import type { Client, ConnectOptions } from "../../src/client.js";
import { SteadfastError } from "../../src/errors.js";
import { connect } from "../../src/node.js";
import type { TokenSource } from "../../src/token.js";
import { askToken } from "../../src/token.js";
import { WebSocketClient } from "../../src/v2.js";
import { connect as connectWechat } from "../../src/wechat.js";
import { Server, Told, prints } from "../server.js";
import { Wx } from "../wx.js";
import { HURRY } from "./subject.js";

const KEY = "0123456789abcdef0123456789abcdef";
const keys = { AUTH__HS256_KEY: KEY, INTERNAL__KEY: "a-backends-own-key-0001" };

let server: Server;
let good: string;

before(async () => {
  server = await Server.start([], keys, keys.INTERNAL__KEY);
  const env = { STEADFAST_AUTH__HS256_KEY: KEY };
  good = await prints(["token", "--subscribe", "*", "--ttl", "1h"], env);
});
after(() => server.kill());

async function asked(source: TokenSource): Promise<[unknown, string[]]> {
  const told: string[] = [];
  const token = await askToken(source, "refused", (error) =>
    told.push(`${error.code} ${error.message}`),
  );
  return [token, told];
}

test("that nobody can say now is told from that there is none", async () => {
  assert.deepEqual(await asked(() => "t"), ["t", []]);
  assert.deepEqual(await asked(() => Promise.resolve(null)), [null, []]);
  const failing: [TokenSource, RegExp][] = [
    [
      () => {
        throw new Error("bug");
      },
      /bug/,
    ],
    [() => Promise.reject(new Error("503")), /503/],
    [() => "", /neither a token nor null/],
    [() => undefined as unknown as string, /neither a token nor null/],
    [() => ({ token: "t" }) as unknown as string, /neither a token nor null/],
  ];
  for (const [source, text] of failing) {
    const [token, [told]] = await asked(source);
    assert.equal(token, undefined);
    assert.match(told!, /^token_unavailable .*called again/);
    assert.match(told!, text);
  }
});

test("an answer is waited for 30 s and no longer", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let give!: (token: string) => void;
  const late = asked(() => new Promise((resolve) => (give = resolve)));
  mock.timers.tick(29_999);
  give("just in time");
  assert.deepEqual(await late, ["just in time", []]);
  const never = asked(() => new Promise(() => {}));
  mock.timers.tick(30_000);
  const [token, [told]] = await never;
  mock.timers.reset();
  assert.equal(token, undefined);
  assert.match(told!, /over 30 s/);
});

/** One entry: its states, and what the channel's end was put down to. */
interface Entry {
  readonly states: Told<string>;
  readonly refusals: Told<SteadfastError>;
  end(): void;
}

function followed(client: Client): Entry {
  const [states, refusals] = [new Told<string>(), new Told<SteadfastError>()];
  client.onStateChange((state, _, reason) => states.push(`${state}: ${reason}`));
  client.subscribe("diagnosis:1", { onEvent: () => {}, onError: refusals.push });
  return { states, refusals, end: () => client.close() };
}

function mini(options: ConnectOptions): Entry {
  const uninstall = new Wx().install();
  const entry = followed(connectWechat(options));
  const end = (): void => {
    entry.end();
    uninstall();
  };
  return { ...entry, end };
}

function older({ url, ...options }: ConnectOptions): Entry {
  const uninstall = new Wx().install();
  const [states, refusals] = [new Told<string>(), new Told<SteadfastError>()];
  const client = new WebSocketClient();
  client.configure({ ...options, url });
  client.connect("1", {
    onStateChange: (state) => states.push(`${state}: `),
    onError: (error) => refusals.push(error as SteadfastError),
  });
  const end = (): void => {
    client.disconnect();
    uninstall();
  };
  return { states, refusals, end };
}

const ENTRIES: Record<string, (options: ConnectOptions) => Entry> = {
  node: (options) => followed(connect({ ...options, WebSocket })),
  wechat: mini,
  v2: older,
};

for (const [name, open] of Object.entries(ENTRIES)) {
  test(`${name}: a token that cannot be had for a moment ends nothing`, async () => {
    const errors = new Told<SteadfastError>();
    const whys: string[] = [];
    const token = (why: string): string => {
      whys.push(why);
      if (whys.length < 3) throw new Error(`down ${whys.length}`);
      return good;
    };
    const options = { url: server.url, token, settings: HURRY, onError: errors.push };
    const entry = open(options);
    await entry.states.first("a session", (state) => state.startsWith("connected"));
    assert.deepEqual(whys, ["first", "first", "first"]);
    assert.deepEqual(
      errors.all.map(({ code, cause }) => [code, (cause as Error).message]),
      [
        ["token_unavailable", "down 1"],
        ["token_unavailable", "down 2"],
      ],
    );
    assert.ok(!entry.states.all.some((state) => state.startsWith("disconnected")));
    assert.deepEqual(entry.refusals.all, []);
    entry.end();
  });

  test(`${name}: that there is none is told with the server's code and words`, async () => {
    const token = (): null => null;
    const entry = open({ url: server.url, token, settings: HURRY });
    await entry.refusals.count("refusal", 1);
    const [error] = entry.refusals.all;
    assert.equal(error!.code, "rejected");
    assert.match(error!.message, /4201 .*token/);
    assert.equal((error!.cause as { code: number }).code, 4201);
    entry.end();
  });
}
