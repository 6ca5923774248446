// The client for browsers.

import type { ConnectOptions } from "./client.js";
import { Client } from "./client.js";
import { browser as lifecycle } from "./lifecycle/browser.js";
import type { PositionStorage } from "./storage.js";
import { browser as transport } from "./transport/browser.js";

export * from "./api.js";

/** What a page may not look at, it has not. */
function storage(which: "sessionStorage" | "localStorage"): PositionStorage | undefined {
  try {
    return globalThis[which];
  } catch {
    return undefined;
  }
}

/** Starts a client: it connects, and keeps connecting, until it is closed. */
export function connect(options: ConnectOptions): Client {
  const { origin = "", pathname = "" } = (globalThis.location ?? {}) as Partial<Location>;
  return new Client(options, {
    name: "browser",
    transport,
    lifecycle,
    storage: storage("sessionStorage"),
    key: `steadfast:${origin}${pathname}`,
    memory: storage("localStorage"),
  });
}
