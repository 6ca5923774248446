// How long a publisher goes on trying, and how long it pauses. In: failures, the server's hints,
// the time, random numbers. Out: a pause, or that it is enough. Knows neither clock nor network.

import { SteadfastError } from "../errors.js";

/** The server knows an idempotency key for five minutes: nothing is repeated after four. */
export const DEADLINE_MAX_MS = 240_000;
/** The last attempt begins so long before the deadline at the latest. */
const LAST_ATTEMPT_MS = 1_000;
/** How often a pause doubles at most. */
const DOUBLED_MAX = 16;

/** The times of a publisher, in milliseconds. Each is above 0 and at most 240,000. */
export interface RetryPolicy {
  /** How long one call may take in all, pauses included. Default 30 s. */
  readonly deadlineMs: number;
  /** How long one request may take. Default 10 s. */
  readonly attemptMs: number;
  /** No pause is shorter. Default 0.1 s. */
  readonly pauseMinMs: number;
  /** The first pause is drawn from up to this, doubled for each failure. Default 0.5 s. */
  readonly pauseFirstMs: number;
  /** No pause is drawn from more than this. Default 8 s. */
  readonly pauseMaxMs: number;
}

const DEFAULTS: RetryPolicy = {
  deadlineMs: 30_000,
  attemptMs: 10_000,
  pauseMinMs: 100,
  pauseFirstMs: 500,
  pauseMaxMs: 8_000,
};

/** The policy with its defaults; throws where a time is out of its range. */
export function policyOf(...given: readonly (Partial<RetryPolicy> | undefined)[]): RetryPolicy {
  const policy = Object.assign({}, DEFAULTS, ...given) as RetryPolicy;
  for (const [name, value] of Object.entries(policy)) {
    if (!(value > 0 && value <= DEADLINE_MAX_MS)) {
      const text = `${name} is above 0 and at most ${DEADLINE_MAX_MS}, not ${value}`;
      throw new SteadfastError("bad_option", text);
    }
  }
  return policy;
}

/** The attempts at one request that began at `now`. */
export class Attempts {
  /** How many have failed. */
  failed = 0;
  private readonly end: number;

  constructor(
    private readonly policy: RetryPolicy,
    now: number,
  ) {
    this.end = now + policy.deadlineMs;
  }

  /** How long the next request may take. */
  attemptMs(now: number): number {
    return Math.min(this.policy.attemptMs, this.left(now));
  }

  /**
   * Counts a failure; the pause behind it, or nothing where the deadline would come first. `random`
   * is drawn from 0 to 1. The pause begins behind the server's hint, so that publishers that were
   * given the same one do not come back together.
   */
  pauseMs(now: number, hintMs: number, random: number): number | undefined {
    const { pauseFirstMs, pauseMinMs, pauseMaxMs } = this.policy;
    const doubled = pauseFirstMs * 2 ** Math.min(this.failed++, DOUBLED_MAX);
    const pause = hintMs + Math.max(pauseMinMs, random * Math.min(doubled, pauseMaxMs));
    const left = this.left(now);
    if (pause < left) return pause;
    // One last attempt, with time for its answer.
    const last = left - LAST_ATTEMPT_MS;
    return last >= hintMs + pauseMinMs ? last : undefined;
  }

  private left(now: number): number {
    return Math.max(this.end - now, 0);
  }
}
