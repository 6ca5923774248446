// Twin of crates/link/src/health/heartbeat_timer.rs. Proof of life, in two stages: doubt and a
// second question, then the verdict. In: the agreed terms, how long to be patient, signs of life,
// the time. Out: heartbeats to send, and what silence means. Must not know sockets or channels, nor
// what patience is drawn from.

import { type Millis, NEVER, type Span, seconds } from "../../machine/time.js";
import type { Heartbeat, HeartbeatTerms } from "../../protocol/frame/client.js";
import type { Scalar } from "../../protocol/payload.js";

/** The shortest span that a server may set. */
const TERM_MIN = seconds(1);
/** The longest span that a server may set. */
const TERM_MAX = seconds(3600);

/** How long nothing may come after a heartbeat. */
export interface AnswerTimeouts {
  /** Until there is doubt; endless where there is none before the verdict. */
  readonly soft: Span;
  /** Until the peer counts as dead. */
  readonly hard: Span;
}

/** What is due: a frame to send; the same, since there is doubt; no sign of life came in time. */
export type HeartbeatAction =
  | { readonly kind: "say" | "doubt"; readonly frame: Heartbeat }
  | { readonly kind: "dead" };

/** The heartbeat of one session. */
export interface HeartbeatTimer {
  /** The interval of the terms in force. */
  readonly agreed: Span;
  /** The longest that an answer may be waited for. */
  readonly timeout: Span;
  /** The interval that is kept, which is longer while nobody looks. */
  interval: Span;
  nextAt: Millis;
  /** When doubt begins; never once it has, or where it never does, or nothing is waited for. */
  doubtAt: Millis;
  /** When the peer counts as dead, from a heartbeat on until something is heard. */
  deadAt: Millis;
  /** Whether the peer may be dead. */
  isDoubted: boolean;
  lastId: number;
  /**
   * The heartbeat that is timed, until its answer comes, or 0. A question asked in doubt is not:
   * its answer comes behind the one that is late.
   */
  timedId: number;
  sentAt: Millis;
  /**
   * When to look whether the device slept while it is timed, though something else was heard; never
   * once that was done.
   */
  lookAt: Millis;
  /** An answer after this is not timed. */
  timedUntil: Millis;
  /** Whether a heartbeat was ever answered. */
  isAnswered: boolean;
  /** Whether the next heartbeat is to find out whether the peer outlived a sleep. */
  isProbeDue: boolean;
}

/**
 * With doubt at half of the time at the latest, so that a timer between both always shows whether
 * the device slept, and a verdict after `most` at the latest.
 */
export function newAnswerTimeouts(soft: Span, hard: Span, most: Span): AnswerTimeouts {
  const atMost = Math.min(hard, most);
  return { soft: Math.min(soft, Math.ceil(atMost / 2)), hard: atMost };
}

/** A pulse by the terms in force; the first heartbeat comes after one interval. */
export function newHeartbeatTimer(terms: HeartbeatTerms, now: Millis): HeartbeatTimer {
  const interval = clamp(terms.interval);
  return {
    agreed: interval,
    timeout: clamp(terms.timeout),
    interval,
    nextAt: now + interval,
    doubtAt: NEVER,
    deadAt: NEVER,
    isDoubted: false,
    lastId: 0,
    timedId: 0,
    sentAt: 0,
    lookAt: NEVER,
    timedUntil: 0,
    isAnswered: false,
    isProbeDue: false,
  };
}

/** What is due now, if anything. */
export function due(
  timer: HeartbeatTimer,
  now: Millis,
  timeouts: AnswerTimeouts,
): HeartbeatAction | undefined {
  if (timer.deadAt <= now) return { kind: "dead" };
  if (timer.doubtAt <= now) {
    timer.doubtAt = NEVER;
    timer.isDoubted = true;
    return { kind: "doubt", frame: nextFrame(timer, now) };
  }
  if (timer.lookAt <= now) timer.lookAt = NEVER;
  return timer.nextAt <= now ? { kind: "say", frame: beat(timer, now, timeouts) } : undefined;
}

/** A heartbeat at once; none while the verdict on one is as near. */
export const probe = (
  timer: HeartbeatTimer,
  now: Millis,
  timeouts: AnswerTimeouts,
): Heartbeat | undefined =>
  timer.deadAt > now + timeouts.hard ? beat(timer, now, timeouts) : undefined;

/** A heartbeat at once, whatever is waited for: of two patiences, the first to end counts. */
export function beat(
  timer: HeartbeatTimer,
  now: Millis,
  { soft, hard }: AnswerTimeouts,
): Heartbeat {
  const frame = nextFrame(timer, now);
  timer.isProbeDue = false;
  timer.timedId = timer.lastId;
  timer.sentAt = now;
  timer.lookAt = now + soft;
  timer.timedUntil = now + hard;
  if (!timer.isDoubted) timer.doubtAt = Math.min(timer.doubtAt, now + soft);
  timer.deadAt = Math.min(timer.deadAt, now + hard);
  return frame;
}

/**
 * Keeps the agreed interval, or a longer one. What was said of the next heartbeat is kept: a longer
 * one begins with it.
 */
export function pace(timer: HeartbeatTimer, now: Millis, slow: Span): void {
  timer.interval = Math.max(slow, timer.agreed);
  timer.nextAt = Math.min(timer.nextAt, now + timer.interval);
}

/** Begins anew after sleep: what was waited for before it tells nothing. A heartbeat is due. */
export function renew(timer: HeartbeatTimer, now: Millis): void {
  onActivity(timer);
  giveUpTiming(timer);
  timer.nextAt = now;
  timer.isProbeDue = true;
}

/** The device slept for some time that no timer shows: what is on its way cannot be timed. */
export function giveUpTiming(timer: HeartbeatTimer): void {
  timer.timedId = 0;
  timer.lookAt = NEVER;
}

/** Something came: the peer lives. */
export function onActivity(timer: HeartbeatTimer): void {
  timer.doubtAt = timer.deadAt = NEVER;
  timer.isDoubted = false;
}

/** An answer to a heartbeat; how long it took, where it answers the one that is timed. */
export function onAck(
  timer: HeartbeatTimer,
  id: Scalar | undefined,
  now: Millis,
): Span | undefined {
  if (!id) return undefined;
  const isTimed = id === timer.timedId;
  timer.isAnswered ||= isTimed || id === timer.lastId;
  if (!isTimed) return undefined;
  giveUpTiming(timer);
  return now <= timer.timedUntil ? now - timer.sentAt : undefined;
}

/** Whether an answer is to be timed, as long as nobody has looked whether the device slept. */
export const isTiming = (timer: HeartbeatTimer): boolean => timer.lookAt < NEVER;

/** Whether anything is to come since a timer. */
export const isWaiting = (timer: HeartbeatTimer): boolean => timer.deadAt < NEVER;

/** When something will be due. */
export const wake = (timer: HeartbeatTimer): Millis =>
  Math.min(timer.nextAt, timer.deadAt, isWaiting(timer) ? timer.doubtAt : timer.lookAt);

function nextFrame(timer: HeartbeatTimer, now: Millis): Heartbeat {
  timer.nextAt = now + timer.interval;
  return { type: "heartbeat", id: ++timer.lastId, next_ms: timer.interval };
}

const clamp = (span: Span): Span => Math.min(Math.max(span, TERM_MIN), TERM_MAX);
