// Twin of crates/link/src/statistics.rs. How a link has fared. In: every change of state, every
// attempt's end. Out: numbers that are right at any instant. Must not know why a state changed.

import { type Millis, type Span, since } from "../machine/time.js";

/** How a link has fared so far. */
export interface Statistics {
  /** Attempts begun, but for the first after the app asked. */
  readonly totalReconnects: number;
  /** Those of them that were welcomed. */
  readonly successfulReconnects: number;
  /** Those of them that were not, or were given up. */
  readonly failedReconnects: number;
  /** When a session was last welcomed. */
  readonly lastConnectedAt: Millis | undefined;
  /** When the link last ceased to be `connected`. */
  readonly lastDisconnectedAt: Millis | undefined;
  /**
   * Time without data flowing since the link first asked to connect. Time asleep, and time at rest
   * because the app closed the link or its channels had finished, does not count.
   */
  readonly totalDowntime: Span;
  /**
   * Time with data flowing, by WebSocket or polling, in hundredths of a percent of all time since
   * the link first asked, asleep and wanted rest left out: 9987 is 99.87 %.
   */
  readonly availability: number;
  /** The same for time in `connected` alone. */
  readonly realtimeAvailability: number;
  /** How long the newest answer to a heartbeat took. */
  readonly lastAnswerRtt: Span | undefined;
}

/**
 * What flows: nothing, and nothing is wanted; nothing; events, by polling; events, on a session.
 */
export type UptimeState = "unwanted" | "down" | "polled" | "live";

/** The account that statistics are drawn from. */
export class Record {
  private flow: UptimeState = "unwanted";
  private countedTo: Millis = 0;
  private down: Span = 0;
  private polled: Span = 0;
  private live: Span = 0;
  private isReconnectPending = false;
  private total = 0;
  private successful = 0;
  private failed = 0;
  private connectedAt: Millis | undefined;
  private disconnectedAt: Millis | undefined;
  private rtt: Span | undefined;

  clone(): Record {
    return Object.assign(new Record(), this);
  }

  /** From now on, `flow`. */
  turn(now: Millis, flow: UptimeState): void {
    this.count(now);
    if (this.flow === "live" && flow !== "live") this.disconnectedAt = now;
    this.flow = flow;
  }

  /** The device slept from `from` to `to`. */
  sleep(from: Millis, to: Millis): void {
    this.count(from);
    this.countedTo = Math.max(this.countedTo, to);
  }

  /** An attempt began; the first one after the app asked is no reconnect. */
  begin(isReconnect: boolean): void {
    this.isReconnectPending = isReconnect;
    if (isReconnect) this.total++;
  }

  /** The attempt was welcomed. */
  succeed(now: Millis): void {
    this.connectedAt = now;
    if (this.isReconnectPending) this.successful++;
    this.isReconnectPending = false;
  }

  /** The attempt failed or was given up, if one was under way. */
  fail(): void {
    if (this.isReconnectPending) this.failed++;
    this.isReconnectPending = false;
  }

  /** The attempt is not wanted any more, and neither failed nor did anything. */
  withdraw(): void {
    if (this.isReconnectPending) this.total--;
    this.isReconnectPending = false;
  }

  /** A heartbeat was answered. */
  answer(rtt: Span): void {
    this.rtt = rtt;
  }

  /** The numbers at `now`. */
  statistics(now: Millis): Statistics {
    const { flow, down, polled, live } = this.clone().count(now);
    const all = live + polled + down;
    return {
      totalReconnects: this.total,
      successfulReconnects: this.successful,
      failedReconnects: this.failed,
      lastConnectedAt: this.connectedAt,
      lastDisconnectedAt: this.disconnectedAt,
      totalDowntime: down,
      availability: share(live + polled, all, flow === "live" || flow === "polled"),
      realtimeAvailability: share(live, all, flow === "live"),
      lastAnswerRtt: this.rtt,
    };
  }

  private count(now: Millis): this {
    const span = since(now, this.countedTo);
    this.countedTo += span;
    if (this.flow === "down") this.down += span;
    if (this.flow === "polled") this.polled += span;
    if (this.flow === "live") this.live += span;
    return this;
  }
}

/**
 * `part` of `all` in hundredths of a percent, rounded down; all or nothing, as it `flows`, where
 * there is no time yet.
 */
const share = (part: Span, all: Span, flows: boolean): number =>
  all ? Math.floor((part * 10_000) / all) : flows ? 10_000 : 0;
