// Callbacks of the app: what they throw is reported, and nothing else follows from it.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { SteadfastError, isSteadfastError } from "../../src/errors.js";
import { Listeners, call, reporter } from "../../src/notices.js";

test("what a callback throws or rejects with is reported, and the others are called", async () => {
  const reported: SteadfastError[] = [];
  const listeners = new Listeners<[number]>((error) => void reported.push(error));
  const heard: number[] = [];
  listeners.add(() => {
    throw new Error("a bug");
  });
  listeners.add(() => Promise.reject(new Error("a later bug")));
  const end = listeners.add((n) => heard.push(n));
  listeners.tell(1);
  end();
  listeners.tell(2);
  await new Promise(setImmediate);
  assert.deepEqual(heard, [1]);
  assert.equal(reported.length, 4);
  assert.ok(reported.every((error) => error.code === "callback_failed"));
  assert.deepEqual(
    reported.map(({ cause }) => (cause as Error).message),
    ["a bug", "a bug", "a later bug", "a later bug"],
  );
});

test("the same function may listen twice, and a missing one is no error", () => {
  const listeners = new Listeners<[]>(assert.fail);
  let count = 0;
  const listener = (): void => void count++;
  const end = listeners.add(listener);
  listeners.add(listener);
  listeners.tell();
  end();
  end();
  listeners.tell();
  assert.equal(count, 3);
  call(assert.fail, undefined);
});

test("without a callback for errors the console shows the first, and no more", () => {
  const shown = mock.method(console, "error", () => {});
  const error = new SteadfastError("dial_failed", "x");
  const report = reporter(undefined);
  report(error);
  report(error);
  assert.equal(shown.mock.callCount(), 1);
  const told: unknown[] = [];
  const own = reporter((one) => {
    told.push(one);
    throw new Error("a bug");
  });
  own(error);
  own(error);
  assert.deepEqual(told, [error, error]);
  assert.equal(shown.mock.callCount(), 1);
  shown.mock.restore();
});

test("an error is known by its class", () => {
  const error = new SteadfastError("closed", "text", true, "below");
  assert.ok(isSteadfastError(error) && error instanceof Error);
  assert.equal(String(error), "SteadfastError: text");
  assert.equal(error.cause, "below");
  assert.ok(!isSteadfastError(new Error("other")));
});
