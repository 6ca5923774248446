// Sockets and requests in Node, against answers of every kind.

import assert from "node:assert/strict";
import { type AddressInfo, type Server, createServer } from "node:net";
import { after, test } from "node:test";
import { WebSocket } from "ws";
import { retryAfterMs } from "../../src/answer.js";
import { endpoint, socketUrl } from "../../src/endpoint.js";
import type { Answer, DialFailure } from "../../src/transport.js";
import { node } from "../../src/transport/node.js";
import { within } from "../server.js";

const open: Server[] = [];
after(() => open.forEach((server) => server.close()));

/** Somebody who answers everything with this text; the base URL. */
async function answering(text: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(text));
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const { openSocket, request } = node(WebSocket);

function dialed(base: string): Promise<DialFailure> {
  const failed = new Promise<DialFailure>((onFail) => {
    const never = (): void => assert.fail("told something else");
    openSocket(socketUrl(endpoint(base)), { onOpen: never, onText: never, onClose: never, onFail });
  });
  return within("a failure", failed);
}

const ours = (head: string): string =>
  `HTTP/1.1 ${head}\r\nSteadfast-Node: a\r\ncontent-length: 0\r\n\r\n`;

test("an answer of our server is told from one of something else", async () => {
  const busy = { kind: "busy", retry_after_ms: 7_000 };
  for (const [answer, failure] of [
    [ours("503 Busy\r\nRetry-After: 7"), busy],
    [ours("429 Slow\r\nretry-after: 7"), busy],
    [ours("401 Who"), { kind: "refused" }],
    [ours("403 No"), { kind: "refused" }],
    [ours("426 Upgrade"), { kind: "blocked" }],
    [ours("500 Oh"), { kind: "unreachable" }],
    ["HTTP/1.1 403 No\r\ncontent-length: 6\r\n\r\n<html>", { kind: "blocked" }],
    ["HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n", { kind: "blocked" }],
    ["HTTP/1.1 302 Here\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n", { kind: "blocked" }],
    [
      "HTTP/1.1 302 Here\r\nlocation: https://127.0.0.1/v1/ws\r\ncontent-length: 0\r\n\r\n",
      { kind: "blocked" },
    ],
    [
      "HTTP/1.1 301 Moved\r\nlocation: https://new.example/\r\ncontent-length: 0\r\n\r\n",
      { kind: "blocked" },
    ],
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", { kind: "blocked" }],
    ["HTTP/1.1 101 Odd\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", { kind: "blocked" }],
    ["SSH-2.0-OpenSSH\r\n\r\n", { kind: "blocked" }],
    [
      "HTTP/1.1 302 In\r\nlocation: http://portal/\r\ncontent-length: 0\r\n\r\n",
      { kind: "portal" },
    ],
    ["HTTP/1.1 511 Sign In\r\ncontent-length: 0\r\n\r\n", { kind: "portal" }],
    ["", { kind: "unreachable" }],
  ] as const) {
    assert.deepEqual(await dialed(await answering(answer)), failure, answer);
  }
});

test("nobody there is unreachable", async () => {
  const base = await answering("");
  await new Promise((resolve) => open.pop()!.close(resolve));
  assert.deepEqual(await dialed(base), { kind: "unreachable" });
  const asked = new Promise<Answer | undefined>((done) => {
    request({ url: `${base}/v1/probe`, headers: {}, timeoutMs: 10_000 }, done);
  });
  assert.equal(await within("no answer", asked), undefined);
});

test("a redirect is not followed, and a header is found in any case", async () => {
  const elsewhere = await answering(ours("204 Fine"));
  const base = await answering(
    `HTTP/1.1 302 There\r\nlocation: ${elsewhere}\r\nX-One: 1\r\ncontent-length: 0\r\n\r\n`,
  );
  const asked = new Promise<Answer | undefined>((done) => {
    request({ url: base, headers: {}, timeoutMs: 10_000 }, done);
  });
  const answer = await within("an answer", asked);
  assert.equal(answer?.status, 302);
  assert.equal(answer?.header("x-one"), "1");
  assert.equal(answer?.header("Steadfast-Node"), null);
});

test("a request that takes too long is given up; one given up tells nothing", async () => {
  const silent = createServer(() => {});
  open.push(silent);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const cancel = request({ url, headers: {}, timeoutMs: 30 }, () => assert.fail("told"));
  cancel();
  cancel();
  const late = new Promise<Answer | undefined>((done) => {
    request({ url, headers: {}, timeoutMs: 60 }, done);
  });
  assert.equal(await within("the end", late), undefined);
});

test("a socket that is closed while it opens tells nothing more", async () => {
  const base = await answering(ours("403 No"));
  const never = (): void => assert.fail("told");
  const handlers = { onOpen: never, onText: never, onClose: never, onFail: never };
  const socket = openSocket(socketUrl(endpoint(base)), handlers);
  socket.close(4002);
  await dialed(base);
});

test("a hint is whole seconds up to an hour", () => {
  const hint = (text: string | null) => retryAfterMs({ status: 503, header: () => text });
  assert.equal(hint("7"), 7_000);
  assert.equal(hint("0"), 0);
  assert.equal(hint("3600"), 3_600_000);
  assert.equal(hint("3601"), 3_600_000);
  assert.equal(hint("Wed, 21 Oct 2026 07:28:00 GMT"), 5_000);
  assert.equal(hint(null), 5_000);
});
