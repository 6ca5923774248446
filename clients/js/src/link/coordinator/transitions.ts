// Twin of crates/link/src/coordinator/transitions.rs. Every change of state goes through here, and
// is told once. In: the new state. Out: the notice, and the account of time.

import type { Millis } from "../../machine/time.js";
import { creditSession } from "../backoff.js";
import * as connector from "../connector.js";
import type { Link } from "../coordinator.js";
import * as health from "../health.js";
import * as pacer from "../pacer.js";
import { type Phase, shown } from "../phase.js";
import * as poller from "../poller.js";
import type { LinkState, Reason } from "../state.js";
import type { UptimeState } from "../statistics.js";
import * as subscriptions from "../subscriptions.js";

export function enterResting(link: Link, now: Millis, reason: Reason): void {
  connector.rest(link.connector);
  link.subscriptions.isFinishing = false;
  link.publisher?.giveUp(link);
  enter(link, now, "resting", reason);
}

export function enterOffline(link: Link, now: Millis): void {
  connector.stop(link.connector);
  enter(link, now, "offline", "offline");
}

/**
 * The first attempt since the app asked, or the first after the network came back before any
 * session was welcomed.
 */
export function enterConnecting(link: Link, now: Millis, reason: Reason): void {
  enter(link, now, "connecting", reason);
}

export function enterReconnecting(link: Link, now: Millis, reason: Reason): void {
  enter(link, now, "reconnecting", reason);
}

/** A session makes way for one that is about to be welcomed. The app need not know. */
export function enterReplacing(link: Link, now: Millis): void {
  connector.connect(link.connector, now);
  enter(link, now, "replacing", "server_asked");
}

export function enterLive(link: Link, now: Millis, isReturn: boolean): void {
  connector.stop(link.connector);
  enter(link, now, isReturn ? "returned" : "live", "welcomed");
}

export function enterPolling(link: Link, now: Millis): void {
  connector.fallBack(link.connector, now);
  poller.start(link.poller, now);
  for (const { id } of link.subscriptions.all) poller.add(link.poller, id, now);
  enter(link, now, "polling", "websocket_blocked");
}

/** At rest the reason is part of the state: it says whether the link comes back by itself. */
function enter(link: Link, now: Millis, phase: Phase, reason: Reason): void {
  link.phase = phase;
  if (phase !== "polling") poller.stop(link.poller);
  const old = link.state;
  const state = shown(phase);
  const isOtherRest = state === "disconnected" && reason !== link.reason;
  if (state === old && !isOtherRest) return;
  link.state = state;
  link.reason = reason;
  link.record?.turn(now, state, reason);
  link.messages?.enter(now, state, reason);
  link.tell({ kind: "state", new: state, old, reason });
}

/** Takes leave of the session, if there is one: what it earned, and what it followed. */
export function detachSession(link: Link, now: Millis): void {
  const session = health.takeSession(link.health);
  if (session) {
    const { since, timer } = session;
    const { schedule, settings } = link.connector;
    creditSession(schedule, now, now - since, timer.isAnswered, settings);
  }
  subscriptions.onSessionLost(link.subscriptions);
  link.publisher?.onSessionLost();
  pacer.onSessionLost(link.pacer);
}

/** What flows in that state. */
export function uptimeState(state: LinkState, reason: Reason): UptimeState {
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
