// Twin of crates/link/src/link/enter.rs. Every change of state goes through here, and is told once.
// In: the new state, with all it owns. Out: the notice, and the account of time.

import { type Millis, NOT_YET } from "../../machine/time.js";
import type { Effort } from "../effort.js";
import type { Link } from "../link.js";
import { type Attempt, type Phase, type Polling, shown, waiting } from "../phase.js";
import type { Session } from "../session.js";
import type { LinkState, Reason } from "../state.js";
import type { Flow } from "../statistics.js";
import { freshEffort } from "./polls.js";
import { giveUpPublishes } from "./publishes.js";

export function enterResting(link: Link, now: Millis, reason: Reason): void {
  link.networkChangedAt = NOT_YET;
  link.isFinishing = false;
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
  const effort = freshEffort(link, now);
  enter(link, now, { kind: "trying", attempt: waiting(at), face: "connecting", effort }, reason);
}

export function enterReconnecting(
  link: Link,
  now: Millis,
  attempt: Attempt,
  effort: Effort,
  reason: Reason,
): void {
  enter(link, now, { kind: "trying", attempt, face: "reconnecting", effort }, reason);
}

/** A session makes way for one that is about to be welcomed. The app need not know. */
export function enterMoving(link: Link, now: Millis, attempt: Attempt, effort: Effort): void {
  enter(link, now, { kind: "trying", attempt, face: "connected", effort }, "server_asked");
}

export function enterLive(link: Link, now: Millis, session: Session, isReturn: boolean): void {
  const successor = { attempt: undefined, isLeaving: false };
  enter(link, now, { kind: "live", session, ...successor, isReturn }, "welcomed");
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
  link.record.turn(now, flow(state, reason));
  link.messages.enter(now, state, reason);
  link.tell({ kind: "state", new: state, old, reason });
}

function flow(state: LinkState, reason: Reason): Flow {
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
