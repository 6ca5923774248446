// Twin of crates/link/src/coordinator/reconnect.rs. What follows the end of an attempt or of a
// session. In: how it ended. Out: the next attempt as planned, polls, or rest. Must not know
// sockets beyond closing them.

import { type Millis, type Span, NEVER } from "../../machine/time.js";
import { type CloseCode, NORMAL } from "../../protocol/close.js";
import * as connector from "../connector.js";
import { waiting } from "../connector/attempt.js";
import { onAttemptEnd as onAttemptFailed, watch } from "../connector/dialing.js";
import { fail } from "../connector/fallback_policy.js";
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
import * as health from "../health.js";
import { isLive } from "../phase.js";
import * as poller from "../poller.js";
import type { Reason } from "../state.js";
import { closeSockets } from "./dials.js";
import { fallBackIfWanted, planProbe, probePath } from "./fallback.js";
import { plan } from "./planning.js";
import { cancelPolls } from "./returning.js";
import { dropSuccessor, onSuccessorEnd } from "./successor.js";
import { detachSession, enterReconnecting, enterResting } from "./transitions.js";

/** An attempt has failed. */
export function onAttemptEnd(link: Link, now: Millis, end: End): void {
  if (leavesSocket(end)) closeSockets(link, connector.sockets(link.connector));
  onAttemptFailed(link.connector);
  link.record?.fail();
  if (isLive(link.phase)) return onSuccessorEnd(link, now, end);
  health.giveUp(link.health);
  link.messages?.noteEnd(link, now, end);
  recordFailure(link, now, end);
  detachSession(link, now);
  if (link.subscriptions.isFinishing) return stop(link, now, "finished");
  const at = plan(link, now, end, NEVER, undefined);
  if (at === undefined) return stop(link, now, "rejected");
  link.connector.attempt = waiting(at);
  const { policy } = link.connector;
  if (policy) {
    fail(policy, evidenceOf(end));
    enterReconnecting(link, now, reasonOf(end));
    fallBackIfWanted(link, now);
    probePath(link, now);
    planProbe(link, now);
  }
}

/** A session has ended. */
export function onSessionEnd(link: Link, now: Millis, end: End): void {
  const { session } = link.health;
  if (!session) return;
  if (leavesSocket(end)) closeSockets(link, [session.socket]);
  health.onSessionEnd(link.health, now, end);
  link.messages?.noteEnd(link, now, end);
  if (session.isLeaving) link.messages?.onClue(now, "leaving");
  detachSession(link, now);
  if (link.subscriptions.isFinishing) {
    dropSuccessor(link);
    return stop(link, now, "finished");
  }
  noteLostReturn(link, now, session.since, end);
  if (allowsSuccessor(end) && link.connector.cause) {
    // Whatever the server said of when to come back: the next attempt is under way.
    link.messages?.onClue(now, "no_word");
    connector.connect(link.connector, now);
    watch(link.connector, now);
    return enterReconnecting(link, now, reasonOf(end));
  }
  dropSuccessor(link);
  const at = plan(link, now, end, session.leaveDueAt, session.crashWindow);
  if (at === undefined) return stop(link, now, "rejected");
  link.connector.attempt = waiting(at);
  if (isLive(link.phase)) {
    connectAfterLoss(link, now, now - session.since, end);
    const isReturn = link.connector.policy?.shortcut === "lost_return";
    enterReconnecting(link, now, reasonOf(end));
    fallBackIfWanted(link, now);
    if (isReturn) probePath(link, now);
  }
}

/**
 * A session that replaced polling and died soon is no better than none, unless the path is gone
 * too, which a probe will show.
 */
function connectAfterLoss(link: Link, now: Millis, lived: Span, end: End): void {
  const isEarly = poller.isEarlyLoss(link.poller, lived);
  const hasLostReturn = link.phase === "returned" && isEarly && !isPlanned(end);
  connector.connect(link.connector, now, undefined, hasLostReturn);
}

/**
 * A session beside the polls has ended: WebSocket gets through, so that the next attempt need not
 * wait as long as after one that failed.
 */
function noteLostReturn(link: Link, now: Millis, since: Millis, end: End): void {
  const { pace } = link.connector;
  if (!pace) return;
  if (!isPlanned(end)) poller.onSessionLost(link.poller, now, since);
  pace.isInconclusive = true;
}

/** What an attempt's failure says of the network. */
export function recordFailure(link: Link, now: Millis, end: End): void {
  const isPolled = poller.isAnswered(link.poller, now);
  link.connector.networks?.recordFailure(link.connector, now, evidenceOf(end), isPolled);
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
  enterResting(link, now, reason);
}

/** Gives up the sockets and the polls, whatever they were at. */
export function dropTransports(link: Link, now: Millis, code: CloseCode): void {
  const { session } = link.health;
  if (session) closeSockets(link, [session.socket], code);
  closeSockets(link, connector.sockets(link.connector), code);
  cancelPolls(link);
  health.giveUp(link.health);
  detachSession(link, now);
  link.record?.fail();
}

/** An attempt that makes the app wait no longer passes for a session. */
export function showReconnecting(link: Link, now: Millis): void {
  if (link.phase === "replacing") enterReconnecting(link, now, "lost");
}

/** A link whose channels have all finished rests, once what it has published is answered. */
export function restIfFinished(link: Link, now: Millis): void {
  const isDone = !link.publisher || link.publisher.isEmpty() || !link.health.session;
  if (link.subscriptions.isFinishing && isDone) rest(link, now, "finished");
}
