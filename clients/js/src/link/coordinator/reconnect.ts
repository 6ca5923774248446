// Twin of crates/link/src/coordinator/reconnect.rs. What follows the end of an attempt or of a
// session. In: how it ended. Out: the next attempt as planned, polls, or rest. Must not know
// sockets beyond closing them.

import type { Rng } from "../../machine/rng.js";
import { type Millis, NEVER, NOT_YET, type Span, seconds, since } from "../../machine/time.js";
import { type CloseCode, NORMAL, TOKEN_EXPIRED } from "../../protocol/close.js";
import * as backoff from "../backoff.js";
import type { LinkSettings } from "../config.js";
import * as credential from "../credential.js";
import {
  type FallbackPolicy,
  fail,
  isProven,
  newFallbackPolicy,
  watch,
} from "../fallback_policy.js";
import {
  type End,
  allowsSuccessor,
  codeOf,
  evidenceOf,
  isPlanned,
  isSudden,
  leavesSocket,
  reasonOf,
} from "../end.js";
import * as endpoints from "../endpoints.js";
import { recordEarlyLoss, clearEarlyLosses, isEarlyLoss } from "../flap_damping.js";
import type { SocketId } from "../input.js";
import type { Link } from "../coordinator.js";
import * as networkHistory from "../network_history.js";
import { type Live, type Polling, attemptSockets, endpointOf, sockets, waiting } from "../phase.js";
import { ANSWER_TIMEOUT } from "../poll.js";
import type { Reason } from "../state.js";
import { COMING_BACK, planProbe } from "./attempt.js";
import { enterReconnecting, enterResting } from "./transitions.js";
import { measureEnd } from "./measurements.js";
import { cancelPolls, fallBackIfWanted, newPolicy, probePath } from "./polls.js";
import { dropSuccessor, onSuccessorEnd, takeSuccessor } from "./successor.js";
import { noteEnd } from "./user_messages.js";

/** How long after a change of network a loss is put down to it. */
const CHANGE_SPAN = seconds(10);
/** How many pauses between attempts double while polling; the next is the largest. */
const RETURNS_DOUBLED = 3;
/** How far those pauses are jittered, in percent. */
const RETURN_JITTER_PERCENT = 20;

/** An attempt has failed. */
export function onAttemptEnd(link: Link, now: Millis, end: End): void {
  const { phase } = link;
  const endpoint = endpointOf(phase.attempt);
  if (leavesSocket(end)) closeSockets(link, attemptSockets(phase));
  if (endpoint !== undefined) endpoints.fail(link.endpoints, endpoint);
  link.record.fail();
  if (phase.kind === "live") return onSuccessorEnd(link, now, end);
  link.pathStats.giveUp();
  noteEnd(link, now, end);
  recordFailure(link, now, end);
  detachSession(link, now);
  if (link.isFinishing) return stop(link, now, "finished");
  const at = plan(link, now, end, undefined);
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
  const { session } = phase;
  if (!session) return;
  if (leavesSocket(end)) closeSockets(link, [session.socket]);
  measureEnd(link, now, end);
  noteEnd(link, now, end);
  if (session.isLeaving) link.messages.onClue(now, "leaving");
  detachSession(link, now);
  if (link.isFinishing) {
    dropSuccessor(link);
    return stop(link, now, "finished");
  }
  noteLostReturn(link, now, end);
  const successor = allowsSuccessor(end) ? takeSuccessor(link) : undefined;
  dropSuccessor(link);
  if (successor) {
    // Whatever the server said of when to come back: the next attempt is under way.
    link.messages.onClue(now, "no_word");
    const policy = newPolicy(link, now);
    watch(policy, now, link.config);
    return enterReconnecting(link, now, successor, policy, reasonOf(end));
  }
  const at = plan(link, now, end, session.crashWindow);
  if (at === undefined) return stop(link, now, "rejected");
  if (phase.kind === "polling") {
    phase.attempt = waiting(at);
    phase.session = undefined;
  }
  if (phase.kind === "live") {
    const policy = policyAfterLoss(link, now, phase, end);
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
  { session, isReturn }: Live,
  end: End,
): FallbackPolicy {
  const isShort = isEarlyLoss(now - session.since);
  if (!isShort) clearEarlyLosses(link.flapDamping);
  const isBlocked = networkHistory.isBlocked(link.networkHistory, now);
  return newFallbackPolicy(now, isBlocked, isReturn && isShort && !isPlanned(end));
}

/**
 * A session beside the polls ended: a death, where polls were answered as long as it lived.
 * WebSocket gets through, so that the next attempt need not wait.
 */
function noteLostReturn(link: Link, now: Millis, end: End): void {
  const { phase } = link;
  if (phase.kind !== "polling" || !phase.session) return;
  const isAnswered = phase.answeredAt > phase.session.since;
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
    now - phase.answeredAt <= link.config.pollWaitMs + ANSWER_TIMEOUT &&
    phase.polls.channels.some((one) => one.hasAnswered);
  const isTried =
    phase.kind === "trying" && isProven(phase.policy, now) && !phase.policy.isInconclusive;
  const isHttpProven = isPolled || isTried;
  networkHistory.recordFailure(link.networkHistory, now, evidence, isHttpProven);
  if (isPolled && evidence !== "busy") networkHistory.recordFallback(link.networkHistory, now);
}

/** Takes leave of the session, if there is one: what it earned, and what it followed. */
export function detachSession(link: Link, now: Millis): void {
  const { session } = link.phase;
  if (session) {
    const { isAnswered } = session.timer;
    backoff.creditSession(link.schedule, now, now - session.since, isAnswered, link.config);
  }
  link.channels.onSessionLost();
  link.publishes.onSessionLost();
  link.pacer.onSessionLost();
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
  link.pathStats.giveUp();
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

/** Closes these sockets; unless told otherwise, to come back. */
export function closeSockets(link: Link, all: SocketId[], code: CloseCode = COMING_BACK): void {
  for (const socket of all) link.out.push({ kind: "close_socket", socket, code });
}

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
  const { schedule, config, rng } = link;
  const leaveDueAt = link.phase.session?.leaveDueAt ?? NEVER;
  // Lost before its turn: the turn stays, so that the others keep theirs.
  if (leaveDueAt < NEVER) backoff.hold(schedule, now, since(leaveDueAt, now));
  switch (end.kind) {
    case "refused":
    case "never":
      return undefined;
    case "left":
      return backoff.admitAsked(schedule, now, config);
    case "busy":
      // Another endpoint may have room now.
      if (endpoints.isAllBusy(link.endpoints)) backoff.hold(schedule, now, end.retry_after_ms);
      break;
    case "retry_after":
      backoff.holdAWhile(schedule, now, config, rng);
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
  const { phase, schedule, config, rng } = link;
  const isPolling = phase.kind === "polling";
  const delay = isPolling ? returnDelay(phase, config, rng) : backoff.delay(schedule, config, rng);
  return backoff.admit(schedule, now + delay);
}

function timeAfterLoss(link: Link, now: Millis, crashWindow: Span | undefined): Millis {
  const { schedule, config, rng, networkChangedAt: changedAt } = link;
  link.networkChangedAt = NOT_YET;
  if (now - changedAt <= CHANGE_SPAN) return backoff.admitFree(schedule, now);
  // Nobody waits: the least that is right for others, too. Half of it is drawn from.
  const window = link.device.isBackground
    ? Math.max(crashWindow ?? 0, config.backgroundSpreadMs * 2)
    : crashWindow;
  if (window === undefined || link.phase.kind !== "live") return usualTime(link, now);
  return backoff.admit(schedule, now + backoff.crashDelay(schedule, window, config, rng));
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
  const { helloTokenVersion, helloSentAt } = link;
  const refusal = credential.refuse(link.credential, helloTokenVersion, helloSentAt, fault);
  return refusal === "stop" ? undefined : backoff.admitAsked(link.schedule, now, link.config);
}

function returnDelay(polling: Polling, config: LinkSettings, rng: Rng): Span {
  // It says nothing of WebSocket: the next one comes as after a first failure.
  if (polling.isInconclusive) {
    polling.isInconclusive = false;
    const pause = backoff.jittered(config.backoffMinMs, config.jitterPercent, rng);
    return Math.max(pause, config.delayFloorMs);
  }
  const { returnMinMs, returnMaxMs } = config;
  const returns = polling.returns++;
  const isDoubled = returns < RETURNS_DOUBLED;
  const pause = isDoubled ? backoff.doubled(returnMinMs, returns, returnMaxMs) : returnMaxMs;
  return backoff.jittered(pause, RETURN_JITTER_PERCENT, rng);
}
