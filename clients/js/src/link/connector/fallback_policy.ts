// Twin of crates/link/src/connector/fallback_policy.rs. What speaks for polling while no session
// can be had. In: how attempts ended, what probes found. Out: whether to probe, and whether to
// poll. Must not know how either is done.

import { type Millis, NEVER, NOT_YET, type Span, seconds } from "../../machine/time.js";
import type { LinkSettings } from "../config.js";
import type { Evidence } from "../end.js";

/** How long a probe's success counts. */
const PROOF_SPAN = seconds(10);
/** How long an attempt may take before plain HTTP is tried beside it. */
const PROBE_AFTER = seconds(2);
/**
 * How long a socket that is dialled while plain HTTP gets through may take to open; no longer than
 * the effort that is to be made. Where no attempt can begin, twice as long is waited.
 */
const TRIAL_SPAN = seconds(4);
/**
 * After how many failed attempts a socket is given longer to open: Chromium delays every new
 * WebSocket of a process that has seen many fail, also one to a healthy server.
 */
const HELD_BACK_AFTER = 5;
/** The longest of those delays. */
const HELD_BACK_MAX = seconds(5);

/**
 * Why polling may begin without effort: it may not; WebSocket is known not to get through, since
 * this network blocks it or a session that had replaced polling was lost although the path works;
 * or such a session was lost just now, and polling begins at once if plain HTTP turns out to get
 * through: otherwise the path has failed, and not WebSocket.
 */
export type Shortcut = "none" | "blocked" | "lost_return";

/** The effort made since data stopped flowing. */
export interface FallbackPolicy {
  /** Since when no data flows. */
  since: Millis;
  /** Attempts that failed although plain HTTP was seen to get through before they began. */
  failed: number;
  /** All attempts that failed. */
  ended: number;
  /** Whether the server is there and wants patience, so that a probe could tell nothing. */
  isServerBusy: boolean;
  provenAt: Millis;
  /** Since when plain HTTP has been seen to get through; never while it does not. */
  clearSince: Millis;
  /**
   * Since when a socket has been asked for that was dialled while plain HTTP got through; never
   * where there was none.
   */
  triedSince: Millis;
  /**
   * When effort becomes reason enough for what a probe has proven; never once that was looked at.
   */
  dueAt: Millis;
  /**
   * When the attempt under way will have taken long, or the pause before the next one is due for a
   * probe; never once that was looked at.
   */
  probeAt: Millis;
  shortcut: Shortcut;
  /**
   * Whether the attempt under way, or the next one, begins before anything is known to get through:
   * it says nothing of WebSocket.
   */
  isInconclusive: boolean;
}

/**
 * Data stopped flowing, or was first asked for; perhaps on a network that is known to block
 * WebSocket, or after the loss of a session that had replaced polling and did not live for long.
 */
export const newFallbackPolicy = (
  now: Millis,
  isKnownBlocked: boolean,
  hasLostReturn = false,
): FallbackPolicy => ({
  since: now,
  failed: 0,
  ended: 0,
  isServerBusy: false,
  provenAt: NOT_YET,
  clearSince: NEVER,
  triedSince: NEVER,
  dueAt: NEVER,
  probeAt: NEVER,
  shortcut: isKnownBlocked ? "blocked" : hasLostReturn ? "lost_return" : "none",
  isInconclusive: true,
});

/** The network is another one now. */
export function moveOn(policy: FallbackPolicy, isKnownBlocked: boolean): void {
  policy.shortcut = isKnownBlocked ? "blocked" : "none";
  disprove(policy);
}

/** The attempt's socket has opened: whatever it began in, it will tell something of WebSocket. */
export function open(policy: FallbackPolicy, now: Millis, config: LinkSettings): void {
  policy.isInconclusive = false;
  policy.triedSince = Math.min(policy.triedSince, now);
  watch(policy, now, config);
}

/** An attempt began. */
export function watch(policy: FallbackPolicy, now: Millis, config: LinkSettings): void {
  policy.probeAt = now + PROBE_AFTER;
  if (!isProven(policy, now)) return;
  policy.isInconclusive = false;
  policy.triedSince = Math.min(policy.triedSince, now);
  planReview(policy, now, config);
}

/** An attempt failed. */
export function fail(policy: FallbackPolicy, evidence: Evidence): void {
  if (!policy.isInconclusive) policy.failed++;
  policy.ended++;
  policy.isServerBusy = evidence === "busy";
  policy.isInconclusive = evidence === "silence";
  policy.probeAt = NEVER;
  if (policy.isServerBusy) disprove(policy);
}

/**
 * Plain HTTP got through to the server. Whether this was the first time: what was tried before says
 * nothing of WebSocket.
 */
export function prove(policy: FallbackPolicy, now: Millis, config: LinkSettings): boolean {
  const isFirst = !isProven(policy, now) || policy.clearSince === NEVER;
  if (isFirst) {
    policy.clearSince = now;
    if (policy.isInconclusive) policy.triedSince = NEVER;
  }
  policy.provenAt = now;
  planReview(policy, now, config);
  return isFirst;
}

/** Plain HTTP did not get through. */
export function disprove(policy: FallbackPolicy): void {
  policy.provenAt = NOT_YET;
  policy.clearSince = NEVER;
  policy.triedSince = NEVER;
  policy.dueAt = NEVER;
  policy.failed = 0;
  if (policy.shortcut === "lost_return") policy.shortcut = "none";
}

/**
 * Whether a session that had replaced polling was lost although the path works, as is known now;
 * once. Polling goes on at once then.
 */
export function confirmLostReturn(policy: FallbackPolicy): boolean {
  const isConfirmed = policy.shortcut === "lost_return";
  if (isConfirmed) policy.shortcut = "blocked";
  return isConfirmed;
}

function planReview(policy: FallbackPolicy, now: Millis, config: LinkSettings): void {
  const at = enoughAt(policy, config);
  policy.dueAt = at > now ? at : NEVER;
}

/** When WebSocket will have had its chance since plain HTTP began to get through. */
function enoughAt(policy: FallbackPolicy, config: LinkSettings): Millis {
  const { since, clearSince, triedSince } = policy;
  const heldBack = isHeldBack(policy) ? HELD_BACK_MAX : 0;
  const trial = Math.min(TRIAL_SPAN, config.fallbackEffortMs) + heldBack;
  const triedAt = Math.min(clearSince + 2 * trial, triedSince + trial);
  return clearSince === NEVER ? NEVER : Math.max(triedAt, since + config.fallbackEffortMs);
}

/** Whether a browser may delay the next socket. */
export const isHeldBack = ({ ended }: FallbackPolicy): boolean => ended >= HELD_BACK_AFTER;

/** Time asleep is no effort. */
export function sleep(policy: FallbackPolicy, slept: Span): void {
  policy.since += slept;
  policy.clearSince += slept;
  policy.triedSince += slept;
  policy.dueAt += slept;
  policy.probeAt += slept;
}

/** Whether plain HTTP was seen to get through a moment ago. */
export const isProven = (policy: FallbackPolicy, now: Millis): boolean =>
  now <= policy.provenAt + PROOF_SPAN;

/** Whether to poll; on a network that is suspected of blocking WebSocket, sooner. */
export function wantsFallback(
  policy: FallbackPolicy,
  now: Millis,
  isSuspected: boolean,
  config: LinkSettings,
): boolean {
  const isEnough =
    now >= enoughAt(policy, config) ||
    isSuspected ||
    policy.failed >= config.fallbackAttempts;
  const isKnown = policy.shortcut === "blocked";
  return isKnown || (isProven(policy, now) && isEnough && !policy.isServerBusy);
}

/** Whether the time has come to look at effort; true once. */
export function takeDue(policy: FallbackPolicy, now: Millis): boolean {
  const isDue = policy.dueAt <= now;
  if (isDue) policy.dueAt = NEVER;
  return isDue;
}

/** Whether the attempt under way has taken long, or a probe was planned for now; true once. */
export function takeProbeDue(policy: FallbackPolicy, now: Millis): boolean {
  const isDue = policy.probeAt <= now;
  if (isDue) policy.probeAt = NEVER;
  return isDue;
}

/** When one of these will be so. */
export const wake = ({ dueAt, probeAt }: FallbackPolicy): Millis => Math.min(dueAt, probeAt);
