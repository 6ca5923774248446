// What a browser's page gives a client.

import type { Platform } from "./client.js";
import { browser as lifecycle } from "./lifecycle/browser.js";
import type { PositionStorage } from "./storage.js";
import { browser as transport } from "./transport/browser.js";

/** What a page may not look at, it has not. */
function storage(which: "sessionStorage" | "localStorage"): PositionStorage | undefined {
  try {
    return globalThis[which];
  } catch {
    return undefined;
  }
}

/** The page that this runs in. */
export function page(): Platform {
  const { origin = "", pathname = "" } = (globalThis.location ?? {}) as Partial<Location>;
  return {
    name: "browser",
    transport,
    lifecycle,
    storage: storage("sessionStorage"),
    key: `steadfast:${origin}${pathname}`,
    memory: storage("localStorage"),
  };
}
