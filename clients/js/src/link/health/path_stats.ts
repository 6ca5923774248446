// Twin of crates/link/src/health/path_stats.rs. What a link measures of its path. In: what was
// asked and what was answered, and when. Out: round trips for the estimates, answers and misses for
// the quality, and what operators are told of it. Must not know frames or sockets.

import { type Millis, type Span, since } from "../../machine/time.js";
import type { QualityPart } from "../../parts/parts.js";
import * as qualities from "../quality.js";
import * as rtts from "./rtt.js";
import type { Statistics } from "../statistics.js";

/** How often operators are told at most, in milliseconds. */
const TELL_INTERVAL = 60_000;
/** How old the last round trip on a warm path may be. */
const WARM_AGE_MAX = 300_000;

/** What operators are told, as it travels. */
export interface QualityStats {
  /** In percent. */
  readonly availability: number;
  readonly realtime_availability: number;
  readonly score: number | null;
  readonly grade: qualities.Grade;
  readonly reconnects: number;
  /** A smoothed round trip; none before the first one. */
  readonly rtt_ms?: number;
  /** Points that are taken off, where there are any. */
  readonly parts: Readonly<Record<string, number>>;
}

interface PendingAnswer {
  readonly at: Millis;
  readonly path: rtts.Path;
  /** Whether the next thing that is asked has been given more time because of this. */
  isDoubted: boolean;
}

/** What is measured, and what has been told of it. */
export interface PathStats {
  readonly quality: QualityPart | undefined;
  rtt: rtts.Rtt;
  /** What waits for its answer: the newest `hello` or heartbeat. */
  unanswered: PendingAnswer | undefined;
  /** When the warm path was last measured. */
  warmAt: Millis;
}

/** The quality, and what has been told of it. */
export interface Told {
  readonly quality: qualities.Quality;
  toldAt: Millis;
  toldGrade: qualities.Grade;
}

/** Nothing measured; answers are waited for within these bounds. */
export const newPathStats = (
  bounds: rtts.Bounds,
  quality: QualityPart | undefined,
): PathStats => ({
  quality,
  rtt: rtts.newRtt(bounds),
  unanswered: undefined,
  warmAt: 0,
});

/** Something is asked that has an answer; nothing had come for `idle`. */
export function ask(stats: PathStats, now: Millis, idle: Span): void {
  const before = stats.unanswered;
  stats.unanswered = { at: now, path: rtts.pathAfter(idle), isDoubted: false };
  if (before && (before.isDoubted || since(now, before.at) >= rtts.soft(stats.rtt, before.path))) {
    miss(stats, now, before);
  }
}

/** An answer is overdue: the next one is given more time. */
export function doubt(stats: PathStats): void {
  const { unanswered } = stats;
  if (!unanswered || unanswered.isDoubted) return;
  unanswered.isDoubted = true;
  rtts.miss(stats.rtt);
}

/**
 * The `hello` was answered; how long that took. That is no heartbeat, but a round trip on a warm
 * path: the socket had opened just before.
 */
export function welcome(stats: PathStats, now: Millis): Span | undefined {
  return measure(stats, now);
}

/** The newest heartbeat was answered. */
export function answer(stats: PathStats, now: Millis): void {
  const rtt = measure(stats, now);
  if (rtt !== undefined) stats.quality?.onAnswer(now, rtt);
}

/** Nothing came in time. */
export function silence(stats: PathStats, now: Millis): void {
  const { unanswered } = stats;
  giveUp(stats);
  if (unanswered) miss(stats, now, unanswered);
}

/** What was asked will not be answered, which tells nothing. */
export function giveUp(stats: PathStats): void {
  stats.unanswered = undefined;
}

/** The device slept: what was asked before it cannot be timed. */
export function sleep(stats: PathStats, from: Millis, to: Millis): void {
  giveUp(stats);
  stats.quality?.onSleep(from, to);
}

/** What was measured was another network's. */
export function forgetPath(stats: PathStats, bounds: rtts.Bounds): void {
  stats.rtt = rtts.newRtt(bounds);
  giveUp(stats);
}

/** Whether an answer is overdue where nothing has come for `idle`. */
export function isOverdue(stats: PathStats, now: Millis, idle: Span): boolean {
  const { unanswered } = stats;
  if (!unanswered) return false;
  const span = since(now, unanswered.at);
  return idle >= span && span >= rtts.soft(stats.rtt, unanswered.path);
}

/** Whether to ask again right behind an answer, so that the warm path is measured too. */
export function wantsEcho(stats: PathStats, now: Millis): boolean {
  return since(now, stats.warmAt) > WARM_AGE_MAX;
}

/** Whether the grade has changed since this was last asked. */
export function takeChange(told: Told): boolean {
  const before = told.toldGrade;
  told.toldGrade = qualities.grade(told.quality);
  return told.toldGrade !== before;
}

/** What operators are told; undefined where they were told less than a minute ago. */
export function tell(
  told: Told,
  rtt: rtts.Rtt,
  now: Millis,
  statistics: Statistics,
): QualityStats | undefined {
  if (now - told.toldAt < TELL_INTERVAL) return undefined;
  told.toldAt = now;
  const { score, grade, parts } = qualities.report(told.quality, now);
  const span = rtts.roundTrip(rtt);
  return {
    availability: percent(statistics.availability),
    realtime_availability: percent(statistics.realtimeAvailability),
    score: grade === "unknown" ? null : score,
    grade,
    reconnects: statistics.totalReconnects,
    ...(span === undefined ? {} : { rtt_ms: span }),
    parts: Object.fromEntries(Object.entries(parts).filter(([, points]) => points > 0)),
  };
}

/** Takes the round trip of what was asked, if it can be timed. */
function measure(stats: PathStats, now: Millis): Span | undefined {
  const { unanswered } = stats;
  if (!unanswered) return undefined;
  giveUp(stats);
  const rtt = since(now, unanswered.at);
  rtts.sample(stats.rtt, unanswered.path, rtt);
  if (unanswered.path === "warm") stats.warmAt = now;
  const { warm } = stats.rtt.estimators;
  if (warm) stats.quality?.onDelay(rtts.delay(warm));
  return rtt;
}

function miss(stats: PathStats, now: Millis, unanswered: PendingAnswer): void {
  if (!unanswered.isDoubted) rtts.miss(stats.rtt);
  stats.quality?.onMiss(now);
}

/** Hundredths of a percent as percent. */
const percent = (hundredths: number): number => hundredths / 100;
