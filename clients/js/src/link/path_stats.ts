// Twin of crates/link/src/path_stats.rs. What a link measures of its path. In: what was asked and
// what was answered, and when. Out: round trips for the estimates, answers and misses for the
// quality, and what operators are told of it. Must not know frames or sockets.

import { type Millis, type Span, since } from "../machine/time.js";
import { type Grade, Quality } from "./quality.js";
import { type Bounds, type Path, Rtt, pathAfter } from "./rtt.js";
import type { Statistics } from "./statistics.js";

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
  readonly grade: Grade;
  readonly reconnects: number;
}

interface PendingAnswer {
  readonly at: Millis;
  readonly path: Path;
  /** Whether the next thing that is asked has been given more time because of this. */
  isDoubted: boolean;
}

/** What is measured, and what has been told of it. */
export class PathStats {
  readonly quality = new Quality();
  rtt: Rtt;
  /** What waits for its answer: the newest `hello` or heartbeat. */
  private unanswered: PendingAnswer | undefined;
  /** When the warm path was last measured. */
  private warmAt: Millis = 0;
  private toldAt: Millis | undefined;
  private toldGrade: Grade = "unknown";

  constructor(bounds: Bounds) {
    this.rtt = new Rtt(bounds);
  }

  /** Something is asked that has an answer; nothing had come for `idle`. */
  ask(now: Millis, idle: Span): void {
    const before = this.unanswered;
    this.unanswered = { at: now, path: pathAfter(idle), isDoubted: false };
    if (before && (before.isDoubted || since(now, before.at) >= this.rtt.soft(before.path))) {
      this.miss(now, before);
    }
  }

  /** An answer is overdue: the next one is given more time. */
  doubt(): void {
    const { unanswered } = this;
    if (!unanswered || unanswered.isDoubted) return;
    unanswered.isDoubted = true;
    this.rtt.miss();
  }

  /**
   * The `hello` was answered; how long that took. That is no heartbeat, but a round trip on a warm
   * path: the socket had opened just before.
   */
  welcome(now: Millis): Span | undefined {
    return this.measure(now);
  }

  /** The newest heartbeat was answered. */
  answer(now: Millis): void {
    const rtt = this.measure(now);
    if (rtt !== undefined) this.quality.onAnswer(now, rtt);
  }

  /** Nothing came in time. */
  silence(now: Millis): void {
    const { unanswered } = this;
    this.giveUp();
    if (unanswered) this.miss(now, unanswered);
  }

  /** What was asked will not be answered, which tells nothing. */
  giveUp(): void {
    this.unanswered = undefined;
  }

  /** The device slept: what was asked before it cannot be timed. */
  sleep(from: Millis, to: Millis): void {
    this.giveUp();
    this.quality.onSleep(from, to);
  }

  /** What was measured was another network's. */
  forgetPath(bounds: Bounds): void {
    this.rtt = new Rtt(bounds);
    this.giveUp();
  }

  /** Whether an answer is overdue where nothing has come for `idle`. */
  isSuspect(now: Millis, idle: Span): boolean {
    const { unanswered } = this;
    if (!unanswered) return false;
    const span = since(now, unanswered.at);
    return idle >= span && span >= this.rtt.soft(unanswered.path);
  }

  /** Whether to ask again right behind an answer, so that the warm path is measured too. */
  wantsEcho(now: Millis): boolean {
    return since(now, this.warmAt) > WARM_AGE_MAX;
  }

  /** Whether the grade has changed since this was last asked. */
  takeChange(): boolean {
    const before = this.toldGrade;
    this.toldGrade = this.quality.grade();
    return this.toldGrade !== before;
  }

  /** What operators are told; undefined where they were told less than a minute ago. */
  tell(now: Millis, statistics: Statistics): QualityStats | undefined {
    if (this.toldAt !== undefined && since(now, this.toldAt) < TELL_INTERVAL) return undefined;
    this.toldAt = now;
    const { score, grade } = this.quality.report(now);
    return {
      availability: percent(statistics.availability),
      realtime_availability: percent(statistics.realtimeAvailability),
      score: grade === "unknown" ? null : score,
      grade,
      reconnects: statistics.totalReconnects,
    };
  }

  /** Takes the round trip of what was asked, if it can be timed. */
  private measure(now: Millis): Span | undefined {
    const { unanswered } = this;
    if (!unanswered) return undefined;
    this.giveUp();
    const rtt = since(now, unanswered.at);
    this.rtt.sample(unanswered.path, rtt);
    if (unanswered.path === "warm") this.warmAt = now;
    const warm = this.rtt.warm();
    if (warm) this.quality.onDelay(warm.delay());
    return rtt;
  }

  private miss(now: Millis, unanswered: PendingAnswer): void {
    if (!unanswered.isDoubted) this.rtt.miss();
    this.quality.onMiss(now);
  }
}

/** Hundredths of a percent as percent. */
const percent = (hundredths: number): number => hundredths / 100;
