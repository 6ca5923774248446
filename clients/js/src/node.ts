// The client for Node.

import { createRequire } from "node:module";
import type { ConnectOptions } from "./client.js";
import { SteadfastError } from "./errors.js";
import { FullClient } from "./full_client.js";
import type { WebSocketConstructor } from "./transport/browser.js";
import { node as transport } from "./transport/node.js";

export * from "./api.js";
export type { WebSocketConstructor };

/** What a client in Node is made with. */
export interface NodeOptions extends ConnectOptions {
  /**
   * A WebSocket. Default: that of the package `ws` where it is installed, since it says why a
   * socket did not open; else the built-in one, from Node 22 on.
   */
  WebSocket?: WebSocketConstructor;
}

const NO_WEBSOCKET = "this Node has no WebSocket: run `npm install ws`, or use Node 22 or later";

/** That of the package `ws`. Bun has one of that name that is only part of it. */
function installed(): WebSocketConstructor | undefined {
  if (process.versions.bun) return undefined;
  try {
    const require = createRequire(import.meta.url);
    return (require("ws") as { WebSocket?: WebSocketConstructor }).WebSocket;
  } catch {
    return undefined;
  }
}

/**
 * Starts a client: it connects, and keeps connecting, until it is closed. Positions are kept
 * nowhere unless there is a `storage`.
 */
export function connect(options: NodeOptions): FullClient {
  const own = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  const WebSocket = options.WebSocket ?? (options.transport ? own : (installed() ?? own));
  if (!WebSocket && !options.transport) throw new SteadfastError("no_websocket", NO_WEBSOCKET);
  return new FullClient(options, {
    name: "node",
    transport: options.transport ?? transport(WebSocket!),
    lifecycle: () => () => {},
    storage: undefined,
    key: "steadfast",
    memory: undefined,
  });
}
