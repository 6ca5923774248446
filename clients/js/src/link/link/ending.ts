// Twin of crates/link/src/link/ending.rs. What follows the end of an attempt or of a session. In:
// how it ended. Out: the next attempt as planned, polls, or rest. Must not know sockets beyond
// closing them.

import type { Millis } from "../../machine/time.js";
import { type CloseCode, NORMAL } from "../../protocol/close.js";
import * as backoff from "../backoff.js";
import * as credential from "../credential.js";
import { type Effort, fail, isProven, newEffort, watch } from "../effort.js";
import { type End, evidenceOf, isPlanned, leavesAPlace, leavesSocket, reasonOf } from "../end.js";
import * as endpoints from "../endpoints.js";
import { addDeath, clearFlaps, isDeath } from "../flaps.js";
import type { SocketId } from "../input.js";
import type { Link } from "../link.js";
import * as memory from "../memory.js";
import { type Live, attemptSockets, endpointOf, sockets, waiting } from "../phase.js";
import { ANSWER_TIMEOUT } from "../poll.js";
import type { Reason } from "../state.js";
import { COMING_BACK } from "./attempt.js";
import { enterReconnecting, enterResting } from "./enter.js";
import { gaugeEnd } from "./gauge.js";
import { plan } from "./plan.js";
import { cancelPolls, fallBackIfWanted, freshEffort, probePath } from "./polls.js";
import { dropSuccessor, onSuccessorEnd, takeSuccessor } from "./successor.js";
import { noteEnd } from "./telling.js";

/** An attempt has failed. */
export function onAttemptEnd(link: Link, now: Millis, end: End): void {
  const { phase } = link;
  const endpoint = endpointOf(phase.attempt);
  if (leavesSocket(end)) closeSockets(link, attemptSockets(phase));
  if (endpoint !== undefined) endpoints.fail(link.endpoints, endpoint);
  link.record.fail();
  if (phase.kind === "live") return onSuccessorEnd(link, now, end);
  link.gauge.giveUp();
  noteEnd(link, now, end);
  blame(link, now, end);
  settle(link, now);
  if (link.isFinishing) return stop(link, now, "finished");
  const at = plan(link, now, end, undefined);
  if (at === undefined) return stop(link, now, "rejected");
  if (phase.kind === "polling") phase.attempt = waiting(at);
  if (phase.kind === "trying") {
    fail(phase.effort, evidenceOf(end));
    enterReconnecting(link, now, waiting(at), phase.effort, reasonOf(end));
    fallBackIfWanted(link, now);
    probePath(link, now);
  }
}

/** A session has ended. */
export function onSessionEnd(link: Link, now: Millis, end: End): void {
  const { phase } = link;
  const { session } = phase;
  if (!session) return;
  if (leavesSocket(end)) closeSockets(link, [session.socket]);
  gaugeEnd(link, now, end);
  noteEnd(link, now, end);
  if (session.isLeaving) link.messages.hear(now, "leaving");
  settle(link, now);
  if (link.isFinishing) {
    dropSuccessor(link);
    return stop(link, now, "finished");
  }
  noteLostReturn(link, now, end);
  const heir = leavesAPlace(end) ? takeSuccessor(link) : undefined;
  dropSuccessor(link);
  if (heir) {
    const effort = freshEffort(link, now);
    watch(effort, now, link.config);
    return enterReconnecting(link, now, heir, effort, reasonOf(end));
  }
  const at = plan(link, now, end, session.crashWindow);
  if (at === undefined) return stop(link, now, "rejected");
  if (phase.kind === "polling") {
    phase.attempt = waiting(at);
    phase.session = undefined;
  }
  if (phase.kind === "live") {
    const effort = effortAfter(link, now, phase, end);
    enterReconnecting(link, now, waiting(at), effort, reasonOf(end));
    fallBackIfWanted(link, now);
    if (effort.shortcut === "lost_return") probePath(link, now);
  }
}

/**
 * A session that replaced polling and died soon is no better than none, unless the path is gone
 * too, which a probe will show.
 */
function effortAfter(link: Link, now: Millis, { session, isReturn }: Live, end: End): Effort {
  const isShort = isDeath(now - session.since);
  if (!isShort) clearFlaps(link.flaps);
  return newEffort(now, memory.isBlocked(link.memory, now), isReturn && isShort && !isPlanned(end));
}

/**
 * A session beside the polls ended: a death, where polls were answered as long as it lived.
 * WebSocket gets through, so that the next attempt need not wait.
 */
function noteLostReturn(link: Link, now: Millis, end: End): void {
  const { phase } = link;
  if (phase.kind !== "polling" || !phase.session) return;
  if (!isPlanned(end) && phase.answeredAt > phase.session.since) addDeath(link.flaps, now);
  phase.isDark = true;
}

/** What an attempt's failure says of the network. */
export function blame(link: Link, now: Millis, end: End): void {
  const { phase } = link;
  const evidence = evidenceOf(end);
  const isPolled =
    phase.kind === "polling" &&
    !phase.isDark &&
    now - phase.answeredAt <= link.config.pollWaitMs + ANSWER_TIMEOUT &&
    phase.polls.channels.some((one) => one.isTold);
  const isTried =
    phase.kind === "trying" && isProven(phase.effort, now) && !phase.effort.isDark;
  const isHttpProven = isPolled || isTried;
  memory.blame(link.memory, now, evidence, isHttpProven);
  if (isPolled && evidence !== "busy") memory.sight(link.memory, now);
}

/** Takes leave of the session, if there is one: what it earned, and what it followed. */
export function settle(link: Link, now: Millis): void {
  const { session } = link.phase;
  if (session) {
    const { isAnswered } = session.pulse;
    backoff.settle(link.schedule, now, now - session.since, isAnswered, link.config);
  }
  link.channels.part();
  link.publishes.part();
  link.pace.part();
}

/** Ends everything, for good or until the app asks again. */
export function rest(link: Link, now: Millis, reason: Reason): void {
  dropTransports(link, now, NORMAL);
  settleDown(link, now, reason);
}

/** As {@link rest}, where the sockets have gone already. */
function stop(link: Link, now: Millis, reason: Reason): void {
  cancelPolls(link);
  settleDown(link, now, reason);
}

function settleDown(link: Link, now: Millis, reason: Reason): void {
  credential.rest(link.credential);
  link.endpoints.to = null;
  enterResting(link, now, reason);
}

/** Gives up the sockets and the polls, whatever they were at. */
export function dropTransports(link: Link, now: Millis, code: CloseCode): void {
  closeSockets(link, sockets(link.phase), code);
  cancelPolls(link);
  link.gauge.giveUp();
  settle(link, now);
  link.record.fail();
}

/** An attempt that makes the app wait no longer passes for a session. */
export function ownUp(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind === "trying" && phase.face === "connected") {
    enterReconnecting(link, now, phase.attempt, phase.effort, "lost");
  }
}

/** Closes these sockets; unless told otherwise, to come back. */
export function closeSockets(link: Link, all: SocketId[], code: CloseCode = COMING_BACK): void {
  for (const socket of all) link.out.push({ kind: "close_socket", socket, code });
}
