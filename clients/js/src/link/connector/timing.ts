// Twin of crates/link/src/connector/timing.rs. When the next attempt may begin: by the schedule, by
// the pace beside polls, at once. In: why it is wanted. Out: the time.

import { type Millis, NOT_YET, type Span, seconds } from "../../machine/time.js";
import * as backoff from "../backoff.js";
import type { Connector } from "../connector.js";
import * as attempts from "./attempt.js";
import { isAllBusy } from "./endpoints.js";
import * as returnPace from "./return_pace.js";

/** How long after a change of network a loss is put down to it. */
const CHANGE_SPAN = seconds(10);

/**
 * An endpoint is busy: no attempt before `hint` from `now` has passed, unless another endpoint may
 * have room.
 */
export function holdIfAllBusy({ endpoints, schedule }: Connector, now: Millis, hint: Span): void {
  if (isAllBusy(endpoints)) backoff.hold(schedule, now, hint);
}

/** The time for an attempt that the app or the server asked for. */
export const timeWhenAsked = ({ schedule, settings }: Connector, now: Millis): Millis =>
  backoff.admitAsked(schedule, now, settings);

/** The time after a failure. */
export function usualTime(connector: Connector, now: Millis): Millis {
  const { pace, schedule, settings, rng } = connector;
  const delay = pace
    ? returnPace.delay(pace, settings, rng)
    : backoff.delay(schedule, settings, rng);
  return backoff.admit(schedule, now + delay);
}

/**
 * The time after a loss that may be put down to a change of network, or to the crash of a server
 * which wants its links back within this window.
 */
export function timeAfterLoss(
  connector: Connector,
  now: Millis,
  crashWindow: Span | undefined,
  isBackground: boolean,
): Millis {
  const { schedule, settings, rng, networkChangedAt: changedAt } = connector;
  connector.networkChangedAt = NOT_YET;
  if (now - changedAt <= CHANGE_SPAN) return backoff.admitFree(schedule, now);
  // Nobody waits: the least that is right for others, too. Half of it is drawn from.
  const window = isBackground
    ? Math.max(crashWindow ?? 0, settings.backgroundSpreadMs * 2)
    : crashWindow;
  if (window === undefined || connector.policy || connector.pace) {
    return usualTime(connector, now);
  }
  return backoff.admit(schedule, now + backoff.crashDelay(schedule, window, settings, rng));
}

/**
 * The app asks for the attempt that waits, or the path has begun to work: it waits no longer than
 * it must.
 */
export function hasten(connector: Connector, now: Millis): void {
  attempts.hasten(connector.attempt, timeWhenAsked(connector, now));
}

/** The network has changed: an attempt that waits is the first one after that. */
export function hastenAfterChange(connector: Connector, now: Millis): void {
  const { attempt, schedule } = connector;
  if (attempt?.kind !== "waiting") return;
  // No loss after it is put down to the change.
  connector.networkChangedAt = NOT_YET;
  attempts.hasten(attempt, backoff.admitFree(schedule, now));
}
