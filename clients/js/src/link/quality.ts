// Twin of crates/link/src/quality.rs. How good a link is: one score, its parts, and a word for it.
// In: answers, misses, lost sessions, what flows, sleep. Out: a report at any instant. Must not
// know frames, sockets or channels.
//
// Time is counted while the device is awake and the app wants the link; the rest adds nothing. The
// score follows `100 - parts` under the ceiling of what flows: in 15 s by 4/5 of the way down, by
// 2/5 of the way up. See `fixed` for the units.

import { type Millis, type Span, since } from "../machine/time.js";
import { ONE, POINT, halved, product, scaled, wholePoints } from "./quality/fixed.js";
import { type Gaps, at95Percent, push } from "./quality/gaps.js";
import { GRADES, type Grade, type GradeState, update } from "./quality/grade.js";
import type { Costs, Part, Parts } from "./quality/parts.js";
import * as parts from "./quality/parts.js";
import { EMPTY, WINDOW, type Window, lost, pass } from "./quality/window.js";

export type { Grade, Part, Parts };

/** The largest score on a network that the device calls weak: fair at best. */
const WEAK_CEILING = 60 * POINT;
/** An answer that took longer counts as half a miss. */
const LATE_AFTER = 1500;
/** Heartbeats after which a miss counts half: their share of a halving. */
const MISS_HALF_LIFE = 5;
/** How long until a lost session counts half, in milliseconds. */
const DISCONNECT_HALF_LIFE = 20 * 60_000;
/** More lost sessions than this are not told apart. */
const DISCONNECTS_MAX = 16 * ONE;
/** Heartbeats before anything is said of a link. */
const SAMPLES_MIN = 3;
/**
 * How much a millisecond halves what is left of the way down, and up, in thousandths of a 2^24th:
 * log2(5) and log2(5/3) in 15 s.
 */
const FALL_RATE = 2_597_033;
const RISE_RATE = 824_282;

/**
 * What flows, as far as it bounds the score: nothing, and nothing is wanted; nothing, for want of a
 * network; nothing, though there is one; events, by polling; perhaps nothing, as an answer is
 * overdue; events, on a session.
 */
export type Flow = "unwanted" | "offline" | "down" | "polled" | "suspect" | "live";

/** How good a link is. */
export interface QualityReport {
  /** 0 to 100. Not worth showing while the grade is `unknown`. */
  readonly score: number;
  /** The score in a word, steadier than the score itself. */
  readonly grade: Grade;
  /** What takes points off. They are of this instant; the score follows them in time. */
  readonly parts: Parts;
  /** The largest of them, if any takes a point off. */
  readonly reason: Part | null;
}

/** The largest score. */
const ceiling = (flow: Flow): number =>
  POINT *
  (flow === "offline"
    ? 0
    : flow === "down"
      ? 20
      : flow === "suspect"
        ? 40
        : flow === "polled"
          ? 55
          : 100);

/** Points for such a flow all the time. */
const cost = (flow: Flow): number =>
  flow === "polled" ? 25 : flow === "down" || flow === "offline" ? 60 : 0;

/** The account that reports are drawn from. Nothing is known at first, and nothing wanted. */
export class Quality {
  private flow: Flow = "unwanted";
  private isWeak = false;
  private countedTo: Millis = 0;
  /** Milliseconds counted: awake, and wanted. */
  private awake = 0;
  private window: Window = EMPTY;
  private gaps: Gaps = [];
  /** One way, with its variation, in microseconds. */
  private delay = 0;
  /** The share of heartbeats missed, a ratio. */
  private missed = 0;
  /** Lost sessions, a ratio, as of `disconnectsAt` of the time counted. */
  private disconnects = 0;
  private disconnectsAt = 0;
  private samples = 0;
  private score = 100 * POINT;
  private scoredAt = 0;
  private gradeState: GradeState = { rank: 0, trend: 0, since: 0 };

  clone(): Quality {
    return Object.assign(new Quality(), this);
  }

  /** A heartbeat was answered after `rtt`. */
  onAnswer(now: Millis, rtt: Span): void {
    this.onSample(now, rtt > LATE_AFTER ? ONE / 2 : 0);
  }

  /** A heartbeat was not answered. */
  onMiss(now: Millis): void {
    this.onSample(now, ONE);
  }

  /** The path delays by this, in microseconds. Counts from the next answer on. */
  onDelay(microseconds: number): void {
    this.delay = microseconds;
  }

  /** A session was lost; one that was meant to end does not count. */
  onDisconnect(now: Millis, isPlanned: boolean): void {
    if (isPlanned) return;
    this.pass(now);
    this.disconnects = Math.min(this.disconnectsLeft() + ONE, DISCONNECTS_MAX);
    this.disconnectsAt = this.awake;
  }

  /** An event came that was published `gap` ago. */
  onDelivery(now: Millis, gap: Span): void {
    this.pass(now);
    this.gaps = push(this.gaps, gap);
  }

  /** From now on, this flows. */
  onFlow(now: Millis, flow: Flow): void {
    this.bound(now, flow, this.isWeak);
  }

  /** The device calls its network weak, or no longer does. */
  onWeak(now: Millis, isWeak: boolean): void {
    this.bound(now, this.flow, isWeak);
  }

  /** The device slept from `from` to `to`. */
  onSleep(from: Millis, to: Millis): void {
    this.pass(from);
    this.countedTo = Math.max(this.countedTo, to);
  }

  /** How good the link is at `now`. */
  report(now: Millis): QualityReport {
    const quality = this.clone();
    quality.pass(now);
    quality.evaluate();
    const costs = quality.costs();
    return {
      score: wholePoints(quality.score),
      grade: quality.grade(),
      parts: parts.parts(costs),
      reason: parts.largest(costs),
    };
  }

  /** The grade as of the last input that could change it. */
  grade(): Grade {
    return GRADES[this.gradeState.rank]!;
  }

  private onSample(now: Millis, missed: number): void {
    this.pass(now);
    const kept = halved(scaled(1, ONE, MISS_HALF_LIFE));
    this.missed = product(this.missed, kept) + product(missed, ONE - kept);
    this.samples++;
    this.evaluate();
  }

  private bound(now: Millis, flow: Flow, isWeak: boolean): void {
    this.pass(now);
    if (this.flow === flow && this.isWeak === isWeak) return;
    this.evaluate();
    this.flow = flow;
    this.isWeak = isWeak;
    this.evaluate();
  }

  /** Counts the time up to `now`. */
  private pass(now: Millis): void {
    const span = since(now, this.countedTo);
    const from = this.awake;
    this.countedTo += span;
    if (this.flow === "unwanted") return;
    this.awake += span;
    this.window = pass(this.window, from, this.awake, cost(this.flow));
  }

  /** Moves the score towards what now speaks for it, and the grade after the score. */
  private evaluate(): void {
    const most = Math.min(ceiling(this.flow), this.isWeak ? WEAK_CEILING : 100 * POINT);
    const raw = Math.min(parts.raw(this.costs()), most);
    const span = this.awake - this.scoredAt;
    this.scoredAt = this.awake;
    if (this.samples < SAMPLES_MIN) {
      this.score = raw;
    } else if (this.flow !== "unwanted") {
      this.score = Math.min(approach(this.score, raw, span), most);
      const isCapped = most < 100 * POINT;
      this.gradeState = update(this.gradeState, this.awake, wholePoints(this.score), isCapped);
    }
  }

  private costs(): Costs {
    return [
      parts.delay(this.delay),
      parts.loss(this.missed),
      parts.disconnects(this.disconnectsLeft()),
      parts.outage(lost(this.window), WINDOW),
      parts.delivery(at95Percent(this.gaps)),
    ];
  }

  private disconnectsLeft(): number {
    const times = scaled(this.awake - this.disconnectsAt, ONE, DISCONNECT_HALF_LIFE);
    return product(this.disconnects, halved(times));
  }
}

/** What becomes of a score in `span` milliseconds on its way to `raw`. */
export function approach(score: number, raw: number, span: Span): number {
  const left = halved(scaled(span, raw < score ? FALL_RATE : RISE_RATE, 1000));
  return raw + Math.sign(score - raw) * product(Math.abs(score - raw), left);
}
