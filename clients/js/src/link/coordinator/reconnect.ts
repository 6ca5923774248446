// Twin of crates/link/src/coordinator/reconnect.rs. What follows the end of an attempt or of a
// session. In: how it ended. Out: the next attempt as planned, polls, or rest. Must not know
// sockets beyond closing them.

import { type Millis, type Span, NEVER } from "../../machine/time.js";
import { type CloseCode, NORMAL } from "../../protocol/close.js";
import type { Link } from "../coordinator.js";
import * as credential from "../credential.js";
import {
  type End,
  allowsSuccessor,
  evidenceOf,
  isPlanned,
  leavesSocket,
  reasonOf,
} from "../end.js";
import * as endpoints from "../endpoints.js";
import {
  type FallbackPolicy,
  fail,
  isProven,
  newFallbackPolicy,
  watch,
} from "../fallback_policy.js";
import { clearEarlyLosses, isEarlyLoss, recordEarlyLoss } from "../flap_damping.js";
import * as health from "../health.js";
import * as networkHistory from "../network_history.js";
import { attemptSockets, endpointOf, waiting } from "../phase.js";
import { ANSWER_TIMEOUT } from "../poll.js";
import type { Reason } from "../state.js";
import { closeSockets, planProbe } from "./dials.js";
import { fallBackIfWanted, probePath } from "./fallback.js";
import { plan } from "./planning.js";
import { cancelPolls } from "./returning.js";
import { dropSuccessor, onSuccessorEnd, takeSuccessor } from "./successor.js";
import { detachSession, enterReconnecting, enterResting, newPolicy } from "./transitions.js";
import { noteEnd } from "./user_messages.js";

/** An attempt has failed. */
export function onAttemptEnd(link: Link, now: Millis, end: End): void {
  const { phase } = link;
  const endpoint = endpointOf(phase.attempt);
  if (leavesSocket(end)) closeSockets(link, attemptSockets(phase));
  if (endpoint !== undefined) endpoints.fail(link.endpoints, endpoint);
  link.record.fail();
  if (phase.kind === "live") return onSuccessorEnd(link, now, end);
  health.giveUp(link.health);
  noteEnd(link, now, end);
  recordFailure(link, now, end);
  detachSession(link, now);
  if (link.subscriptions.isFinishing) return stop(link, now, "finished");
  const at = plan(link, now, end, NEVER, undefined);
  if (at === undefined) return stop(link, now, "rejected");
  if (phase.kind === "polling") phase.attempt = waiting(at);
  if (phase.kind === "trying") {
    fail(phase.policy, evidenceOf(end));
    enterReconnecting(link, now, waiting(at), phase.policy, reasonOf(end));
    fallBackIfWanted(link, now);
    probePath(link, now);
    planProbe(link, now);
  }
}

/** A session has ended. */
export function onSessionEnd(link: Link, now: Millis, end: End): void {
  const { phase } = link;
  const { session } = link.health;
  if (!session) return;
  if (leavesSocket(end)) closeSockets(link, [session.socket]);
  health.onSessionEnd(link.health, now, end);
  noteEnd(link, now, end);
  if (session.isLeaving) link.messages.onClue(now, "leaving");
  detachSession(link, now);
  if (link.subscriptions.isFinishing) {
    dropSuccessor(link);
    return stop(link, now, "finished");
  }
  noteLostReturn(link, now, session.since, end);
  const successor = allowsSuccessor(end) ? takeSuccessor(link) : undefined;
  dropSuccessor(link);
  if (successor) {
    // Whatever the server said of when to come back: the next attempt is under way.
    link.messages.onClue(now, "no_word");
    const policy = newPolicy(link, now);
    watch(policy, now, link.settings);
    return enterReconnecting(link, now, successor, policy, reasonOf(end));
  }
  const at = plan(link, now, end, session.leaveDueAt, session.crashWindow);
  if (at === undefined) return stop(link, now, "rejected");
  if (phase.kind === "polling") {
    phase.attempt = waiting(at);
  }
  if (phase.kind === "live") {
    const policy = policyAfterLoss(link, now, phase.isReturn, now - session.since, end);
    enterReconnecting(link, now, waiting(at), policy, reasonOf(end));
    fallBackIfWanted(link, now);
    if (policy.shortcut === "lost_return") probePath(link, now);
  }
}

/**
 * A session that replaced polling and died soon is no better than none, unless the path is gone
 * too, which a probe will show.
 */
function policyAfterLoss(
  link: Link,
  now: Millis,
  isReturn: boolean,
  lived: Span,
  end: End,
): FallbackPolicy {
  const isShort = isEarlyLoss(lived);
  if (!isShort) clearEarlyLosses(link.flapDamping);
  const isBlocked = networkHistory.isBlocked(link.networkHistory, now);
  return newFallbackPolicy(now, isBlocked, isReturn && isShort && !isPlanned(end));
}

/**
 * A session beside the polls ended: a death, where polls were answered as long as it lived.
 * WebSocket gets through, so that the next attempt need not wait.
 */
function noteLostReturn(link: Link, now: Millis, since: Millis, end: End): void {
  const { phase } = link;
  if (phase.kind !== "polling") return;
  const isAnswered = phase.answeredAt > since;
  if (!isPlanned(end) && isAnswered) recordEarlyLoss(link.flapDamping, now);
  phase.isInconclusive = true;
}

/** What an attempt's failure says of the network. */
export function recordFailure(link: Link, now: Millis, end: End): void {
  const { phase } = link;
  const evidence = evidenceOf(end);
  const isPolled =
    phase.kind === "polling" &&
    !phase.isInconclusive &&
    now - phase.answeredAt <= link.settings.pollWaitMs + ANSWER_TIMEOUT &&
    phase.polls.channels.some((one) => one.hasAnswered);
  const isTried =
    phase.kind === "trying" && isProven(phase.policy, now) && !phase.policy.isInconclusive;
  const isHttpProven = isPolled || isTried;
  networkHistory.recordFailure(link.networkHistory, now, evidence, isHttpProven);
  if (isPolled && evidence !== "busy") networkHistory.recordFallback(link.networkHistory, now);
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
  const { session } = link.health;
  closeSockets(link, [...(session ? [session.socket] : []), ...attemptSockets(link.phase)], code);
  cancelPolls(link);
  health.giveUp(link.health);
  detachSession(link, now);
  link.record.fail();
}

/** An attempt that makes the app wait no longer passes for a session. */
export function showReconnecting(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind === "trying" && phase.shownAs === "connected") {
    enterReconnecting(link, now, phase.attempt, phase.policy, "lost");
  }
}

/** A link whose channels have all finished rests, once what it has published is answered. */
export function restIfFinished(link: Link, now: Millis): void {
  const isDone = link.publisher.isEmpty() || !link.health.session;
  if (link.subscriptions.isFinishing && isDone) rest(link, now, "finished");
}
