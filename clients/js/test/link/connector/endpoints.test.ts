// Which endpoint is next, and when another is tried beside it. Twin of the tests in
// crates/link/src/connector/endpoints.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  fail,
  failHttp,
  forgetPath,
  holdHttp,
  isAllBusy,
  newEndpoints,
  open,
  raceAfter,
  rivalOf,
  seekHttp,
  welcome,
} from "../../../src/link/connector/endpoints.js";

test("a single endpoint has no rival", () => {
  const endpoints = newEndpoints(1);
  assert.equal(rivalOf(endpoints, 0), undefined);
  fail(endpoints, 0);
  assert.equal(endpoints.next, 0);
  assert.ok(isAllBusy(endpoints));
});

test("endpoints take turns until one takes the session", () => {
  const endpoints = newEndpoints(3);
  fail(endpoints, 0);
  assert.deepEqual([endpoints.next, rivalOf(endpoints, 1)], [1, 2]);
  fail(endpoints, 2);
  assert.equal(endpoints.next, 0);
  welcome(endpoints, 2);
  assert.equal(endpoints.next, 2);
  failHttp(endpoints);
  assert.deepEqual([endpoints.next, endpoints.http], [2, 1]);
});

test("all are busy only once each has said so", () => {
  const endpoints = newEndpoints(2);
  const said = [1, 2, 3].map(() => isAllBusy(endpoints));
  assert.deepEqual(said, [false, true, false]);
  welcome(endpoints, 0);
  assert.ok(!isAllBusy(endpoints));
});

test("an address that a server named is tried once and alone", () => {
  const endpoints = newEndpoints(2);
  endpoints.to = "b.example";
  assert.equal(rivalOf(endpoints, 0), undefined);
  fail(endpoints, 0);
  assert.equal(endpoints.to, null);
});

test("the wait follows the newest openings within bounds", () => {
  const endpoints = newEndpoints(2);
  assert.equal(raceAfter(endpoints), 1000);
  open(endpoints, 10);
  assert.equal(raceAfter(endpoints), 300);
  for (const took of [400, 600, 800]) open(endpoints, took);
  assert.equal(raceAfter(endpoints), 900, "three in four took 600 ms at most");
  for (let n = 0; n < 8; n++) open(endpoints, 9000);
  assert.equal(endpoints.opens.length, 8);
  assert.equal(raceAfter(endpoints), 2500);
  forgetPath(endpoints);
  assert.equal(raceAfter(endpoints), 1000);
});

test("polls go where nobody asked to be left alone", () => {
  const endpoints = newEndpoints(3);
  holdHttp(endpoints, 0, 50);
  assert.deepEqual([seekHttp(endpoints, 10), endpoints.http], [10, 1]);
  holdHttp(endpoints, 1, 30);
  holdHttp(endpoints, 2, 40);
  assert.deepEqual([seekHttp(endpoints, 10), endpoints.http], [30, 1]);
  assert.deepEqual([seekHttp(endpoints, 60), endpoints.http], [60, 1], "it stays");
  const alone = newEndpoints(1);
  holdHttp(alone, 0, 50);
  assert.deepEqual([seekHttp(alone, 10), alone.http], [50, 0]);
});
