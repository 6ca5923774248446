// Sockets and requests by what browsers have: `WebSocket` and `fetch`. In: URLs and texts. Out:
// what came of them. A browser does not say why a socket did not open. No logic.

import type { Socket, SocketHandlers, Transport } from "../transport.js";

/** What a `WebSocket` is here. */
export interface WebSocketLike {
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  send(text: string): void;
  close(code: number): void;
}

/** How one is made. */
export type WebSocketConstructor = new (url: string) => WebSocketLike;

/** Hears a socket that is opening. */
export function listen(socket: WebSocketLike, handlers: SocketHandlers): Socket {
  let isOpen = false;
  socket.onopen = () => {
    isOpen = true;
    handlers.onOpen();
  };
  socket.onmessage = ({ data }: { data: unknown }) =>
    handlers.onText(typeof data === "string" ? data : null);
  // Not every runtime has a close follow an error of a socket that never opened.
  socket.onerror = () => {
    if (isOpen) return;
    deafen(socket);
    handlers.onFail({ kind: "unreachable" });
  };
  socket.onclose = ({ code, reason }: { code: number; reason?: string }) => {
    deafen(socket);
    if (isOpen) handlers.onClose(code, reason);
    else handlers.onFail({ kind: "unreachable" });
  };
  return {
    send: (text) => socket.send(text),
    close: (code) => {
      deafen(socket);
      socket.close(code);
    },
  };
}

function deafen(socket: WebSocketLike): void {
  socket.onopen = socket.onmessage = socket.onclose = null;
  // A socket without this one throws what it has to say.
  socket.onerror = () => {};
}

/** Asks by `fetch`. Redirects are not followed: they would carry the token elsewhere. */
export const request: Transport["request"] = ({ url, headers, body, timeoutMs }, done) => {
  const given = new AbortController();
  let isOver = false;
  const tell = (answer?: Parameters<typeof done>[0]): void => {
    clearTimeout(timer);
    if (!isOver) done(answer);
    isOver = true;
  };
  const cancel = (): void => {
    isOver = true;
    clearTimeout(timer);
    given.abort();
  };
  const timer = setTimeout(() => {
    tell();
    given.abort();
  }, timeoutMs);
  const { signal } = given;
  const sent = body === undefined ? {} : { method: "POST", body };
  const alone = { cache: "no-store", credentials: "omit", redirect: "manual" } as const;
  fetch(url, { headers, signal, ...alone, ...sent })
    .then(async (response) => {
      const text = await response.text();
      const header = (name: string): string | null => response.headers.get(name);
      return { status: response.status, header, text };
    })
    .then(tell, () => tell());
  return cancel;
};

/** By the browser's own. */
export const browser: Transport = {
  openSocket: (url, handlers) => listen(new WebSocket(url), handlers),
  request,
};
