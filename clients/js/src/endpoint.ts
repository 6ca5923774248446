// Twin of crates/client/src/endpoint.rs. Where a server is. In: the base URL that the app gave, or
// a place that the server named. Out: the URL of each route. Knows nothing of what is said there.

import { SteadfastError } from "./errors.js";
import type { PolledChannel } from "./link/output.js";

/** The most events one answer is asked to have. */
const EVENTS_MAX = 100;

/** A server's address. */
export interface Endpoint {
  readonly isTls: boolean;
  /** Host, port and the path in front of `/v1`. */
  readonly place: string;
}

// Not `URL`, which a mini-program has not.
const BASE = /^(https?|wss?):\/\/((?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?(?:\/[^?#\s]*[^/?#\s])?)\/*$/i;

/** Reads a base URL; `wss://` and `ws://` mean the same as `https://` and `http://`. */
export function readEndpoint(text: string): Endpoint | undefined {
  const found = BASE.exec(text);
  return found ? { isTls: /^(https|wss)$/i.test(found[1]!), place: found[2]! } : undefined;
}

/** Reads what an app gave, or says what is wrong with it. */
export function endpoint(text: string): Endpoint {
  const found = readEndpoint(text);
  if (found) return found;
  // The text is not repeated: it may hold a secret.
  const help = "no address of a server: write https://host, without user, query or fragment";
  throw new SteadfastError("bad_url", help);
}

/**
 * A place that the server named: `host:port` or a base URL. `home`, where it cannot be used or is
 * not as safe: nobody talks a link out of TLS, nor into it.
 */
export function movedTo(home: Endpoint, place: string): Endpoint {
  const scheme = home.isTls ? "https://" : "http://";
  const moved = readEndpoint(place.includes("://") ? place : scheme + place);
  return moved && moved.isTls === home.isTls ? moved : home;
}

const route = (scheme: string, { isTls, place }: Endpoint, path: string): string =>
  `${scheme}${isTls ? "s" : ""}://${place}/v1/${path}`;

/** The WebSocket route. */
export const socketUrl = (to: Endpoint): string => route("ws", to, "ws");

/** The route that answers 204 and nothing else. */
export const probeUrl = (to: Endpoint): string => route("http", to, "probe");

/** The polling route of many channels, … */
export const pollManyUrl = (to: Endpoint): string => route("http", to, "poll");

/** … what is sent there, … */
export const pollManyBody = (channels: readonly PolledChannel[], wait: number): string =>
  JSON.stringify({ channels, wait, limit: EVENTS_MAX });

/** … and that of one channel, from a position on. */
export function pollUrl(
  to: Endpoint,
  { channel, since }: PolledChannel,
  waitSeconds: number,
): string {
  const from =
    since === "start"
      ? ""
      : since === "now"
        ? "offset=latest&"
        : `epoch=${since.epoch}&offset=${since.offset}&`;
  const query = `${from}wait=${waitSeconds}&limit=${EVENTS_MAX}`;
  return route("http", to, `channels/${channel}/events?${query}`);
}
