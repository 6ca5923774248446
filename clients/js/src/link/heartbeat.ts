// Twin of crates/link/src/heartbeat.rs. Proof of life, in two stages: doubt and a second question,
// then the verdict. In: the agreed terms, how long to be patient, signs of life, the time. Out:
// heartbeats to send, and what silence means. Must not know sockets or channels, nor what patience
// is drawn from.

import { type Millis, type Span, seconds } from "../machine/time.js";
import { type Wake, earlier } from "../machine/wake.js";
import type { Heartbeat, HeartbeatTerms } from "../protocol/frame/client.js";
import type { Scalar } from "../protocol/payload.js";
import type { Why } from "./wake.js";

/** The shortest span that a server may set. */
const TERM_MIN = seconds(1);
/** The longest span that a server may set. */
const TERM_MAX = seconds(3600);

/** How long nothing may come after a heartbeat. */
export interface Patience {
  /** Until there is doubt, where there is any before the verdict. */
  readonly soft: Span | undefined;
  /** Until the peer counts as dead. */
  readonly hard: Span;
}

/** What is due: a frame to send; the same, since there is doubt; no sign of life came in time. */
export type Beat =
  | { readonly kind: "send" | "doubt"; readonly frame: Heartbeat }
  | { readonly kind: "dead" };

interface Waiting {
  /** When doubt begins; none once it has, or where it never does. */
  doubtAt: Millis | undefined;
  deadAt: Millis;
  isDoubted: boolean;
}

interface Timed {
  readonly id: number;
  readonly sentAt: Millis;
  /**
   * When to look whether the device slept, though something else was heard; none once that was
   * done.
   */
  lookAt: Millis | undefined;
  /** An answer after this is not timed. */
  readonly until: Millis;
}

/**
 * With doubt at half of the time at the latest, so that a timer between both always shows whether
 * the device slept, and a verdict after `most` at the latest.
 */
export function newPatience(soft: Span, hard: Span, most: Span): Patience {
  const atMost = Math.min(hard, most);
  return { soft: Math.min(soft, Math.ceil(atMost / 2)), hard: atMost };
}

/** The heartbeat of one session. */
export class Pulse {
  /** The longest that an answer may be waited for. */
  readonly timeout: Span;
  /** Whether a heartbeat was ever answered. */
  isAnswered = false;
  /** Whether the next heartbeat is to find out whether the peer outlived a sleep. */
  isProbeDue = false;
  /** The interval of the terms in force. */
  private readonly agreed: Span;
  /** The interval that is kept, which is longer while nobody looks. */
  private interval: Span;
  private nextAt: Millis;
  /** Set from a heartbeat on until something is heard. */
  private waiting: Waiting | undefined;
  private lastId = 0;
  /**
   * The heartbeat that is timed, until its answer comes. A question asked in doubt is not: its
   * answer comes behind the one that is late.
   */
  private timed: Timed | undefined;

  /** A pulse by the terms in force; the first heartbeat comes after one interval. */
  constructor(terms: HeartbeatTerms, now: Millis) {
    this.interval = this.agreed = clamp(terms.interval);
    this.timeout = clamp(terms.timeout);
    this.nextAt = now + this.agreed;
  }

  /** What is due now, if anything. */
  due(now: Millis, patience: Patience): Beat | undefined {
    const { waiting, timed } = this;
    if (waiting) {
      if (waiting.deadAt <= now) return { kind: "dead" };
      if (waiting.doubtAt !== undefined && waiting.doubtAt <= now) {
        waiting.doubtAt = undefined;
        waiting.isDoubted = true;
        return { kind: "doubt", frame: this.frame(now) };
      }
    }
    if (timed?.lookAt !== undefined && timed.lookAt <= now) timed.lookAt = undefined;
    return this.nextAt <= now ? { kind: "send", frame: this.beat(now, patience) } : undefined;
  }

  /** A heartbeat at once; none while the verdict on one is as near. */
  probe(now: Millis, patience: Patience): Heartbeat | undefined {
    const { waiting } = this;
    const isNear = waiting && waiting.deadAt <= now + patience.hard;
    return isNear ? undefined : this.beat(now, patience);
  }

  /** A heartbeat at once, whatever is waited for. */
  beat(now: Millis, patience: Patience): Heartbeat {
    this.isProbeDue = false;
    const doubtAt = patience.soft === undefined ? undefined : now + patience.soft;
    const deadAt = now + patience.hard;
    this.waiting = orSooner(this.waiting, { doubtAt, deadAt, isDoubted: false });
    const frame = this.frame(now);
    this.timed = { id: this.lastId, sentAt: now, lookAt: doubtAt, until: deadAt };
    return frame;
  }

  /**
   * Keeps the agreed interval, or a longer one. What was said of the next heartbeat is kept: a
   * longer one begins with it.
   */
  pace(now: Millis, slow: Span): void {
    this.interval = Math.max(slow, this.agreed);
    this.nextAt = Math.min(this.nextAt, now + this.interval);
  }

  /** Begins anew after sleep: what was waited for before it tells nothing. A heartbeat is due. */
  renew(now: Millis): void {
    this.waiting = this.timed = undefined;
    this.nextAt = now;
    this.isProbeDue = true;
  }

  /** The device slept for some time that no timer shows: what is on its way cannot be timed. */
  giveUpTiming(): void {
    this.timed = undefined;
  }

  /** Something came: the peer lives. */
  hear(): void {
    this.waiting = undefined;
  }

  /** An answer to a heartbeat; how long it took, where it answers the one that is timed. */
  onAck(id: Scalar | undefined, now: Millis): Span | undefined {
    const { timed } = this;
    if (this.lastId && id === this.lastId) this.isAnswered = true;
    if (!timed || id !== timed.id) return undefined;
    this.timed = undefined;
    this.isAnswered = true;
    return now <= timed.until ? now - timed.sentAt : undefined;
  }

  /** Whether an answer is to be timed, as long as nobody has looked whether the device slept. */
  isTiming(): boolean {
    return this.timed?.lookAt !== undefined;
  }

  /** Whether anything is to come since a heartbeat. */
  isWaiting(): boolean {
    return this.waiting !== undefined;
  }

  /** Whether the peer may be dead. */
  isDoubted(): boolean {
    return this.waiting?.isDoubted === true;
  }

  /** When something will be due. */
  wake(): Wake<Why> {
    const { waiting } = this;
    const next: Wake<Why> = { at: this.nextAt, why: "heartbeat" };
    const lookAt = (waiting ?? { doubtAt: this.timed?.lookAt }).doubtAt;
    const look: Wake<Why> | undefined =
      lookAt === undefined ? undefined : { at: lookAt, why: "doubt" };
    const dead: Wake<Why> | undefined = waiting && { at: waiting.deadAt, why: "heartbeat_timeout" };
    return earlier(earlier(next, dead), look)!;
  }

  private frame(now: Millis): Heartbeat {
    this.nextAt = now + this.interval;
    return { type: "heartbeat", id: ++this.lastId, next_ms: this.interval };
  }
}

/** Another heartbeat was sent meanwhile: whichever patience ends first. */
function orSooner(before: Waiting | undefined, next: Waiting): Waiting {
  if (!before) return next;
  const isDoubted = before.isDoubted;
  const sooner = Math.min(before.doubtAt ?? Infinity, next.doubtAt ?? Infinity);
  return {
    doubtAt: isDoubted || sooner === Infinity ? undefined : sooner,
    deadAt: Math.min(before.deadAt, next.deadAt),
    isDoubted,
  };
}

const clamp = (span: Span): Span => Math.min(Math.max(span, TERM_MIN), TERM_MAX);
