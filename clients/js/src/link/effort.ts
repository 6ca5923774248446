// Twin of crates/link/src/effort.rs. What speaks for polling while no session can be had. In: how
// attempts ended, what probes found. Out: whether to probe, and whether to poll. Must not know how
// either is done.

import { type Millis, type Span, seconds } from "../machine/time.js";
import type { LinkSettings } from "./config.js";
import type { Evidence } from "./end.js";

/** How long a probe's success counts. */
const PROOF_SPAN = seconds(10);
/** Blocked attempts in a row that are enough. */
const BLOCKED_MAX = 2;

/** The effort made since data stopped flowing. */
export class Effort {
  /** When effort becomes reason enough for what a probe has proven; none once that was looked at. */
  dueAt: Millis | undefined;
  private failed = 0;
  private blocked = 0;
  private isServerBusy = false;
  private provenAt: Millis | undefined;

  /** Data stopped flowing, or was first asked for, then. */
  constructor(private since: Millis) {}

  /** An attempt failed. */
  fail(evidence: Evidence): void {
    this.failed++;
    this.isServerBusy = evidence === "busy";
    this.blocked = evidence === "blocked" ? this.blocked + 1 : 0;
    if (this.isServerBusy) this.provenAt = this.dueAt = undefined;
  }

  /** Plain HTTP got through to the server. */
  prove(now: Millis, config: LinkSettings): void {
    this.provenAt = now;
    const dueAt = this.since + config.fallbackEffortMs;
    this.dueAt = dueAt > now ? dueAt : undefined;
  }

  /** Time asleep is no effort. */
  sleep(slept: Span): void {
    this.since += slept;
    if (this.dueAt !== undefined) this.dueAt += slept;
  }

  /** Whether a probe could tell anything. */
  wantsProbe(): boolean {
    return !this.isServerBusy;
  }

  /** Whether to poll. */
  wantsFallback(now: Millis, config: LinkSettings): boolean {
    const isProven = this.provenAt !== undefined && now - this.provenAt <= PROOF_SPAN;
    const isEnough =
      now - this.since >= config.fallbackEffortMs ||
      this.blocked >= BLOCKED_MAX ||
      this.failed >= config.fallbackAttempts;
    return isProven && isEnough && this.failed > 0 && !this.isServerBusy;
  }

  /** Whether the time has come to look at effort; true once. */
  takeDue(now: Millis): boolean {
    const isDue = isDueAt(this.dueAt, now);
    if (isDue) this.dueAt = undefined;
    return isDue;
  }
}

/** Whether there is such a time and it has come. */
const isDueAt = (at: Millis | undefined, now: Millis): boolean => at !== undefined && at <= now;
