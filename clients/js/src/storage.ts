// Twin of crates/client/src/positions.rs. Where the app stands in its channels, and what is
// remembered of networks, kept over a reload or a restart. In: positions as the app is handed them,
// records. Out: texts in the platform's storages. What cannot be stored is not missed.

import type { NetworkRecord } from "./link/connector/network_history.js";
import { type Position, isPosition } from "./protocol/position.js";

/** The most channels whose positions are kept: those that moved last. */
const CHANNELS_MAX = 256;
/** The most networks that are remembered. */
const NETWORKS_MAX = 20;
/** How long positions may have moved before they are written. */
const WRITE_AFTER_MS = 250;
/** The form of the text. */
const VERSION = 1;

/** What `sessionStorage` and the like have. */
export interface PositionStorage {
  getItem(key: string): string | null;
  setItem(key: string, text: string): void;
}

/** Positions as they are stored. */
export interface Text {
  version: number;
  positions: Record<string, Position>;
}

/** What is remembered of networks, as it is stored. */
export interface Networks {
  version: number;
  /** The date, in milliseconds of the device's clock. */
  savedAt: number;
  networks: readonly NetworkRecord[];
}

/** Reads what was remembered of networks, as of the date `now`. */
export function loadNetworks(
  storage: PositionStorage | undefined,
  key: string,
  now: number,
): NetworkRecord[] {
  const text = read(storage, key) as Partial<Networks> | undefined;
  const { savedAt, networks } = text?.version === VERSION ? text : {};
  const passed = Math.max(now - Number(savedAt), 0);
  // In a text of somebody else's anything may be no number.
  return Array.from(networks ?? [], (one) => ({ ...one, ageMs: one?.ageMs + passed })).filter(
    ({ odds, sightings, ageMs }) => odds + sightings + ageMs < Infinity,
  );
}

/**
 * Writes it, as of the date `savedAt`; of what another client has written meanwhile, what is newer.
 */
export function saveNetworks(
  storage: PositionStorage | undefined,
  key: string,
  savedAt: number,
  own: readonly NetworkRecord[],
): void {
  const newest = new Map<string, NetworkRecord>();
  const all = [...loadNetworks(storage, key, savedAt), ...own];
  for (const one of all.sort((a, b) => b.ageMs - a.ageMs)) newest.set(one.key, one);
  const networks = [...newest.values()].slice(-NETWORKS_MAX);
  write(storage, key, { version: VERSION, savedAt, networks } satisfies Networks);
}

/** Reads JSON; undefined where there is none, or the storage fails. */
function read(storage: PositionStorage | undefined, key: string): unknown {
  try {
    return JSON.parse(storage?.getItem(key) ?? "") ?? undefined;
  } catch {
    return undefined;
  }
}

/** Writes JSON, if the storage lets it. */
function write(storage: PositionStorage | undefined, key: string, value: unknown): void {
  try {
    storage?.setItem(key, JSON.stringify(value));
  } catch {
    // Full, or forbidden: the app goes on without.
  }
}

/** The positions that are stored; in a text of somebody else's anything may be none. */
function load(storage: PositionStorage | undefined, key: string): Map<string, Position> {
  const text = read(storage, key) as Text | undefined;
  const all = text?.version === VERSION ? Object.entries(text.positions ?? {}) : [];
  return new Map(all.filter(([, position]) => isPosition(position)));
}

/**
 * The positions of one client. Others may keep theirs under the same key: what is written is what
 * they have written, with those that moved here.
 */
export class Positions {
  private readonly positions: Map<string, Position>;
  /** Those that moved here, in the order in which they last did. */
  private readonly moved = new Map<string, Position>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly storage: PositionStorage | undefined,
    private readonly key: string,
  ) {
    this.positions = load(storage, key);
  }

  /** The position in a channel, where there is one. */
  of(channel: string): Position | undefined {
    return this.positions.get(channel);
  }

  /** The app was handed everything up to here. */
  move(channel: string, position: Position): void {
    if (!this.storage) return;
    for (const all of [this.positions, this.moved]) put(all, channel, position);
    this.timer ??= setTimeout(() => this.save(), WRITE_AFTER_MS);
  }

  /** Writes what has moved. */
  save(): void {
    if (!this.storage || this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    const all = load(this.storage, this.key);
    for (const [channel, position] of this.moved) put(all, channel, position);
    const positions = Object.fromEntries(all);
    write(this.storage, this.key, { version: VERSION, positions } satisfies Text);
  }
}

/** As the last that moved; of too many the one that was still the longest is forgotten. */
function put(all: Map<string, Position>, channel: string, position: Position): void {
  all.delete(channel);
  all.set(channel, position);
  if (all.size > CHANNELS_MAX) all.delete([...all.keys()][0]!);
}
