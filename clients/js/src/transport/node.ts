// Sockets and requests in Node: a `WebSocket` that was given, is installed or is built in, and
// `fetch`. One of the package `ws` also tells how an upgrade was answered. No logic.

import { refusal } from "../answer.js";
import type { DialFailure, Transport } from "../transport.js";
import type { WebSocketConstructor } from "./browser.js";
import { listen, request } from "./browser.js";
import type { Terminable } from "./builtin.js";
import { openBuiltIn } from "./builtin.js";

/** How long a peer may take to answer a close. */
const CLOSE_TIMEOUT_MS = 1_000;
/** Errors of the network itself; others are about what was answered. */
const UNREACHABLE = /^E[A-Z]+$/;

/** What a socket of `ws` has beyond the others. */
interface Emitter extends Terminable {
  on?(name: "unexpected-response", listener: (asked: Ended, answer: Response) => void): void;
  on?(name: "error", listener: (error: { code?: string }) => void): void;
}

interface Ended {
  destroy(): void;
}

interface Response {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** By this kind of socket. */
export function node(WebSocket: WebSocketConstructor): Transport {
  return {
    openSocket(url, handlers) {
      const isBuiltIn = WebSocket === globalThis.WebSocket;
      const socket: Emitter = isBuiltIn ? openBuiltIn(WebSocket, url) : new WebSocket(url);
      let failure: DialFailure | undefined;
      const onFail = (): void => handlers.onFail(failure ?? { kind: "unreachable" });
      socket.on?.("unexpected-response", (asked, answer) => {
        const header = (name: string): string | null => answer.headers[name.toLowerCase()] ?? null;
        failure = refusal({ status: answer.statusCode, header }, hostOf(url));
        asked.destroy();
        socket.terminate?.();
      });
      socket.on?.("error", ({ code = "" }) => {
        failure ??= { kind: UNREACHABLE.test(code) ? "unreachable" : "blocked" };
      });
      const { send, close } = listen(socket, { ...handlers, onFail });
      return {
        send,
        close: (code) => {
          close(code);
          setTimeout(() => socket.terminate?.(), CLOSE_TIMEOUT_MS).unref();
        },
      };
    },
    request,
  };
}

const hostOf = (url: string): string => new URL(url).hostname;
