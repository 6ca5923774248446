// The client for browsers.

import type { ConnectOptions, Platform } from "./client.js";
import { Client } from "./client.js";
import { browser as lifecycle } from "./lifecycle/browser.js";
import type { PositionStorage } from "./storage.js";
import { browser as transport } from "./transport/browser.js";

export * from "./api.js";

/** What a page may not look at, it has not. */
function storage(): PositionStorage | undefined {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined;
  }
}

/** Starts a client: it connects, and keeps connecting, until it is closed. */
export function connect(options: ConnectOptions): Client {
  const { origin = "", pathname = "" } = (globalThis.location ?? {}) as Partial<Location>;
  const key = `steadfast:${origin}${pathname}`;
  const platform: Platform = { name: "browser", transport, lifecycle, storage: storage(), key };
  return new Client(options, platform);
}
