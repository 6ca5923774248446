// Twin of crates/link/src/effort.rs. What speaks for polling while no session can be had. In: how
// attempts ended, what probes found. Out: whether to probe, and whether to poll. Must not know how
// either is done.

import { type Millis, NEVER, NOT_YET, type Span, seconds } from "../machine/time.js";
import type { LinkSettings } from "./config.js";
import type { Evidence } from "./end.js";

/** How long a probe's success counts. */
const PROOF_SPAN = seconds(10);
/** How long an attempt may take before plain HTTP is tried beside it. */
const PROBE_AFTER = seconds(2);

/** The effort made since data stopped flowing. */
export interface Effort {
  since: Millis;
  failed: number;
  /** Whether the server is there and wants patience, so that a probe could tell nothing. */
  isServerBusy: boolean;
  provenAt: Millis;
  /**
   * When effort becomes reason enough for what a probe has proven; never once that was looked at.
   */
  dueAt: Millis;
  /** When the attempt under way will have taken long; never once that was looked at. */
  probeAt: Millis;
  /** Whether it was known before the first attempt what this network is like. */
  isKnownBlocked: boolean;
  /**
   * Whether the attempt under way, or the next one, begins before anything is known to get through:
   * it says nothing of WebSocket.
   */
  isDark: boolean;
}

/**
 * Data stopped flowing, or was first asked for, now; perhaps on a network that is known to block
 * WebSocket.
 */
export const newEffort = (now: Millis, isKnownBlocked: boolean): Effort => ({
  since: now,
  failed: 0,
  isServerBusy: false,
  provenAt: NOT_YET,
  dueAt: NEVER,
  probeAt: NEVER,
  isKnownBlocked,
  isDark: true,
});

/** An attempt began, or has come a step further. */
export function watch(effort: Effort, now: Millis): void {
  effort.probeAt = now + PROBE_AFTER;
  effort.isDark &&= !isProven(effort, now);
}

/** An attempt failed. */
export function fail(effort: Effort, evidence: Evidence): void {
  effort.failed++;
  effort.isServerBusy = evidence === "busy";
  effort.isDark = evidence === "silence";
  effort.probeAt = NEVER;
  if (effort.isServerBusy) {
    effort.provenAt = NOT_YET;
    effort.dueAt = NEVER;
  }
}

/** Plain HTTP got through to the server. */
export function prove(effort: Effort, now: Millis, config: LinkSettings): void {
  const dueAt = effort.since + config.fallbackEffortMs;
  effort.provenAt = now;
  effort.dueAt = dueAt > now ? dueAt : NEVER;
}

/** Time asleep is no effort. */
export function sleep(effort: Effort, slept: Span): void {
  effort.since += slept;
  effort.dueAt += slept;
  effort.probeAt += slept;
}

/** Whether plain HTTP was seen to get through a moment ago. */
export const isProven = (effort: Effort, now: Millis): boolean =>
  now <= effort.provenAt + PROOF_SPAN;

/** Whether to poll; on a network that is suspected of blocking WebSocket, sooner. */
export function wantsFallback(
  effort: Effort,
  now: Millis,
  isSuspected: boolean,
  config: LinkSettings,
): boolean {
  const isEnough =
    now >= effort.since + config.fallbackEffortMs ||
    isSuspected ||
    effort.failed >= config.fallbackAttempts;
  return effort.isKnownBlocked || (isProven(effort, now) && isEnough && !effort.isServerBusy);
}

/** Whether the time has come to look at effort; true once. */
export function takeDue(effort: Effort, now: Millis): boolean {
  const isDue = effort.dueAt <= now;
  if (isDue) effort.dueAt = NEVER;
  return isDue;
}

/** Whether the attempt under way has taken long; true once. */
export function takeProbeDue(effort: Effort, now: Millis): boolean {
  const isDue = effort.probeAt <= now;
  if (isDue) effort.probeAt = NEVER;
  return isDue;
}

/** When one of these will be so. */
export const wake = ({ dueAt, probeAt }: Effort): Millis => Math.min(dueAt, probeAt);
