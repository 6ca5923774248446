// Twin of crates/link/src/connector/network_history.rs. Whether WebSocket gets through on each
// network, remembered. In: how attempts ended, by network. Out: the verdict on the network of the
// moment, and records that a shell may save. Must not know what a network's key stands for, nor a
// clock: records have ages.
//
// The odds are logarithms, as evidence adds up: see `recordFailure`. They never fall below where
// they start, so that a network that has worked for a year is suspected as soon as a new one.

import { type Millis, type Span, less, seconds } from "../../machine/time.js";
import type { Evidence } from "../end.js";

/** Networks remembered; the one that was heard of longest ago makes room. */
const NETWORKS_MAX = 20;
/** How long nothing need be heard of a network before it is forgotten. */
const KEPT = seconds(24 * 3600);
/** What a network is taken for of which nothing is known. */
const ODDS_MIN = -2;
const ODDS_MAX = 6;
/** Above these a network is suspected of blocking WebSocket. */
const ODDS_FAIR = 3;
/** So often must it have been seen to be known for it. */
const SIGHTINGS_MIN = 3;

/**
 * The name of a network, given by the shell: the same for the same network, and best made so that
 * it does not tell anybody which that is. 1 to 64 of `[A-Za-z0-9_-]`.
 */
export type NetworkKey = string;

/** What is remembered of a network on which WebSocket did not get through. */
export interface NetworkRecord {
  /** Which. */
  readonly key: NetworkKey;
  /**
   * What speaks for its blocking WebSocket, as the logarithm of odds: -2 to 6. Others are taken for
   * the nearest of these.
   */
  readonly odds: number;
  /** How often polling did where WebSocket did not: from 3 on a link begins with polling. */
  readonly sightings: number;
  /** How long ago that was last heard of, in milliseconds. Records of a day are dropped. */
  readonly ageMs: Span;
}

/** All that is remembered. */
export interface NetworkHistory {
  current: NetworkKey;
  /** The one heard of last at the end. */
  known: readonly NetworkEntry[];
}

interface NetworkEntry {
  readonly key: NetworkKey;
  readonly odds: number;
  readonly sightings: number;
  readonly expiresAt: Millis;
}

/** What was saved, as of now at the time zero. */
export function newNetworkHistory(records: readonly NetworkRecord[]): NetworkHistory {
  const history: NetworkHistory = { current: "unknown", known: [] };
  for (const { key, odds, sightings, ageMs } of records) {
    history.known = history.known.filter((known) => known.key !== key);
    put(history, { key, odds: clamp(odds), sightings, expiresAt: less(KEPT, ageMs) });
  }
  return history;
}

/** What to save at `now`: what was heard of last comes last. */
export const records = (history: NetworkHistory, now: Millis): NetworkRecord[] =>
  history.known
    .filter(({ expiresAt }) => expiresAt > now)
    .map(({ key, odds, sightings, expiresAt }) => {
      return { key, odds, sightings, ageMs: less(KEPT, expiresAt - now) };
    });

/** An attempt failed on the network of the moment; whether plain HTTP gets through. */
export function recordFailure(
  history: NetworkHistory,
  now: Millis,
  evidence: Evidence,
  isHttpProven: boolean,
): void {
  const weight = { blocked: 3, busy: -3, silence: isHttpProven ? 1 : 0 }[evidence];
  const known = take(history, now);
  put(history, { ...known, odds: clamp(known.odds + weight) });
}

/** Polling does where WebSocket does not. */
export function recordFallback(history: NetworkHistory, now: Millis): void {
  const known = take(history, now);
  put(history, { ...known, sightings: Math.min(known.sightings + 1, 255) });
}

/** A session gave a sign of life: WebSocket gets through. */
export function clear(history: NetworkHistory): void {
  history.known = history.known.filter(({ key }) => key !== history.current);
}

/** Whether the network of the moment may well block WebSocket. */
export const isSuspected = (history: NetworkHistory, now: Millis): boolean =>
  (find(history, now)?.odds ?? ODDS_MIN) > ODDS_FAIR;

/** Whether it is known to. */
export const isBlocked = (history: NetworkHistory, now: Millis): boolean =>
  (find(history, now)?.sightings ?? 0) >= SIGHTINGS_MIN;

const find = ({ current, known }: NetworkHistory, now: Millis): NetworkEntry | undefined =>
  known.find(({ key, expiresAt }) => key === current && expiresAt > now);

/** What is known of the network of the moment, to be put back. */
function take(history: NetworkHistory, now: Millis): NetworkEntry {
  const found = find(history, now) ?? { key: history.current, odds: ODDS_MIN, sightings: 0 };
  clear(history);
  return { ...found, expiresAt: now + KEPT };
}

function put(history: NetworkHistory, known: NetworkEntry): void {
  if (known.odds === ODDS_MIN && !known.sightings) return;
  history.known = [...history.known, known].slice(-NETWORKS_MAX);
}

const clamp = (odds: number): number => Math.min(Math.max(odds, ODDS_MIN), ODDS_MAX);
