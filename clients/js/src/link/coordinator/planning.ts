// Twin of crates/link/src/coordinator/planning.rs. When the next attempt begins after an end: at a
// time of the schedule, once the app has given a token, or never. In: how an attempt or a session
// ended. Out: that time.

import type { Rng } from "../../machine/rng.js";
import { type Millis, type Span, NEVER, NOT_YET, seconds, since } from "../../machine/time.js";
import { type CloseCode, TOKEN_EXPIRED } from "../../protocol/close.js";
import * as backoff from "../backoff.js";
import type { LinkSettings } from "../config.js";
import type { Link } from "../coordinator.js";
import * as credential from "../credential.js";
import { type End, codeOf, isSudden } from "../end.js";
import * as endpoints from "../endpoints.js";
import type { Polling } from "../phase.js";

/** How long after a change of network a loss is put down to it. */
const CHANGE_SPAN = seconds(10);

/** How many pauses between attempts double while polling; the next is the largest. */
const RETURNS_DOUBLED = 3;

/** How far those pauses are jittered, in percent. */
const RETURN_JITTER_PERCENT = 20;

/**
 * When the next attempt begins after the end of an attempt, or of a session with this crash window;
 * nothing where the server will not have another.
 */
export function plan(
  link: Link,
  now: Millis,
  end: End,
  leaveDueAt: Millis = NEVER,
  window: Span | undefined,
): Millis | undefined {
  const { schedule, settings, rng } = link;
  // Lost before its turn: the turn stays, so that the others keep theirs.
  if (leaveDueAt < NEVER) backoff.hold(schedule, now, since(leaveDueAt, now));
  switch (end.kind) {
    case "refused":
    case "never":
      return undefined;
    case "left":
      return backoff.admitAsked(schedule, now, settings);
    case "busy":
      // Another endpoint may have room now.
      if (endpoints.isAllBusy(link.endpoints)) backoff.hold(schedule, now, end.retry_after_ms);
      break;
    case "retry_after":
      backoff.holdAWhile(schedule, now, settings, rng);
      break;
    case "unrecoverable":
    case "move_to":
      break;
    case "refresh_token":
      return planWithToken(link, now, codeOf(end));
    default:
      return timeAfterLoss(link, now, isSudden(end) ? window : undefined);
  }
  return usualTime(link, now);
}

/** The next time by the schedule, which is slower while events come by polling. */
export function usualTime(link: Link, now: Millis): Millis {
  const { phase, schedule, settings, rng } = link;
  const isPolling = phase.kind === "polling";
  const delay = isPolling
    ? returnDelay(phase, settings, rng)
    : backoff.delay(schedule, settings, rng);
  return backoff.admit(schedule, now + delay);
}

export function timeAfterLoss(link: Link, now: Millis, crashWindow: Span | undefined): Millis {
  const { schedule, settings, rng, networkChangedAt: changedAt } = link;
  link.networkChangedAt = NOT_YET;
  if (now - changedAt <= CHANGE_SPAN) return backoff.admitFree(schedule, now);
  // Nobody waits: the least that is right for others, too. Half of it is drawn from.
  const window = link.device.isBackground
    ? Math.max(crashWindow ?? 0, settings.backgroundSpreadMs * 2)
    : crashWindow;
  if (window === undefined || link.phase.kind !== "live") return usualTime(link, now);
  return backoff.admit(schedule, now + backoff.crashDelay(schedule, window, settings, rng));
}

/**
 * The server has spoken, so the path has not failed: the next attempt need not wait. It asks the
 * app for the token when it is due, so that what it sends is fresh.
 */
export function planWithToken(
  link: Link,
  now: Millis,
  code: CloseCode | undefined,
): Millis | undefined {
  const fault = code === TOKEN_EXPIRED ? "age" : "content";
  const { helloTokenVersion, helloSentAt } = link;
  const refusal = credential.refuse(link.credential, helloTokenVersion, helloSentAt, fault);
  return refusal === "stop" ? undefined : backoff.admitAsked(link.schedule, now, link.settings);
}

export function returnDelay(polling: Polling, settings: LinkSettings, rng: Rng): Span {
  // It says nothing of WebSocket: the next one comes as after a first failure.
  if (polling.isInconclusive) {
    polling.isInconclusive = false;
    const pause = backoff.jittered(settings.backoffMinMs, settings.jitterPercent, rng);
    return Math.max(pause, settings.delayFloorMs);
  }
  const { returnMinMs, returnMaxMs } = settings;
  const returns = polling.returns++;
  const isDoubled = returns < RETURNS_DOUBLED;
  const pause = isDoubled ? backoff.doubled(returnMinMs, returns, returnMaxMs) : returnMaxMs;
  return backoff.jittered(pause, RETURN_JITTER_PERCENT, rng);
}
