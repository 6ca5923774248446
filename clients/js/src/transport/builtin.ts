// The WebSocket that is built into Node. It waits for the answer to a close for ever, and has no
// word to end it at once: so the connection below it is kept, which a dispatcher is shown when the
// upgrade is answered. In: a URL. Out: a socket that can be given up. No logic.

import type { WebSocketConstructor, WebSocketLike } from "./browser.js";

/** A socket that may be ended without a goodbye. */
export interface Terminable extends WebSocketLike {
  terminate?(): void;
}

interface Connection {
  destroy(): void;
}

type Handler = Record<string, unknown>;

/** What Node sends its requests through: the interface of the package undici. */
interface Dispatcher {
  dispatch(options: unknown, handler: Handler): boolean;
}

type Dispatched = new (url: string, options: { dispatcher: Dispatcher }) => Terminable;

/** By which name it is kept depends on the release; the newest of several is in use. */
const NAME = /^undici\.globalDispatcher\.\d+$/;
/** How a handler is told that the upgrade was answered, by release. */
const UPGRADES = ["onUpgrade", "onRequestUpgrade"];

/** Opens one. Where the runtime is another than Node, nothing is added. */
export function openBuiltIn(WebSocket: WebSocketConstructor, url: string): Terminable {
  const usual = dispatcherOfNode();
  if (!usual) return new WebSocket(url);
  let connection: Connection | undefined;
  const dispatch: Dispatcher["dispatch"] = (options, handler) =>
    usual.dispatch(
      options,
      watched(handler, (own) => (connection = own)),
    );
  const socket = new (WebSocket as unknown as Dispatched)(url, { dispatcher: { dispatch } });
  socket.terminate = () => connection?.destroy();
  return socket;
}

function dispatcherOfNode(): Dispatcher | undefined {
  const symbols = Object.getOwnPropertySymbols(globalThis);
  const names = symbols.map(({ description = "" }) => description);
  const newest = names.filter((name) => NAME.test(name)).sort();
  const global = globalThis as unknown as Record<symbol, Dispatcher | undefined>;
  return global[Symbol.for(newest[newest.length - 1] ?? "")];
}

/** The same handler, heard for the connection that an upgrade leaves. */
function watched(handler: Handler, take: (connection: Connection) => void): Handler {
  return new Proxy(handler, {
    get(target, name) {
      const value = target[name as string];
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        const own = args.find((one) => typeof (one as Partial<Connection>)?.destroy === "function");
        if (UPGRADES.includes(name as string) && own) take(own as Connection);
        return value.apply(target, args);
      };
    },
  });
}
