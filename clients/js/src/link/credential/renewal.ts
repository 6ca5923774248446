// Twin of crates/link/src/credential/renewal.rs. A newer token for a session before the one in
// force ends. In: when that is, the request that carries a newer one, the server's answer. Out:
// when the app is to be asked. P-39

import type { Rng } from "../../machine/rng.js";
import { type Millis, NEVER, type Span, seconds, since } from "../../machine/time.js";
import type { Scalar } from "../../protocol/payload.js";

/** The app is asked when this share of the token's time is left, in percent, at the least; … */
const LEFT_MIN = 10;
/** … and at the most: links whose tokens end together do not all ask together. */
const LEFT_MAX = 20;
/** An app has this long to give a token, or half of the old one's time where that is shorter. */
const TIME_TO_GIVE = seconds(10);
/** Nothing is asked anew this close to the end. */
const CLOSE_TO_END = seconds(5);

/** The end of a session's token, and what is done about it. */
export interface Renewal {
  endsAt: Millis;
  /** When the app is to be asked for a newer token. */
  askAt: Millis;
  /** The `refresh` that is not answered, … */
  id?: Scalar | undefined;
  /** … and the version of its token. */
  version: number;
}

/** A token that the server took now ends after this time. */
export function newRenewal(now: Millis, expiresIn: Span, rng: Rng): Renewal {
  const share = Math.floor(expiresIn / 100) * rng.between(LEFT_MIN, LEFT_MAX);
  const left = Math.max(share, Math.min(TIME_TO_GIVE, Math.floor(expiresIn / 2)));
  const endsAt = now + expiresIn;
  return { endsAt, askAt: endsAt - left, version: 0 };
}

/**
 * The server answered the request of this id. The version of its token; none where another request
 * is meant.
 */
export function takeAnswered(renewal: Renewal, id: Scalar | undefined): number | undefined {
  if (id === undefined || id !== renewal.id) return undefined;
  renewal.id = undefined;
  return renewal.version;
}

/** The server did not take the token: the app is asked again halfway to the end. */
export function onRefused(renewal: Renewal, now: Millis): void {
  const left = since(renewal.endsAt, now);
  renewal.askAt = left > CLOSE_TO_END ? now + Math.floor(left / 2) : NEVER;
}
