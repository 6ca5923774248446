// Every way in which publishing from a backend fails. What a program decides by is a field, never
// the text.

import { SteadfastError } from "../errors.js";
import type { Receipt } from "./problem.js";

/** What is known of a failure beyond its code and text. */
export interface Failure {
  /** The HTTP status of the last answer. */
  readonly status?: number | undefined;
  /** The server's hint in it. */
  readonly retryAfterMs?: number | undefined;
  /** How many requests were made. */
  readonly attempts: number;
  /**
   * A request was sent and not answered, so that the event may be published; publishing it again
   * with the same `idempotencyKey` within five minutes makes no second one.
   */
  readonly isUncertain: boolean;
}

/**
 * An event was not published, or nobody knows whether it was. `code` is the stable word of the
 * server's problem document, or `no_answer`, or `bad_answer` where what answers is no Steadfast
 * server.
 */
export class PublishError extends SteadfastError implements Failure {
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly attempts: number;
  readonly isUncertain: boolean;

  constructor(code: string, detail: string, isRetryable: boolean, failure: Failure) {
    super(code, `${code}: ${detail}`, isRetryable);
    this.status = failure.status;
    this.retryAfterMs = failure.retryAfterMs;
    this.attempts = failure.attempts;
    this.isUncertain = failure.isUncertain;
  }
}

/** Some events of a batch were not published. */
export class BatchError extends SteadfastError {
  constructor(
    /** One for each event, in order. */
    readonly results: readonly (Receipt | PublishError)[],
  ) {
    const failed = results.filter((one) => one instanceof PublishError);
    const text = `${failed.length} of ${results.length} events failed, the first: ${failed[0]}`;
    super("batch_failed", text, false, failed[0]);
  }
}
