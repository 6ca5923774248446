// One request, sent until it is answered for good or its deadline has passed. In: what to send, a
// way to send it. Out: the answer that is a success, or the error. Knows no socket and no clock: it
// is handed both.

import { PublishError } from "./errors.js";
import { type Problem, type Response, isRetryable, readProblem } from "./problem.js";
import { Attempts, type RetryPolicy } from "./retry.js";

/** A POST to be made, in `timeoutMs` at most. */
export interface Request {
  readonly path: string;
  readonly body: string;
  readonly idempotencyKey: string | undefined;
  readonly timeoutMs: number;
}

/** There was no answer; `wasSent` where some of the request may have reached a server. */
export interface NoResponse {
  readonly why: string;
  readonly wasSent: boolean;
}

/** What an exchange is made through. */
export interface Io {
  post(request: Request): Promise<Response | NoResponse>;
  pause(ms: number): Promise<void>;
  /** Milliseconds that never go back. */
  now(): number;
  /** The date. */
  wall(): number;
  /** From 0 to 1. */
  random(): number;
}

/** One request and its repeats. */
export class Exchange {
  private readonly attempts: Attempts;
  private isUncertain = false;

  constructor(
    private readonly io: Io,
    policy: RetryPolicy,
  ) {
    this.attempts = new Attempts(policy, io.now());
  }

  /** The successful answer. Throws a {@link PublishError} where there will be none. */
  async send(path: string, body: string, idempotencyKey?: string): Promise<Response> {
    for (;;) {
      const timeoutMs = this.attempts.attemptMs(this.io.now());
      const outcome = await this.io.post({ path, body, idempotencyKey, timeoutMs });
      if ("why" in outcome) {
        this.isUncertain ||= outcome.wasSent;
        const { why: detail } = outcome;
        await this.pause({ status: 0, code: "no_answer", detail, retryAfterMs: undefined });
      } else if (outcome.status >= 200 && outcome.status < 300) {
        return outcome;
      } else {
        const problem = readProblem(outcome, this.io.wall());
        if (!isRetryable(problem)) throw this.error(problem, false);
        await this.pause(problem);
      }
    }
  }

  /** Waits before the next attempt. Throws where there is no time for it. */
  async pause(problem: Problem): Promise<void> {
    const isUncertain = this.isUncertain || problem.code === "broker_unavailable";
    const error = this.error(problem, isUncertain);
    const hint = problem.retryAfterMs ?? 0;
    const ms = this.attempts.pauseMs(this.io.now(), hint, this.io.random());
    if (ms === undefined) throw error;
    await this.io.pause(ms);
  }

  /** That something was refused, or not taken in time. */
  error(problem: Problem, isUncertain = false): PublishError {
    const { status, code, detail, retryAfterMs } = problem;
    const attempts = this.attempts.failed + 1;
    const failure = { status: status || undefined, retryAfterMs, attempts, isUncertain };
    return new PublishError(code, detail, isRetryable(problem), failure);
  }

  /** An answer that says success, and is none of a Steadfast server. */
  badAnswer(what: string, status: number): PublishError {
    const detail = `${what}; is this the internal port of a Steadfast server?`;
    return this.error({ status, code: "bad_answer", detail, retryAfterMs: undefined }, true);
  }
}
