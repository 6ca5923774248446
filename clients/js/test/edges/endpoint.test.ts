// Where a server is: base URLs in, routes out.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  endpoint,
  movedTo,
  pollManyBody,
  pollManyUrl,
  pollUrl,
  probeUrl,
  socketUrl,
} from "../../src/endpoint.js";
import { isSteadfastError } from "../../src/errors.js";

test("every route stands below the base", () => {
  for (const [base, socket] of [
    ["http://127.0.0.1:8080", "ws://127.0.0.1:8080/v1/ws"],
    ["ws://127.0.0.1:8080/", "ws://127.0.0.1:8080/v1/ws"],
    ["http://example.org/live/", "ws://example.org/live/v1/ws"],
    ["https://example.org//", "wss://example.org/v1/ws"],
    ["wss://example.org", "wss://example.org/v1/ws"],
    ["HTTPS://[::1]:8443", "wss://[::1]:8443/v1/ws"],
  ] as const) {
    assert.equal(socketUrl(endpoint(base)), socket);
  }
  const home = endpoint("https://example.org/live");
  assert.equal(probeUrl(home), "https://example.org/live/v1/probe");
  const channel = "build:1";
  const at = "https://example.org/live/v1/channels/build:1/events";
  assert.equal(pollUrl(home, { channel, since: "start" }, 0), `${at}?wait=0&limit=100`);
  const latest = `${at}?offset=latest&wait=25&limit=100`;
  assert.equal(pollUrl(home, { channel, since: "now" }, 25), latest);
  const position = { epoch: "e-1", offset: 7 };
  const query = "epoch=e-1&offset=7&wait=25&limit=100";
  assert.equal(pollUrl(home, { channel, since: position }, 25), `${at}?${query}`);
  assert.equal(pollManyUrl(home), "https://example.org/live/v1/poll");
  const channels = [{ channel, since: position }];
  assert.deepEqual(JSON.parse(pollManyBody(channels, 25)), { channels, wait: 25, limit: 100 });
});

test("what cannot be used is said plainly, and not repeated", () => {
  for (const bad of [
    "",
    "localhost:8080",
    "127.0.0.1:8080",
    "http://",
    "ftp://x",
    "http://me:secret@x",
    "http://x/?token=secret",
    "http://x/#secret",
    "http://a b",
  ]) {
    assert.throws(
      () => endpoint(bad),
      (error) =>
        isSteadfastError(error) && error.code === "bad_url" && !error.message.includes("secret"),
      bad,
    );
  }
});

test("a server may name a host or a URL, and nonsense changes nothing", () => {
  const moved = (home: string, place: string) => socketUrl(movedTo(endpoint(home), place));
  assert.equal(moved("http://home:1", "away:2"), "ws://away:2/v1/ws");
  assert.equal(moved("http://home:1", "ws://away:2"), "ws://away:2/v1/ws");
  assert.equal(moved("http://home:1", "wss://away:2"), "ws://home:1/v1/ws");
  assert.equal(moved("https://home:1", "away:2"), "wss://away:2/v1/ws");
  const safe = moved("https://home:1", "ws://away:2");
  assert.equal(safe, "wss://home:1/v1/ws", "the token is not sent in the clear");
  assert.equal(moved("http://home:1", "a b"), "ws://home:1/v1/ws");
});
