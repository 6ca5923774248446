// Twin of crates/link/src/credential.rs. The link's token, whether it was refused, and whether the
// app is being asked for another. In: tokens of the app, verdicts of the server. Out: what to do
// about a verdict.

import { type Millis, seconds } from "../machine/time.js";
import type { Token } from "../protocol/frame/client.js";

/** A token used this soon after the app gave it cannot have expired in the link's hands. */
const FRESH_SPAN = seconds(10);

/** Whether the app is being asked; once the device has slept, its answer may have waited as long. */
type Asking = "idle" | "asked" | "slept";

/**
 * Whether the token would be the app's answer to a refusal that is refused in turn: the app was not
 * asked for it, or the server has taken it; it was asked, and gave it then; the same, and the
 * device has slept since, so that nobody knows how old it is.
 */
type Trial = "over" | { readonly givenAt: Millis } | "aged";

/** Why a token was refused: it is too old, or may be; or it would not have been taken ever. */
export type Fault = "age" | "content";

/**
 * What to do about a refused token: a newer one is here already, so try with that; the next one to
 * need a token is to ask the app first; or it came fresh from the app, and another would not help.
 */
export type Refusal = "again" | "renew" | "stop";

/** The token in use. Every token has a version, so that a late verdict on an older one is known. */
export class Credential {
  /** The version of that token. */
  version = 0;
  /** Whether that token was refused, so that sending it again is of no use. */
  isRefused = false;
  private asking: Asking = "idle";
  private trial: Trial = "over";

  /** The token to send, if any. */
  constructor(public token: Token | null | undefined) {}

  /** Whether the app is being asked. */
  isWanted(): boolean {
    return this.asking !== "idle";
  }

  /** A fresh token is needed now. Whether the app is yet to be asked. */
  want(): boolean {
    const isAsked = this.isWanted();
    if (!isAsked) this.asking = "asked";
    return !isAsked;
  }

  /** The app gave a token. */
  give(now: Millis, token: Token): void {
    this.trial = this.asking === "asked" ? { givenAt: now } : this.isWanted() ? "aged" : "over";
    this.token = token;
    this.version++;
    this.isRefused = false;
    this.asking = "idle";
  }

  /** The app is no longer asked, and what it gave begins anew. */
  rest(): void {
    this.isRefused = false;
    this.asking = "idle";
    this.trial = "over";
  }

  /** The server took the token of this version. */
  accept(version: number): void {
    if (version === this.version) this.trial = "over";
  }

  /** The device slept: the link's clock may have stood still while the token grew older. */
  sleep(): void {
    if (this.trial !== "over") this.trial = "aged";
    if (this.isWanted()) this.asking = "slept";
  }

  /** The server refused the token of this version, which was sent at `usedAt`. */
  refuse(version: number, usedAt: Millis, fault: Fault): Refusal {
    if (version !== this.version) return "again";
    const { trial } = this;
    const isFresh = typeof trial === "object" && usedAt - trial.givenAt <= FRESH_SPAN;
    const isInVain = fault === "age" ? isFresh : trial !== "over";
    if (isInVain) return "stop";
    this.isRefused = true;
    this.trial = "over";
    return "renew";
  }
}
