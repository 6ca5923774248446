// Twin of crates/link/src/link/plan.rs. What follows an end: another attempt and when, a token
// first, or nothing ever again. In: how it ended. Out: the plan. Every path into an attempt is
// timed by the one schedule.

import type { Rng } from "../../machine/rng.js";
import { type Millis, type Span, seconds, since } from "../../machine/time.js";
import { type CloseCode, TOKEN_EXPIRED, advice } from "../../protocol/close.js";
import { doubled, jittered } from "../backoff.js";
import type { LinkSettings } from "../config.js";
import { type End, isSudden } from "../end.js";
import type { Link } from "../link.js";
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
  window: Span | undefined,
): Millis | undefined {
  const { schedule, config } = link;
  const leaveAt = link.phase.session?.leaveAt;
  // Lost before its turn: the turn stays, so that the others keep theirs.
  if (leaveAt !== undefined) schedule.hold(now, since(leaveAt, now));
  switch (end.kind) {
    case "dial":
      if (end.failure.kind === "refused") return undefined;
      if (end.failure.kind !== "busy") return timeAfterLoss(link, now, undefined);
      schedule.hold(now, end.failure.retry_after_ms);
      return usualTime(link, now);
    case "left":
      return schedule.admitAsked(now, config);
    case "unmended":
      return usualTime(link, now);
    case "timeout":
    case "silent":
      return timeAfterLoss(link, now, undefined);
    case "closed":
      switch (advice(end.code)) {
        case "retry_now":
          return timeAfterLoss(link, now, isSudden(end) ? window : undefined);
        case "retry_after":
          schedule.holdAWhile(now, config, link.rng);
          return usualTime(link, now);
        case "move_to":
          return usualTime(link, now);
        case "refresh_token":
          return planWithToken(link, now, end.code);
        case "never":
          return undefined;
      }
  }
}

/** The next time by the schedule, which is slower while events come by polling. */
export function usualTime(link: Link, now: Millis): Millis {
  const { phase, schedule, config, rng } = link;
  const isPolling = phase.kind === "polling";
  const delay = isPolling ? returnDelay(phase, config, rng) : schedule.delay(config, rng);
  return schedule.admit(now + delay);
}

function timeAfterLoss(link: Link, now: Millis, crashWindow: Span | undefined): Millis {
  const { schedule, config, rng, networkChangedAt: changedAt } = link;
  link.networkChangedAt = undefined;
  if (changedAt !== undefined && now - changedAt <= CHANGE_SPAN) return schedule.admitFree(now);
  // Nobody waits: the least that is right for others, too. Half of it is drawn from.
  const window = link.device.isBackground
    ? Math.max(crashWindow ?? 0, config.backgroundSpreadMs * 2)
    : crashWindow;
  if (window === undefined || link.phase.kind !== "live") return usualTime(link, now);
  return schedule.admit(now + schedule.crashDelay(window, config, rng));
}

/**
 * The server has spoken, so the path has not failed: the next attempt need not wait. It asks the
 * app for the token when it is due, so that what it sends is fresh.
 */
function planWithToken(link: Link, now: Millis, code: CloseCode): Millis | undefined {
  const fault = code === TOKEN_EXPIRED ? "age" : "content";
  const refusal = link.credential.refuse(link.greetedVersion, link.greetedAt, fault);
  return refusal === "stop" ? undefined : link.schedule.admitAsked(now, link.config);
}

function returnDelay(polling: Polling, config: LinkSettings, rng: Rng): Span {
  const { returnMinMs, returnMaxMs } = config;
  const returns = polling.returns++;
  const isDoubled = returns < RETURNS_DOUBLED;
  const pause = isDoubled ? doubled(returnMinMs, returns, returnMaxMs) : returnMaxMs;
  return jittered(pause, RETURN_JITTER_PERCENT, rng);
}
