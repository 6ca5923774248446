// Twin of crates/link/src/coordinator/planning.rs. When the next attempt begins after an end: at a
// time of the schedule, once the app has given a token, or never. In: how an attempt or a session
// ended. Out: that time.

import { type Millis, type Span, NEVER, since } from "../../machine/time.js";
import { type CloseCode, TOKEN_EXPIRED } from "../../protocol/close.js";
import * as backoff from "../backoff.js";
import * as timing from "../connector/timing.js";
import type { Link } from "../coordinator.js";
import * as credential from "../credential.js";
import { type End, codeOf, isSudden } from "../end.js";

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
  const { connector } = link;
  const { schedule, settings, rng } = connector;
  // Lost before its turn: the turn stays, so that the others keep theirs.
  if (leaveDueAt < NEVER) backoff.hold(schedule, now, since(leaveDueAt, now));
  switch (end.kind) {
    case "refused":
    case "never":
      return undefined;
    case "left":
      return timing.timeWhenAsked(connector, now);
    case "busy":
      timing.holdIfAllBusy(connector, now, end.retry_after_ms);
      break;
    case "retry_after":
      backoff.holdAWhile(schedule, now, settings, rng);
      break;
    case "unrecoverable":
    case "move_to":
      break;
    case "refresh_token":
      return planWithToken(link, now, codeOf(end));
    default: {
      const crashWindow = isSudden(end) ? window : undefined;
      return timing.timeAfterLoss(connector, now, crashWindow, link.device.isBackground);
    }
  }
  return timing.usualTime(connector, now);
}

/**
 * The server has spoken, so the path has not failed: the next attempt need not wait. It asks the
 * app for the token when it is due, so that what it sends is fresh.
 */
function planWithToken(
  link: Link,
  now: Millis,
  code: CloseCode | undefined,
): Millis | undefined {
  const fault = code === TOKEN_EXPIRED ? "age" : "content";
  const { sessionTokenVersion, helloSentAt } = link;
  const refusal = credential.refuse(link.credential, sessionTokenVersion, helloSentAt, fault);
  return refusal === "stop" ? undefined : timing.timeWhenAsked(link.connector, now);
}
