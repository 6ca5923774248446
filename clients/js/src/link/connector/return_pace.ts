// Twin of crates/link/src/connector/return_pace.rs. How often a session is sought while events come
// by polling: less often than without polls. In: attempts that fail. Out: the delay of the next
// attempt.

import type { Rng } from "../../machine/rng.js";
import type { Span } from "../../machine/time.js";
import { doubled, jittered } from "../backoff.js";
import type { LinkSettings } from "../config.js";

/** How many delays double; the next is the largest. */
const RETURNS_DOUBLED = 3;
/** How far they are jittered, in percent. */
const RETURN_JITTER_PERCENT = 20;

/** The attempts since polling began. */
export interface ReturnPace {
  /** How many have failed since then or since the network changed. */
  failed: number;
  /**
   * Whether the attempt under way says nothing of WebSocket: it began before plain HTTP was known
   * to get through, or has brought a session.
   */
  isInconclusive: boolean;
}

/** Polling begins beside an attempt. */
export const newReturnPace = (isInconclusive: boolean): ReturnPace => ({
  failed: 0,
  isInconclusive,
});

/**
 * The delay after a failure: doubled, capped, then jittered; as after a first failure where that
 * said nothing of WebSocket.
 */
export function delay(pace: ReturnPace, settings: LinkSettings, rng: Rng): Span {
  if (pace.isInconclusive) {
    pace.isInconclusive = false;
    const span = jittered(settings.backoffMinMs, settings.jitterPercent, rng);
    return Math.max(span, settings.delayFloorMs);
  }
  const { returnMinMs, returnMaxMs } = settings;
  const failed = pace.failed++;
  const isDoubled = failed < RETURNS_DOUBLED;
  const span = isDoubled ? doubled(returnMinMs, failed, returnMaxMs) : returnMaxMs;
  return jittered(span, RETURN_JITTER_PERCENT, rng);
}
