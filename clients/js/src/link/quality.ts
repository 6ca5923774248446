// Twin of crates/link/src/quality.rs. How good a link is: one score, its parts, and a word for it.
// In: answers, misses, lost sessions, what flows, sleep. Out: a report at any instant. Must not
// know frames, sockets or channels.
//
// Time is counted while the device is awake and the app wants the link; the rest adds nothing. The
// score follows `100 - parts` under the ceiling of what flows: in 15 s by 4/5 of the way down, by
// 2/5 of the way up. See `fixed` for the units.

import { type Millis, type Span, since } from "../machine/time.js";
import { ONE, POINT, halved, product, wholePoints } from "./quality/fixed.js";
import { Gaps } from "./quality/gaps.js";
import { type Grade, Standing } from "./quality/grade.js";
import type { Costs, Part, Parts } from "./quality/parts.js";
import * as parts from "./quality/parts.js";
import { type Lost, WINDOW, Window } from "./quality/window.js";

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
/** After so many milliseconds nothing is left of the way. */
const WAY_MAX = 1_000_000;

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
const ceiling = (flow: Flow): number => {
  switch (flow) {
    case "offline":
      return 0;
    case "down":
      return 20 * POINT;
    case "suspect":
      return 40 * POINT;
    case "polled":
      return 55 * POINT;
    case "live":
    case "unwanted":
      return 100 * POINT;
  }
};

const lost = (flow: Flow, span: Span): Lost => ({
  polled: flow === "polled" ? span : 0,
  off: flow === "offline" || flow === "down" ? span : 0,
});

/** The account that reports are drawn from. Nothing is known at first, and nothing wanted. */
export class Quality {
  private flow: Flow = "unwanted";
  private isWeak = false;
  private countedTo: Millis = 0;
  /** Milliseconds counted: awake, and wanted. */
  private awake = 0;
  private window = new Window();
  private gaps = new Gaps();
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
  private standing = new Standing();

  clone(): Quality {
    return Object.assign(new Quality(), this, {
      window: this.window.clone(),
      gaps: this.gaps.clone(),
      standing: this.standing.clone(),
    });
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
    this.gaps.push(gap);
  }

  /** From now on, this flows. */
  onFlow(now: Millis, flow: Flow): void {
    this.pass(now);
    if (this.flow === flow) return;
    this.evaluate();
    this.flow = flow;
    this.evaluate();
  }

  /** The device calls its network weak, or no longer does. */
  onWeak(now: Millis, isWeak: boolean): void {
    this.pass(now);
    if (this.isWeak === isWeak) return;
    this.evaluate();
    this.isWeak = isWeak;
    this.evaluate();
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
    return this.standing.grade();
  }

  private onSample(now: Millis, missed: number): void {
    this.pass(now);
    const kept = halved(Math.floor(ONE / MISS_HALF_LIFE));
    this.missed = product(this.missed, kept) + product(missed, ONE - kept);
    this.samples++;
    this.evaluate();
  }

  /** Counts the time up to `now`. */
  private pass(now: Millis): void {
    const span = since(now, this.countedTo);
    this.countedTo += span;
    if (this.flow === "unwanted") return;
    const from = this.awake;
    this.awake += span;
    this.window.pass(from, this.awake, (part) => lost(this.flow, part));
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
      this.standing.update(this.awake, wholePoints(this.score), most < 100 * POINT);
    }
  }

  private costs(): Costs {
    const { polled, off } = this.window.lost();
    return [
      parts.delay(this.delay),
      parts.loss(this.missed),
      parts.disconnects(this.disconnectsLeft()),
      parts.outage(polled, off, WINDOW),
      parts.delivery(this.gaps.at95Percent()),
    ];
  }

  private disconnectsLeft(): number {
    const span = Math.min(this.awake - this.disconnectsAt, 24 * DISCONNECT_HALF_LIFE);
    return product(this.disconnects, halved(Math.floor((span * ONE) / DISCONNECT_HALF_LIFE)));
  }
}

/** What becomes of a score in `span` milliseconds on its way to `raw`. */
export const approach = (score: number, raw: number, span: Span): number => {
  const rate = raw < score ? FALL_RATE : RISE_RATE;
  const left = halved(Math.floor((Math.min(span, WAY_MAX) * rate) / 1000));
  return raw + Math.sign(score - raw) * product(Math.abs(score - raw), left);
};
