// The client for browsers with as little as holds a link: WebSocket, resume, backoff, heartbeats,
// states, polling and the return from it. What else there is are plugins, each an entry of its own.

import type { ConnectOptions } from "./client.js";
import { Client } from "./client.js";
import { page } from "./page.js";
import type { ApiOf, Plugin } from "./plugin.js";

export type { ConnectOptions } from "./client.js";
export { Client } from "./client.js";
export * from "./core_api.js";
export type { Attached, ApiOf, Plugin } from "./plugin.js";
export { VERSION } from "./version.js";

/** Starts a client: it connects, and keeps connecting, until it is closed. */
export function connect<const P extends readonly Plugin[] = []>(
  options: ConnectOptions & { plugins?: P },
): Client & ApiOf<P> {
  return new Client(options, page(), options.plugins ?? []) as Client & ApiOf<P>;
}
