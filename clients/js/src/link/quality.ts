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
import { EMPTY, WINDOW, type Window, lost, pass as passWindow } from "./quality/window.js";

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
export interface Quality {
  flow: Flow;
  isWeak: boolean;
  countedTo: Millis;
  /** Milliseconds counted: awake, and wanted. */
  awake: number;
  window: Window;
  gaps: Gaps;
  /** One way, with its variation, in microseconds. */
  delay: number;
  /** The share of heartbeats missed, a ratio. */
  missed: number;
  /** Lost sessions, a ratio, as of `disconnectsAt` of the time counted. */
  disconnects: number;
  disconnectsAt: number;
  samples: number;
  score: number;
  scoredAt: number;
  gradeState: GradeState;
}

/** Nothing is known, and nothing wanted. */
export const newQuality = (): Quality => ({
  flow: "unwanted",
  isWeak: false,
  countedTo: 0,
  awake: 0,
  window: EMPTY,
  gaps: [],
  delay: 0,
  missed: 0,
  disconnects: 0,
  disconnectsAt: 0,
  samples: 0,
  score: 100 * POINT,
  scoredAt: 0,
  gradeState: { rank: 0, trend: 0, since: 0 },
});

/** Another account of the same. */
export const clone = (quality: Quality): Quality => ({ ...quality });

/** A heartbeat was answered after `rtt`. */
export function onAnswer(quality: Quality, now: Millis, rtt: Span): void {
  onSample(quality, now, rtt > LATE_AFTER ? ONE / 2 : 0);
}

/** A heartbeat was not answered. */
export function onMiss(quality: Quality, now: Millis): void {
  onSample(quality, now, ONE);
}

/** The path delays by this, in microseconds. Counts from the next answer on. */
export function onDelay(quality: Quality, microseconds: number): void {
  quality.delay = microseconds;
}

/** A session was lost; one that was meant to end does not count. */
export function onDisconnect(quality: Quality, now: Millis, isPlanned: boolean): void {
  if (isPlanned) return;
  pass(quality, now);
  quality.disconnects = Math.min(disconnectsLeft(quality) + ONE, DISCONNECTS_MAX);
  quality.disconnectsAt = quality.awake;
}

/** An event came that was published `gap` ago. */
export function onDelivery(quality: Quality, now: Millis, gap: Span): void {
  pass(quality, now);
  quality.gaps = push(quality.gaps, gap);
}

/** From now on, this flows. */
export function onFlow(quality: Quality, now: Millis, flow: Flow): void {
  bound(quality, now, flow, quality.isWeak);
}

/** The device calls its network weak, or no longer does. */
export function onWeak(quality: Quality, now: Millis, isWeak: boolean): void {
  bound(quality, now, quality.flow, isWeak);
}

/** The device slept from `from` to `to`. */
export function onSleep(quality: Quality, from: Millis, to: Millis): void {
  pass(quality, from);
  quality.countedTo = Math.max(quality.countedTo, to);
}

/** How good the link is at `now`. */
export function report(quality: Quality, now: Millis): QualityReport {
  const copy = clone(quality);
  pass(copy, now);
  evaluate(copy);
  const all = costs(copy);
  return {
    score: wholePoints(copy.score),
    grade: grade(copy),
    parts: parts.parts(all),
    reason: parts.largest(all),
  };
}

/** The grade as of the last input that could change it. */
export function grade(quality: Quality): Grade {
  return GRADES[quality.gradeState.rank]!;
}

function onSample(quality: Quality, now: Millis, missed: number): void {
  pass(quality, now);
  const kept = halved(scaled(1, ONE, MISS_HALF_LIFE));
  quality.missed = product(quality.missed, kept) + product(missed, ONE - kept);
  quality.samples++;
  evaluate(quality);
}

function bound(quality: Quality, now: Millis, flow: Flow, isWeak: boolean): void {
  pass(quality, now);
  if (quality.flow === flow && quality.isWeak === isWeak) return;
  evaluate(quality);
  quality.flow = flow;
  quality.isWeak = isWeak;
  evaluate(quality);
}

/** Counts the time up to `now`. */
function pass(quality: Quality, now: Millis): void {
  const span = since(now, quality.countedTo);
  const from = quality.awake;
  quality.countedTo += span;
  if (quality.flow === "unwanted") return;
  quality.awake += span;
  quality.window = passWindow(quality.window, from, quality.awake, cost(quality.flow));
}

/** Moves the score towards what now speaks for it, and the grade after the score. */
function evaluate(quality: Quality): void {
  const most = Math.min(ceiling(quality.flow), quality.isWeak ? WEAK_CEILING : 100 * POINT);
  const raw = Math.min(parts.raw(costs(quality)), most);
  const span = quality.awake - quality.scoredAt;
  quality.scoredAt = quality.awake;
  if (quality.samples < SAMPLES_MIN) {
    quality.score = raw;
  } else if (quality.flow !== "unwanted") {
    quality.score = Math.min(approach(quality.score, raw, span), most);
    const isCapped = most < 100 * POINT;
    const score = wholePoints(quality.score);
    quality.gradeState = update(quality.gradeState, quality.awake, score, isCapped);
  }
}

function costs(quality: Quality): Costs {
  return [
    parts.delay(quality.delay),
    parts.loss(quality.missed),
    parts.disconnects(disconnectsLeft(quality)),
    parts.outage(lost(quality.window), WINDOW),
    parts.delivery(at95Percent(quality.gaps)),
  ];
}

function disconnectsLeft(quality: Quality): number {
  const times = scaled(quality.awake - quality.disconnectsAt, ONE, DISCONNECT_HALF_LIFE);
  return product(quality.disconnects, halved(times));
}


/** What becomes of a score in `span` milliseconds on its way to `raw`. */
export function approach(score: number, raw: number, span: Span): number {
  const left = halved(scaled(span, raw < score ? FALL_RATE : RISE_RATE, 1000));
  return raw + Math.sign(score - raw) * product(Math.abs(score - raw), left);
}
