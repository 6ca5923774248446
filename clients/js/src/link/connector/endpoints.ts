// Twin of crates/link/src/connector/endpoints.rs. Which of the service's endpoints is next: for
// sockets, and for plain HTTP. In: what opened, and how attempts ended. Out: the number of an
// endpoint, and when to try another beside it. Must not know addresses, but for one that a server
// named.

import type { Millis, Span } from "../../machine/time.js";

/** The most endpoints. */
export const ENDPOINTS_MAX = 8;
/** How many times of opening are kept. */
const OPENS_MAX = 8;
/** The bounds of the wait for another endpoint, and the wait where nothing was measured. */
const RACE_MIN = 300;
const RACE_MAX = 2500;
const RACE_UNMEASURED = 1000;

/** The endpoints, numbered from 0. */
export interface Endpoints {
  readonly count: number;
  /** Where the next attempt goes. */
  next: number;
  /** Where probes and polls go. */
  http: number;
  /** Until when each asked not to be polled. */
  readonly held: Millis[];
  /** How many in a row have said that they are busy. */
  busy: number;
  /** Where the server said to go, while that works. */
  to: string | null;
  /** How long the newest sockets of this network took to open. */
  opens: Span[];
}

/** So many, and the first is next. */
export const newEndpoints = (count: number): Endpoints => ({
  count,
  next: 0,
  http: 0,
  held: new Array<Millis>(count).fill(0),
  busy: 0,
  to: null,
  opens: [],
});

/** The endpoint to try beside `endpoint`, if any. */
export const rivalOf = (endpoints: Endpoints, endpoint: number): number | undefined =>
  endpoints.count > 1 && endpoints.to === null ? after(endpoints, endpoint) : undefined;

/**
 * How long to wait for one endpoint before another is tried beside it: half as long again as three
 * in four sockets of this network took to open.
 */
export function raceAfter({ opens }: Endpoints): Span {
  const sorted = [...opens].sort((a, b) => a - b);
  const usual = sorted[Math.ceil((sorted.length * 3) / 4) - 1];
  if (usual === undefined) return RACE_UNMEASURED;
  return Math.min(Math.max(Math.floor((usual * 3) / 2), RACE_MIN), RACE_MAX);
}

/** A socket opened. */
export function open(endpoints: Endpoints, took: Span): void {
  endpoints.opens = [...endpoints.opens, took].slice(-OPENS_MAX);
}

/** A server took the session: it is the one to come back to. */
export function welcome(endpoints: Endpoints, endpoint: number): void {
  endpoints.next = endpoint;
  endpoints.busy = 0;
}

/** An attempt failed that went to this endpoint last: the next goes elsewhere. */
export function fail(endpoints: Endpoints, endpoint: number): void {
  endpoints.to = null;
  endpoints.next = after(endpoints, endpoint);
}

/** An endpoint said that it is busy. Whether all of them have, one after the other. */
export function isAllBusy(endpoints: Endpoints): boolean {
  const isAll = ++endpoints.busy >= endpoints.count;
  if (isAll) endpoints.busy = 0;
  return isAll;
}

/** Plain HTTP did not get through. */
export function failHttp(endpoints: Endpoints): void {
  endpoints.http = after(endpoints, endpoints.http);
}

/** An endpoint is busy or leaves: it is not to be polled until then. */
export function holdHttp(endpoints: Endpoints, endpoint: number, until: Millis): void {
  endpoints.held[endpoint] = until;
}

/**
 * Has polls go to the endpoint that may be polled the soonest, the one of the last poll if it is
 * among several. When that is.
 */
export function seekHttp(endpoints: Endpoints, now: Millis): Millis {
  const freeAt = (endpoint: number): Millis => Math.max(now, endpoints.held[endpoint]!);
  let best = endpoints.http;
  let endpoint = best;
  for (let nth = 1; nth < endpoints.count; nth++) {
    endpoint = after(endpoints, endpoint);
    if (freeAt(endpoint) < freeAt(best)) best = endpoint;
  }
  endpoints.http = best;
  return freeAt(best);
}

/** The device is on another network. */
export function forgetPath(endpoints: Endpoints): void {
  endpoints.opens = [];
}

const after = ({ count }: Endpoints, endpoint: number): number => (endpoint + 1) % count;
