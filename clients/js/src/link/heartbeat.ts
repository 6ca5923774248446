// Twin of crates/link/src/heartbeat.rs. Proof of life, in two stages: doubt and a second question,
// then the verdict. In: the agreed terms, how long to be patient, signs of life, the time. Out:
// heartbeats to send, and what silence means. Must not know sockets or channels, nor what patience
// is drawn from.

import { type Millis, NEVER, type Span, seconds } from "../machine/time.js";
import type { Heartbeat, HeartbeatTerms } from "../protocol/frame/client.js";
import type { Scalar } from "../protocol/payload.js";

/** The shortest span that a server may set. */
const TERM_MIN = seconds(1);
/** The longest span that a server may set. */
const TERM_MAX = seconds(3600);

/** How long nothing may come after a heartbeat. */
export interface Patience {
  /** Until there is doubt; endless where there is none before the verdict. */
  readonly soft: Span;
  /** Until the peer counts as dead. */
  readonly hard: Span;
}

/** What is due: a frame to send; the same, since there is doubt; no sign of life came in time. */
export type Beat =
  | { readonly kind: "say" | "doubt"; readonly frame: Heartbeat }
  | { readonly kind: "dead" };

/** The heartbeat of one session. */
export interface Pulse {
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
export function newPatience(soft: Span, hard: Span, most: Span): Patience {
  const atMost = Math.min(hard, most);
  return { soft: Math.min(soft, Math.ceil(atMost / 2)), hard: atMost };
}

/** A pulse by the terms in force; the first heartbeat comes after one interval. */
export function newPulse(terms: HeartbeatTerms, now: Millis): Pulse {
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
export function due(pulse: Pulse, now: Millis, patience: Patience): Beat | undefined {
  if (pulse.deadAt <= now) return { kind: "dead" };
  if (pulse.doubtAt <= now) {
    pulse.doubtAt = NEVER;
    pulse.isDoubted = true;
    return { kind: "doubt", frame: nextFrame(pulse, now) };
  }
  if (pulse.lookAt <= now) pulse.lookAt = NEVER;
  return pulse.nextAt <= now ? { kind: "say", frame: beat(pulse, now, patience) } : undefined;
}

/** A heartbeat at once; none while the verdict on one is as near. */
export const probe = (pulse: Pulse, now: Millis, patience: Patience): Heartbeat | undefined =>
  pulse.deadAt > now + patience.hard ? beat(pulse, now, patience) : undefined;

/** A heartbeat at once, whatever is waited for: of two patiences, the first to end counts. */
export function beat(pulse: Pulse, now: Millis, { soft, hard }: Patience): Heartbeat {
  const frame = nextFrame(pulse, now);
  pulse.isProbeDue = false;
  pulse.timedId = pulse.lastId;
  pulse.sentAt = now;
  pulse.lookAt = now + soft;
  pulse.timedUntil = now + hard;
  if (!pulse.isDoubted) pulse.doubtAt = Math.min(pulse.doubtAt, now + soft);
  pulse.deadAt = Math.min(pulse.deadAt, now + hard);
  return frame;
}

/**
 * Keeps the agreed interval, or a longer one. What was said of the next heartbeat is kept: a longer
 * one begins with it.
 */
export function pace(pulse: Pulse, now: Millis, slow: Span): void {
  pulse.interval = Math.max(slow, pulse.agreed);
  pulse.nextAt = Math.min(pulse.nextAt, now + pulse.interval);
}

/** Begins anew after sleep: what was waited for before it tells nothing. A heartbeat is due. */
export function renew(pulse: Pulse, now: Millis): void {
  hear(pulse);
  giveUpTiming(pulse);
  pulse.nextAt = now;
  pulse.isProbeDue = true;
}

/** The device slept for some time that no timer shows: what is on its way cannot be timed. */
export function giveUpTiming(pulse: Pulse): void {
  pulse.timedId = 0;
  pulse.lookAt = NEVER;
}

/** Something came: the peer lives. */
export function hear(pulse: Pulse): void {
  pulse.doubtAt = pulse.deadAt = NEVER;
  pulse.isDoubted = false;
}

/** An answer to a heartbeat; how long it took, where it answers the one that is timed. */
export function onAck(pulse: Pulse, id: Scalar | undefined, now: Millis): Span | undefined {
  if (!id) return undefined;
  const isTimed = id === pulse.timedId;
  pulse.isAnswered ||= isTimed || id === pulse.lastId;
  if (!isTimed) return undefined;
  giveUpTiming(pulse);
  return now <= pulse.timedUntil ? now - pulse.sentAt : undefined;
}

/** Whether an answer is to be timed, as long as nobody has looked whether the device slept. */
export const isTiming = (pulse: Pulse): boolean => pulse.lookAt < NEVER;

/** Whether anything is to come since a heartbeat. */
export const isWaiting = (pulse: Pulse): boolean => pulse.deadAt < NEVER;

/** When something will be due. */
export const wake = (pulse: Pulse): Millis =>
  Math.min(pulse.nextAt, pulse.deadAt, isWaiting(pulse) ? pulse.doubtAt : pulse.lookAt);

function nextFrame(pulse: Pulse, now: Millis): Heartbeat {
  pulse.nextAt = now + pulse.interval;
  return { type: "heartbeat", id: ++pulse.lastId, next_ms: pulse.interval };
}

const clamp = (span: Span): Span => Math.min(Math.max(span, TERM_MIN), TERM_MAX);
