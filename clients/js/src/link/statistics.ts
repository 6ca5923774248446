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
export interface Record {
  flow: UptimeState;
  countedTo: Millis;
  down: Span;
  polled: Span;
  live: Span;
  isReconnectPending: boolean;
  total: number;
  successful: number;
  failed: number;
  connectedAt: Millis | undefined;
  disconnectedAt: Millis | undefined;
  rtt: Span | undefined;
}

/** Nothing happened yet. */
export const newRecord = (): Record => ({
  flow: "unwanted",
  countedTo: 0,
  down: 0,
  polled: 0,
  live: 0,
  isReconnectPending: false,
  total: 0,
  successful: 0,
  failed: 0,
  connectedAt: undefined,
  disconnectedAt: undefined,
  rtt: undefined,
});

/** Another account of the same. */
export const clone = (record: Record): Record => ({ ...record });

/** From now on, `flow`. */
export function turn(record: Record, now: Millis, flow: UptimeState): void {
  count(record, now);
  if (record.flow === "live" && flow !== "live") record.disconnectedAt = now;
  record.flow = flow;
}

/** The device slept from `from` to `to`. */
export function sleep(record: Record, from: Millis, to: Millis): void {
  count(record, from);
  record.countedTo = Math.max(record.countedTo, to);
}

/** An attempt began; the first one after the app asked is no reconnect. */
export function begin(record: Record, isReconnect: boolean): void {
  record.isReconnectPending = isReconnect;
  if (isReconnect) record.total++;
}

/** The attempt was welcomed. */
export function succeed(record: Record, now: Millis): void {
  record.connectedAt = now;
  if (record.isReconnectPending) record.successful++;
  record.isReconnectPending = false;
}

/** The attempt failed or was given up, if one was under way. */
export function fail(record: Record): void {
  if (record.isReconnectPending) record.failed++;
  record.isReconnectPending = false;
}

/** The attempt is not wanted any more, and neither failed nor did anything. */
export function withdraw(record: Record): void {
  if (record.isReconnectPending) record.total--;
  record.isReconnectPending = false;
}

/** A heartbeat was answered. */
export function answer(record: Record, rtt: Span): void {
  record.rtt = rtt;
}

/** The numbers at `now`. */
export function statistics(record: Record, now: Millis): Statistics {
  const { flow, down, polled, live } = count(clone(record), now);
  const all = live + polled + down;
  return {
    totalReconnects: record.total,
    successfulReconnects: record.successful,
    failedReconnects: record.failed,
    lastConnectedAt: record.connectedAt,
    lastDisconnectedAt: record.disconnectedAt,
    totalDowntime: down,
    availability: share(live + polled, all, flow === "live" || flow === "polled"),
    realtimeAvailability: share(live, all, flow === "live"),
    lastAnswerRtt: record.rtt,
  };
}

function count(record: Record, now: Millis): Record {
  const span = since(now, record.countedTo);
  record.countedTo += span;
  if (record.flow === "down") record.down += span;
  if (record.flow === "polled") record.polled += span;
  if (record.flow === "live") record.live += span;
  return record;
}


/**
 * `part` of `all` in hundredths of a percent, rounded down; all or nothing, as it `flows`, where
 * there is no time yet.
 */
const share = (part: Span, all: Span, flows: boolean): number =>
  all ? Math.floor((part * 10_000) / all) : flows ? 10_000 : 0;
