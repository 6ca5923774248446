// Twin of crates/link/src/coordinator/transitions.rs. Every change of state goes through here, and
// is told once. In: the new state, with all it owns. Out: the notice, and the account of time.

import { type Millis, NOT_YET } from "../../machine/time.js";
import * as backoff from "../backoff.js";
import type { Link } from "../coordinator.js";
import * as policy from "../fallback_policy.js";
import type { FallbackPolicy } from "../fallback_policy.js";
import * as health from "../health.js";
import { isBlocked } from "../network_history.js";
import { type Attempt, type Phase, type Polling, shown, waiting } from "../phase.js";
import type { LinkState, Reason } from "../state.js";
import type { UptimeState } from "../statistics.js";
import { giveUpPublishes } from "./publishes.js";

export function enterResting(link: Link, now: Millis, reason: Reason): void {
  link.networkChangedAt = NOT_YET;
  link.subscriptions.isFinishing = false;
  giveUpPublishes(link);
  enter(link, now, { kind: "resting" }, reason);
}

export function enterOffline(link: Link, now: Millis): void {
  enter(link, now, { kind: "offline" }, "offline");
}

/**
 * The first attempt since the app asked, or the first after the network came back before any
 * session was welcomed.
 */
export function enterConnecting(link: Link, now: Millis, at: Millis, reason: Reason): void {
  const policy = newPolicy(link, now);
  enter(link, now, { kind: "trying", attempt: waiting(at), shownAs: "connecting", policy }, reason);
}

export function enterReconnecting(
  link: Link,
  now: Millis,
  attempt: Attempt,
  policy: FallbackPolicy,
  reason: Reason,
): void {
  enter(link, now, { kind: "trying", attempt, shownAs: "reconnecting", policy }, reason);
}

/** A session makes way for one that is about to be welcomed. The app need not know. */
export function enterReplacing(
  link: Link,
  now: Millis,
  attempt: Attempt,
  policy: FallbackPolicy,
): void {
  enter(link, now, { kind: "trying", attempt, shownAs: "connected", policy }, "server_asked");
}

export function enterLive(link: Link, now: Millis, isReturn: boolean): void {
  enter(link, now, { kind: "live", attempt: undefined, isLeaving: false, isReturn }, "welcomed");
}

export function enterPolling(link: Link, now: Millis, polling: Polling): void {
  enter(link, now, polling, "websocket_blocked");
}

/** At rest the reason is part of the state: it says whether the link comes back by itself. */
function enter(link: Link, now: Millis, phase: Phase, reason: Reason): void {
  link.phase = phase;
  const old = link.state;
  const state = shown(phase);
  const isOtherRest = state === "disconnected" && reason !== link.reason;
  if (state === old && !isOtherRest) return;
  link.state = state;
  link.reason = reason;
  link.record.turn(now, uptimeState(state, reason));
  link.messages.enter(now, state, reason);
  link.tell({ kind: "state", new: state, old, reason });
}

/** What is to speak for polling from now on. */
export const newPolicy = ({ networkHistory }: Link, now: Millis): policy.FallbackPolicy =>
  policy.newFallbackPolicy(now, isBlocked(networkHistory, now));

/** Takes leave of the session, if there is one: what it earned, and what it followed. */
export function detachSession(link: Link, now: Millis): void {
  const session = health.takeSession(link.health);
  if (session) {
    const { isAnswered } = session.timer;
    backoff.creditSession(link.schedule, now, now - session.since, isAnswered, link.settings);
  }
  link.subscriptions.onSessionLost();
  link.publisher.onSessionLost();
  link.pacer.onSessionLost();
}

function uptimeState(state: LinkState, reason: Reason): UptimeState {
  switch (state) {
    case "connected":
      return "live";
    case "fallback":
      return "polled";
    case "connecting":
    case "reconnecting":
      return "down";
    case "disconnected":
      return reason === "closed" || reason === "finished" ? "unwanted" : "down";
  }
}
