// Publishing from a backend and tokens: what is retried and for how long, in virtual time; and all
// of it against the real server.

import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, verify } from "node:crypto";
import { type RequestListener, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { PublishOptions, Receipt } from "../../src/server.js";
import {
  BatchError,
  PublishError,
  Publisher,
  SteadfastError,
  isSteadfastError,
  makeToken,
} from "../../src/server.js";
import { type Entry, publishBatch } from "../../src/server/batch.js";
import { Exchange, type Io, type NoResponse, type Request } from "../../src/server/exchange.js";
import type { Response } from "../../src/server/problem.js";
import { policyOf } from "../../src/server/retry.js";
import { Server, Told } from "../server.js";
import { closeAll, follow, subject, upTo } from "./subject.js";

const KEY = "0123456789abcdef0123456789abcdef";
const BACKEND = "a-backends-own-key-0001";

type Outcome = Response | NoResponse;

/** A server that answers from a list, its last answer for ever, and a clock that turns at once. */
class Script implements Io {
  readonly requests: Request[] = [];
  readonly pauses: number[] = [];
  private time = 0;

  constructor(private readonly outcomes: readonly Outcome[]) {}

  post(request: Request): Promise<Outcome> {
    const nth = Math.min(this.requests.push(request), this.outcomes.length) - 1;
    const outcome = this.outcomes[nth]!;
    this.time += "why" in outcome && outcome.wasSent ? request.timeoutMs : 1;
    return Promise.resolve(outcome);
  }

  pause(ms: number): Promise<void> {
    this.pauses.push(ms);
    this.time += ms;
    return Promise.resolve();
  }

  now = (): number => this.time;
  wall = (): number => Date.parse("2026-03-01T00:00:00Z") + this.time;
  random = (): number => 0.5;
}

const answer = (status: number, body: unknown, retryAfter: string | null = null): Response => ({
  status,
  retryAfter,
  text: typeof body === "string" ? body : JSON.stringify(body),
});
const busy = (status: number, retryAfter: string | null = null): Response =>
  answer(status, { code: "busy", detail: "come later" }, retryAfter);
const LOST: NoResponse = { why: "cut", wasSent: true };
const UNREACHED: NoResponse = { why: "refused", wasSent: false };
const DONE = answer(200, {});

async function failure(call: Promise<unknown>): Promise<PublishError> {
  const error = await call.then(() => assert.fail("it did not fail"), (error: unknown) => error);
  assert.ok(error instanceof PublishError, String(error));
  return error;
}

test("a request is repeated with its key behind a pause that grows", async () => {
  const script = new Script([busy(503), LOST, busy(429, "3"), DONE]);
  await new Exchange(script, policyOf()).send("/p", "{}", "k");
  assert.deepEqual(script.pauses, [250, 500, 3000 + 1000]);
  assert.deepEqual(
    script.requests.map(({ idempotencyKey }) => idempotencyKey),
    ["k", "k", "k", "k"],
  );
});

test("a date is a hint, too", async () => {
  const script = new Script([busy(503, "Sun, 01 Mar 2026 00:00:05 GMT"), DONE]);
  await new Exchange(script, policyOf()).send("/p", "{}");
  assert.deepEqual(script.pauses, [4999 + 250]);
});

test("no call takes longer than its deadline, and its last attempt has time", async () => {
  const script = new Script([UNREACHED]);
  const error = await failure(new Exchange(script, policyOf()).send("/p", "{}"));
  assert.ok(script.now() <= 30_000, `${script.now()}`);
  assert.ok(script.now() >= 28_000, `${script.now()}`);
  assert.equal(script.requests.at(-1)!.timeoutMs >= 999, true);
  assert.deepEqual([error.code, error.isUncertain, error.isRetryable], ["no_answer", false, true]);
  assert.equal(error.attempts, script.requests.length);
});

test("what was sent and not answered is uncertain", async () => {
  const script = new Script([LOST, UNREACHED]);
  assert.ok((await failure(new Exchange(script, policyOf()).send("/p", "{}"))).isUncertain);
});

test("a refusal is final at once, also one of a proxy", async () => {
  for (const [refusal, code] of [
    [answer(403, { code: "forbidden", detail: "no" }), "forbidden"],
    [answer(413, "<h1>too\n large</h1>"), "http_413"],
  ] as const) {
    const script = new Script([refusal]);
    const error = await failure(new Exchange(script, policyOf()).send("/p", "{}"));
    assert.deepEqual([error.code, error.attempts, error.isRetryable], [code, 1, false]);
    assert.equal(script.pauses.length, 0);
  }
});

const entry = (channel: string, n: number): Entry => {
  const body = JSON.stringify({ channel, data: n });
  return { channel, body, bytes: body.length };
};
const at = (channel: string, offset: number) => ({ channel, epoch: "e", offset });
const later = { error: { status: 503, code: "busy", detail: "later" } };

test("an event of a batch that is late is sent again unless a later one is there", async () => {
  const script = new Script([
    answer(200, { results: [later, at("a:1", 1), later, at("c:1", 1)] }),
    answer(200, { results: [at("b:1", 1)] }),
  ]);
  const entries = [entry("a:1", 1), entry("a:1", 2), entry("b:1", 3), entry("c:1", 4)];
  const error = await publishBatch(script, policyOf(), entries).then(
    () => assert.fail("it did not fail"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof BatchError);
  const told = error.results.map((one) => (one instanceof PublishError ? one.code : one.offset));
  assert.deepEqual(told, ["busy", 1, 1, 1]);
  assert.equal(script.requests[1]!.body, `{"events":[${entries[2]!.body}]}`);
});

test("a request has at most 1000 events and 1 MiB", async () => {
  const results = (count: number) => ({ results: upTo(count).map((n) => at("a:1", n)) });
  const many = upTo(1001).map((n) => entry("a:1", n));
  const counted = new Script([answer(200, results(1000)), answer(200, results(1))]);
  assert.equal((await publishBatch(counted, policyOf(), many)).length, 1001);
  const large = upTo(3).map(() => ({ ...entry("a:1", 1), bytes: 512 * 1024 - 1 }));
  const weighed = new Script([answer(200, results(2)), answer(200, results(1))]);
  assert.equal((await publishBatch(weighed, policyOf(), large)).length, 3);
  const none = new Script([]);
  assert.deepEqual(await publishBatch(none, policyOf(), []), []);
});

test("times are taken at their limits and refused past them", () => {
  assert.equal(policyOf({ deadlineMs: 240_000 }).deadlineMs, 240_000);
  for (const wrong of [0, 240_001, NaN]) {
    assert.throws(() => policyOf({ attemptMs: wrong }), /attemptMs is above 0/);
  }
});

let server: Server;
let guarded: Server;
before(async () => {
  server = await Server.dev();
  const keys = { AUTH__HS256_KEY: KEY, INTERNAL__KEY: BACKEND };
  guarded = await Server.start([], keys, BACKEND);
});
after(async () => {
  closeAll();
  await server.kill();
  await guarded.kill();
});

const internal = (one: Server): string => `http://127.0.0.1:${one.internalPort}`;

test("events, batches and the end reach whoever follows", async () => {
  const publisher = new Publisher({ url: internal(server) });
  const { client } = subject(`http://127.0.0.1:${server.port}`);
  const { events, subscription } = follow(client, "backend:1");
  const first = await publisher.publish("backend:1", "progress", { n: 1 }, { replace: "bar" });
  assert.deepEqual([first.channel, first.offset, first.isRepeated], ["backend:1", 1, false]);
  const batch = await publisher.publishMany([
    { channel: "backend:1", event: "progress", data: { n: 2 } },
    { channel: "backend:1", event: "complete", final: true },
  ]);
  assert.deepEqual(batch.map(({ offset }) => offset), [2, 3]);
  await subscription.finished;
  assert.deepEqual(events.all.map(({ data }) => data), [{ n: 1 }, { n: 2 }, null]);
  const error = await failure(publisher.publish("backend:1", "more"));
  assert.deepEqual([error.code, error.status, error.attempts], ["channel_finished", 409, 1]);
});

test("a repeat with the same key makes no second event", async () => {
  const publisher = new Publisher({ url: `${internal(server)}/` });
  const options: PublishOptions = { idempotencyKey: "order 17" };
  const publish = (): Promise<Receipt> => publisher.publish("backend:2", "note", 1, options);
  const [one, two] = [await publish(), await publish()];
  assert.deepEqual([one.offset, two.offset, two.isRepeated], [1, 1, true]);
});

test("an answer that was lost is asked for again, and the event is there once", async () => {
  const keys = new Told<unknown>();
  const lossy: RequestListener = (request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      keys.push(request.headers["idempotency-key"]);
      const headers = request.headers as Record<string, string>;
      const { "idempotency-key": key = "", "content-type": type = "" } = headers;
      void fetch(internal(server) + request.url, {
        method: "POST",
        headers: { "Idempotency-Key": key, "Content-Type": type },
        body: Buffer.concat(pieces),
      }).then(async (answer) => {
        const text = await answer.text();
        if (keys.all.length === 1) request.socket.destroy();
        else response.writeHead(answer.status).end(text);
      });
    });
  };
  const path = createServer(lossy).listen(0, "127.0.0.1");
  const url = (): string => `http://127.0.0.1:${(path.address() as AddressInfo).port}`;
  await new Promise((resolve) => path.once("listening", resolve));
  const publisher = new Publisher({ url: url(), retry: { pauseFirstMs: 100 } });
  const receipt = await publisher.publish("backend:3", "note");
  path.close();
  assert.deepEqual([receipt.offset, receipt.isRepeated], [1, true]);
  assert.equal(new Set(keys.all).size, 1);
  assert.equal(keys.all.length, 2);
});

test("the backend's key is sent, and a wrong one is refused without a word of it", async () => {
  const url = internal(guarded);
  assert.equal((await new Publisher({ url, key: BACKEND }).publish("a:1", "x")).offset, 1);
  const error = await failure(new Publisher({ url, key: "wrong-key" }).publish("a:1", "x"));
  assert.equal(error.status, 401);
  assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /wrong-key/);
});

test("what cannot be published is refused before it is sent", async () => {
  const publisher = new Publisher({ url: internal(server) });
  const circle: unknown[] = [];
  circle.push(circle);
  for (const [code, call] of [
    ["bad_name", publisher.publish("no name!", "x")],
    ["bad_name", publisher.publish("a:1", "")],
    ["bad_data", publisher.publish("a:1", "x", circle)],
    ["bad_idempotency_key", publisher.publish("a:1", "x", 1, { idempotencyKey: "é" })],
    ["bad_name", publisher.publishMany([{ channel: "a:1", event: "x".repeat(129) }])],
    ["bad_option", publisher.publish("a:1", "x", 1, { retry: { deadlineMs: 240_001 } })],
  ] as const) {
    const error = await call.then(() => undefined, (error: unknown) => error);
    assert.ok(isSteadfastError(error) && error.code === code, `${code}: ${error}`);
  }
  for (const url of ["nowhere", "ftp://h", "http://user:secret@h", "http://h?key=secret"]) {
    assert.throws(() => new Publisher({ url }), /^SteadfastError: no address/);
  }
});

test("nobody there is no answer, and nothing uncertain", async () => {
  const nobody = new Publisher({ url: "http://127.0.0.1:9", retry: { deadlineMs: 300 } });
  const error = await failure(nobody.publish("a:1", "x"));
  assert.deepEqual([error.code, error.isUncertain], ["no_answer", false]);
});

test("a token of this makes a link that may do what it says and no more", async () => {
  const token = makeToken(`${KEY}\n`, { sub: "anna", subscribe: ["job:*"], publish: ["job:1"] });
  const { client } = subject(`http://127.0.0.1:${guarded.port}`, { token });
  const { events } = follow(client, "job:1");
  const other = follow(client, "private:1");
  await client.publish("job:1", "note", "hello");
  await events.count("event", 1);
  assert.equal((await other.errors.count("error", 1))[0]!.code, "forbidden");
});

const partsOf = (token: string): [string, Record<string, unknown>, Buffer] => {
  const [head, claims, signature] = token.split(".") as [string, string, string];
  const read = JSON.parse(Buffer.from(claims, "base64url").toString()) as Record<string, unknown>;
  return [`${head}.${claims}`, read, Buffer.from(signature, "base64url")];
};

test("claims are those of docs/tokens.md, for each kind of key", () => {
  const options = { sub: "u", issuer: "i", audience: "a", jti: "j", ttlSeconds: 60 } as const;
  const [text, claims, mac] = partsOf(makeToken(KEY, { ...options, presence: ["*"] }));
  assert.deepEqual(mac, createHmac("sha256", KEY).update(text).digest());
  const { iat, exp, ...rest } = claims;
  assert.ok(Number(exp) - Number(iat) >= 60 && Number(exp) - Number(iat) <= 61);
  assert.deepEqual(rest, { sub: "u", iss: "i", aud: "a", jti: "j", presence: ["*"] });
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = ec.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const [signed, , signature] = partsOf(makeToken(pem, { algorithm: "ES256", kid: "k1" }));
  const key = { key: ec.publicKey, dsaEncoding: "ieee-p1363" as const };
  assert.ok(verify("sha256", Buffer.from(signed), key, signature));
  const ed = generateKeyPairSync("ed25519");
  const edPem = ed.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const [edText, , edSignature] = partsOf(makeToken(edPem, { algorithm: "EdDSA" }));
  assert.ok(verify(null, Buffer.from(edText), ed.publicKey, edSignature));
  assert.throws(() => makeToken(pem, { algorithm: "ES384" }), /does not fit ES384/);
  assert.throws(() => makeToken(pem), /takes a secret/);
});

test("what every server would refuse is refused here, and no key is quoted", () => {
  const many = upTo(257).map((n) => `a:${n}`);
  for (const [key, options, why] of [
    ["short", {}, /32 bytes at least/],
    [KEY, { ttlSeconds: 0 }, /1 s at least/],
    [KEY, { sub: "" }, /`sub` has 1 to 255 bytes/],
    [KEY, { sub: "x".repeat(256) }, /`sub` has 1 to 255 bytes/],
    [KEY, { subscribe: many }, /at most 256 entries, not 257/],
    [KEY, { subscribe: ["a b"] }, /"a b" is no channel/],
    ["nonsense", { algorithm: "RS256" }, /does not fit RS256/],
  ] as const) {
    assert.throws(
      () => makeToken(key, options),
      (error: unknown) =>
        error instanceof SteadfastError && why.test(error.message) && !error.message.includes(key),
    );
  }
  assert.ok(makeToken(KEY, { subscribe: many.slice(1), sub: "x".repeat(255) }));
});
