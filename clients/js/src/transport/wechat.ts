// Sockets and requests in a WeChat mini-program: `wx.connectSocket` and `wx.request`. In: URLs and
// texts. Out: what came of them. Keeps to the platform's limits: five sockets at once, none closed
// before it is open, requests of 60 s at the longest.

import { SteadfastError } from "../errors.js";
import type { Socket, SocketHandlers, Transport } from "../transport.js";

/** As many sockets may be open or opening at once, of all clients together. */
const SOCKETS_MAX = 5;
/** The longest a request may take. */
const REQUEST_MAX_MS = 60_000;
/** How long opening may take: longer than the link waits for it. */
const OPEN_TIMEOUT_MS = 20_000;
/** A socket that was closed counts for so long, if its end is not told. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Those that the platform counts. */
const counted = new Set<WechatMiniprogram.SocketTask>();

function openSocket(url: string, handlers: SocketHandlers): Socket {
  if (counted.size >= SOCKETS_MAX) {
    const text = `a mini-program has at most ${SOCKETS_MAX} sockets at once; close another client`;
    throw new SteadfastError("too_many_sockets", text, true);
  }
  let isOpen = false;
  let closeWith: number | undefined;
  const fail = ({ errMsg }: { errMsg: string }): void => end(() => onError(errMsg));
  const task = wx.connectSocket({
    url,
    timeout: OPEN_TIMEOUT_MS,
    tcpNoDelay: true,
    // From base library 2.8.0 on; older ones ignore it.
    perMessageDeflate: true,
    fail,
  });
  counted.add(task);

  const end = (tell: () => void): void => {
    if (counted.delete(task) && closeWith === undefined) tell();
  };
  const onError = (text: string): void => {
    if (isOpen) return handlers.onClose(1006);
    const isUnlisted = /domain list/i.test(text);
    const error = isUnlisted ? new SteadfastError("domain_not_listed", text) : undefined;
    handlers.onFail({ kind: "unreachable" }, error);
  };
  const close = (): void => {
    task.close({ code: closeWith ?? 1000, fail: () => {} });
    setTimeout(() => end(() => {}), CLOSE_TIMEOUT_MS);
  };

  task.onOpen(() => {
    isOpen = true;
    if (closeWith === undefined) handlers.onOpen();
    else close();
  });
  task.onMessage(({ data }) => {
    if (closeWith === undefined) handlers.onText(typeof data === "string" ? data : null);
  });
  task.onError(fail);
  // The platform says 1000 where it took the socket away, too: that is no wanted end.
  task.onClose(({ code, reason }) =>
    end(() => handlers.onClose(code === 1000 ? 1006 : code, reason)),
  );
  return {
    send: (data) => task.send({ data, fail }),
    close: (code) => {
      closeWith = code;
      if (isOpen) close();
    },
  };
}

const request: Transport["request"] = ({ url, headers, body, timeoutMs }, done) => {
  let isOver = false;
  const tell = (answer?: Parameters<typeof done>[0]): void => {
    if (!isOver) done(answer);
    isOver = true;
  };
  const task = wx.request<string>({
    url,
    header: headers,
    ...(body === undefined ? {} : { method: "POST" as const, data: body }),
    timeout: Math.min(timeoutMs, REQUEST_MAX_MS),
    // Anything else but `json` is given as the text it is.
    dataType: "text",
    responseType: "text",
    redirect: "manual",
    success: ({ statusCode, header, data }) => {
      const named = (name: string): string | null => {
        const key = Object.keys(header).find((key) => key.toLowerCase() === name.toLowerCase());
        return key === undefined ? null : String((header as Record<string, unknown>)[key]);
      };
      tell({ status: statusCode, header: named, text: data });
    },
    fail: () => tell(),
  });
  return () => {
    isOver = true;
    task.abort();
  };
};

/** By the mini-program's own. */
export const wechat: Transport = { openSocket, request };
