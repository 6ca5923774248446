// Twin of crates/client/src/positions.rs. Where the app stands in its channels, and what is
// remembered of networks, kept over a reload or a restart. In: positions as the app is handed them,
// records. Out: texts in the platform's storages. What cannot be stored is not missed.

import type { NetworkRecord } from "./link/memory.js";
import type { Position } from "./protocol/position.js";

/** The most channels whose positions are kept: those that moved last. */
const CHANNELS_MAX = 256;
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

/** Writes it, as of the date `savedAt`. */
export const saveNetworks = (
  storage: PositionStorage | undefined,
  key: string,
  savedAt: number,
  networks: readonly NetworkRecord[],
): void => write(storage, key, { version: VERSION, savedAt, networks } satisfies Networks);

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

/** The positions of one client. */
export class Positions {
  private readonly positions = new Map<string, Position>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly storage: PositionStorage | undefined,
    private readonly key: string,
  ) {
    const text = read(storage, key) as Text | undefined;
    if (text?.version !== VERSION) return;
    for (const [channel, position] of Object.entries(text.positions ?? {})) {
      const isNamed = typeof position?.epoch === "string";
      if (isNamed && Number.isSafeInteger(position.offset)) this.positions.set(channel, position);
    }
  }

  /** The position in a channel, where there is one. */
  of(channel: string): Position | undefined {
    return this.positions.get(channel);
  }

  /** The app was handed everything up to here. */
  move(channel: string, position: Position): void {
    if (!this.storage) return;
    this.positions.delete(channel);
    this.positions.set(channel, position);
    if (this.positions.size > CHANNELS_MAX) {
      for (const stillest of this.positions.keys()) {
        this.positions.delete(stillest);
        break;
      }
    }
    this.timer ??= setTimeout(() => this.save(), WRITE_AFTER_MS);
  }

  /** Writes what has moved. */
  save(): void {
    if (!this.storage || this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    const positions = Object.fromEntries(this.positions);
    write(this.storage, this.key, { version: VERSION, positions } satisfies Text);
  }
}
