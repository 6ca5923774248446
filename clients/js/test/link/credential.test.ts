// Verdicts on tokens: fresh ones, old ones, and ones nobody asked for. Twin of
// crates/link/src/credential/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  type Credential,
  accept,
  give,
  newCredential,
  refuse,
  sleep,
  want,
} from "../../src/link/credential.js";

/** A token that the app gave at 100 s because it was asked to. */
function onTrial(): Credential {
  const credential = newCredential(undefined);
  assert.equal(refuse(credential, 0, 0, "content"), "renew");
  assert.ok(credential.isRefused);
  assert.ok(want(credential), "the app is asked");
  assert.ok(!want(credential), "and not asked twice");
  give(credential, 100_000, "one");
  assert.ok(!credential.isRefused && !credential.isAsking);
  return credential;
}

// P-17
test("a fresh token may not be too old and one that waited may", () => {
  const verdict = (usedAt: number) => refuse(onTrial(), 1, usedAt, "age");
  assert.equal(verdict(110_000), "stop");
  assert.equal(verdict(110_001), "renew");
});

// P-17
test("what is wrong with a token does not come with age", () => {
  assert.equal(refuse(onTrial(), 1, 900_000, "content"), "stop");
});

// P-17
test("a token that was slept over may be too old", () => {
  for (const [fault, refusal] of [["age", "renew"], ["content", "stop"]] as const) {
    const credential = onTrial();
    sleep(credential);
    assert.equal(refuse(credential, 1, 100_100, fault), refusal);
  }
});

// P-17
test("a token that was given while the device slept may be too old", () => {
  for (const [fault, refusal] of [["age", "renew"], ["content", "stop"]] as const) {
    const credential = newCredential(null);
    assert.equal(refuse(credential, 0, 0, "age"), "renew");
    assert.ok(want(credential));
    sleep(credential);
    assert.ok(!want(credential), "the app is still being asked");
    give(credential, 100_000, "one");
    assert.equal(refuse(credential, 1, 100_000, fault), refusal);
  }
});

// P-17
test("a token that was accepted may be refused later", () => {
  for (const [accepted, refusal] of [[0, "stop"], [1, "renew"]] as const) {
    const credential = onTrial();
    accept(credential, accepted);
    assert.equal(refuse(credential, 1, 100_100, "age"), refusal);
  }
});

// P-17
test("a verdict on an older token says nothing of the newer one", () => {
  const credential = onTrial();
  assert.equal(refuse(credential, 0, 100_100, "content"), "again");
  assert.ok(!credential.isRefused);
});
