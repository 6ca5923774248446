// Twin of crates/link/src/effort.rs. What speaks for polling while no session can be had. In: how
// attempts ended, what probes found. Out: whether to probe, and whether to poll. Must not know how
// either is done.

import { type Millis, NEVER, NOT_YET, type Span, seconds } from "../machine/time.js";
import type { LinkSettings } from "./config.js";
import type { Evidence } from "./end.js";

/** How long a probe's success counts. */
const PROOF_SPAN = seconds(10);
/** Blocked attempts in a row that are enough. */
const BLOCKED_MAX = 2;

/** The effort made since data stopped flowing. */
export interface Effort {
  since: Millis;
  failed: number;
  blocked: number;
  isServerBusy: boolean;
  provenAt: Millis;
  /** When effort becomes reason enough for what a probe has proven; never once that was looked at. */
  dueAt: Millis;
}

/** Data stopped flowing, or was first asked for, now. */
export const newEffort = (now: Millis): Effort => ({
  since: now,
  failed: 0,
  blocked: 0,
  isServerBusy: false,
  provenAt: NOT_YET,
  dueAt: NEVER,
});

/** An attempt failed. */
export function fail(effort: Effort, evidence: Evidence): void {
  effort.failed++;
  effort.blocked = evidence === "blocked" ? effort.blocked + 1 : 0;
  effort.isServerBusy = evidence === "busy";
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
}

/** Whether to poll. */
export function wantsFallback(effort: Effort, now: Millis, config: LinkSettings): boolean {
  const isProven = now <= effort.provenAt + PROOF_SPAN;
  const isEnough =
    now >= effort.since + config.fallbackEffortMs ||
    effort.blocked >= BLOCKED_MAX ||
    effort.failed >= config.fallbackAttempts;
  return isProven && isEnough && effort.failed > 0 && !effort.isServerBusy;
}

/** Whether the time has come to look at effort; true once. */
export function takeDue(effort: Effort, now: Millis): boolean {
  const isDue = effort.dueAt <= now;
  if (isDue) effort.dueAt = NEVER;
  return isDue;
}
