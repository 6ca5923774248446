// Twin of crates/link/src/credential.rs. The link's token, whether it was refused, and whether the
// app is being asked for another. In: tokens of the app, verdicts of the server. Out: what to do
// about a verdict.

import type { Rng } from "../machine/rng.js";
import { type Millis, NEVER, NOT_YET, seconds } from "../machine/time.js";
import type { Token } from "../protocol/frame/client.js";
import { doubled, jittered } from "./backoff.js";
import type { LinkSettings } from "./config.js";

/** A token used this soon after the app gave it cannot have expired in the link's hands. */
const FRESH_SPAN = seconds(10);

/** Why a token was refused: it is too old, or may be; or it would not have been taken ever. */
export type Fault = "age" | "content";

/**
 * What to do about a refused token: a newer one is here already, so try with that; the next one to
 * need a token is to ask the app first; or it came fresh from the app, and another would not help.
 */
export type Refusal = "again" | "renew" | "stop";

/** The token in use. Every token has a version, so that a late verdict on an older one is known. */
export interface Credential {
  /** The token to send. */
  token: Token | null | undefined;
  /** The version of that token. */
  version: number;
  /** Whether that token was refused, so that sending it again is of no use. */
  isRefused: boolean;
  /** Whether the app is being asked, or will be again; … */
  isAsking: boolean;
  /** … before the token in use ends, so that the link can do without. */
  isEarly: boolean;
  /** When it is asked again, where it could not say; … */
  askAt: Millis;
  /** … no sooner than this, where it is hurried. */
  soonest: Millis;
  /** How often in a row it could not say. */
  deferrals: number;
  /** Whether the device has slept since: the app's answer may have waited as long. */
  hasSlept: boolean;
  /**
   * When the app gave it, if it was asked to, so that it is in vain to ask again: not yet where
   * nobody knows, since the device has slept; never where the app was not asked, or the server has
   * taken it.
   */
  givenAt: Millis;
}

/** The first token, if any. */
export const newCredential = (token: Token | null | undefined): Credential => ({
  token,
  version: 0,
  isRefused: false,
  isAsking: false,
  isEarly: false,
  askAt: NEVER,
  soonest: NEVER,
  deferrals: 0,
  hasSlept: false,
  givenAt: NEVER,
});

/** Whether the link needs a token for which the app is being asked, or will be again. */
export const isWanted = ({ isAsking, isEarly }: Credential): boolean => isAsking && !isEarly;

/** A fresh token is needed now. Whether the app is yet to be asked. */
export function want(credential: Credential): boolean {
  const isNew = wantEarly(credential);
  credential.isEarly = false;
  return isNew;
}

/** The token in use will soon end. Whether the app is yet to be asked for the next one. */
export function wantEarly(credential: Credential): boolean {
  if (credential.isAsking) return false;
  credential.hasSlept = false;
  return (credential.isAsking = credential.isEarly = true);
}

/** The app has no newer token, and the one in use holds for now: it is no longer asked. */
export function doWithout(credential: Credential): void {
  if (!credential.isEarly) return;
  credential.isAsking = credential.isEarly = false;
  credential.askAt = NEVER;
}

/** Whether the app has been asked and has not answered. */
export const isAsked = ({ isAsking, askAt }: Credential): boolean => isAsking && askAt === NEVER;

/** The app cannot say now: it is asked again after a pause, which doubles each time in a row. */
export function defer(credential: Credential, now: Millis, config: LinkSettings, rng: Rng): void {
  const { delayFloorMs, jitterPercent } = config;
  const pause = doubled(config.backoffMinMs, credential.deferrals++, config.backoffMaxMs);
  credential.isRefused ||= !credential.isEarly;
  credential.isAsking = true;
  credential.hasSlept = false;
  credential.askAt = now + Math.max(jittered(pause, jitterPercent, rng), delayFloorMs);
  credential.soonest = now + delayFloorMs;
}

/** The reason why the app could not say may be gone: it is asked again as soon as may be. */
export function expedite(credential: Credential, now: Millis): void {
  if (credential.askAt === NEVER) return;
  credential.askAt = Math.min(credential.askAt, Math.max(credential.soonest, now));
}

/** Whether the app is to be asked again now; true once. */
export function takeDue(credential: Credential, now: Millis): boolean {
  const isDue = credential.askAt <= now;
  if (isDue) credential.askAt = NEVER;
  return isDue;
}

/** The app gave a token. */
export function give(credential: Credential, now: Millis, token: Token): void {
  const { isAsking, hasSlept } = credential;
  rest(credential);
  credential.token = token;
  credential.version++;
  if (isAsking) credential.givenAt = hasSlept ? NOT_YET : now;
}

/** The app is no longer asked, and what it gave begins anew. */
export function rest(credential: Credential): void {
  credential.isRefused = credential.isAsking = credential.isEarly = false;
  credential.deferrals = 0;
  credential.askAt = credential.givenAt = NEVER;
}

/** The server took the token of this version. */
export function accept(credential: Credential, version: number): void {
  if (version === credential.version) credential.givenAt = NEVER;
}

/** The device slept: the link's clock may have stood still while the token grew older. */
export function sleep(credential: Credential): void {
  credential.hasSlept = credential.askAt === NEVER;
  if (credential.givenAt < NEVER) credential.givenAt = NOT_YET;
}

/** The server refused the token of this version, which was sent at `usedAt`. */
export function refuse(
  credential: Credential,
  version: number,
  usedAt: Millis,
  fault: Fault,
): Refusal {
  const { givenAt } = credential;
  if (version !== credential.version) return "again";
  const isFresh = fault === "content" || usedAt <= givenAt + FRESH_SPAN;
  if (isFresh && givenAt < NEVER) return "stop";
  credential.isRefused = true;
  credential.givenAt = NEVER;
  return "renew";
}
