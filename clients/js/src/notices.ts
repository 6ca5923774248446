// How an app hears. In: callbacks of the app, and what to tell them. Out: each called in turn; what
// one throws, or rejects with, is reported and never breaks the link.

import { SteadfastError } from "./errors.js";

/** Takes what went wrong where nobody waits for it. */
export type Report = (error: SteadfastError) => void;

/** Calls a callback of the app. */
export function call<A extends unknown[]>(
  report: Report,
  callback: ((...args: A) => unknown) | undefined,
  ...args: A
): void {
  const fail = (cause: unknown): void =>
    report(new SteadfastError("callback_failed", "a callback threw", false, cause));
  try {
    const result = callback?.(...args);
    // An async callback: its rejection is nobody else's to handle.
    (result as Promise<unknown> | undefined)?.then?.(undefined, fail);
  } catch (cause) {
    fail(cause);
  }
}

/** Callbacks that are told the same things. */
export class Listeners<A extends unknown[]> {
  private readonly all = new Set<(...args: A) => unknown>();

  constructor(private readonly report: Report) {}

  /** Adds one; gives back how to take it out again. */
  add(listener: (...args: A) => unknown): () => void {
    // Wrapped, so that the same function may be added twice.
    const own = (...args: A): unknown => listener(...args);
    this.all.add(own);
    return () => {
      this.all.delete(own);
    };
  }

  /** Tells all. */
  tell(...args: A): void {
    for (const listener of [...this.all]) call(this.report, listener, ...args);
  }
}

/** Reports to the app, or the first time to the console. */
export function reporter(onError: ((error: SteadfastError) => unknown) | undefined): Report {
  let hasShown = false;
  return (error) => {
    try {
      if (onError) onError(error);
      else if (!hasShown) console.error(error, error.cause);
    } catch {
      // It is the callback for what callbacks throw: nobody is left to be told.
    }
    hasShown = true;
  };
}
