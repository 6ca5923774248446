// How the link has fared, as a plugin: reconnects, downtime, availability. An entry.

import type { Client } from "./client.js";
import { sleptFrom } from "./link/coordinator/device.js";
import { statistics as part } from "./parts/statistics.js";
import type { Plugin } from "./plugin.js";

/** How a link has fared; right at the instant it was asked for. */
export interface Statistics {
  /** Attempts begun, but for the first. */
  readonly totalReconnects: number;
  /** Those of them that were welcomed. */
  readonly successfulReconnects: number;
  /** Those of them that were not, or were given up. */
  readonly failedReconnects: number;
  /** When a session was last welcomed: RFC 3339. */
  readonly lastConnectedAt: string | null;
  /** When the link last ceased to be `connected`. */
  readonly lastDisconnectedAt: string | null;
  /** Time without data flowing, in milliseconds. */
  readonly totalDowntime: number;
  /** Time with data flowing, by WebSocket or polling: 0 to 100, two decimals. */
  readonly availability: number;
  /** The same for WebSocket alone. */
  readonly realtimeAvailability: number;
}

/** What a client can say of its past. */
export interface StatisticsApi {
  /** How the link has fared. */
  getStatistics(): Statistics;
}

/** Keeps an account of the link. */
export const statistics = (): Plugin<StatisticsApi> => ({
  parts: { statistics: part },
  attach: (client) => ({ api: { getStatistics: () => statisticsOf(client) } }),
});

function statisticsOf({ clock, link }: Client): Statistics {
  const now = clock.now();
  const { lastAnswerRtt: _, ...drawn } = link.record!.at(now, sleptFrom(link, now));
  const date = (at: number | undefined): string | null =>
    at === undefined ? null : clock.date(at);
  return {
    ...drawn,
    lastConnectedAt: date(drawn.lastConnectedAt),
    lastDisconnectedAt: date(drawn.lastDisconnectedAt),
    availability: drawn.availability / 100,
    realtimeAvailability: drawn.realtimeAvailability / 100,
  };
}
