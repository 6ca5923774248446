// A simulated `wx` over real sockets and requests, with the limits that mini-programs have: five
// sockets, none closed before it is open, listed domains alone, nothing in the background. What a
// program does against them is written down.

import { type RawData, WebSocket } from "ws";

type Listener<T> = (it: T) => void;
type Failed = { errMsg: string };

/** Callbacks of one kind. */
class Ears<T> {
  private readonly all = new Set<Listener<T>>();
  readonly on = (listener: Listener<T>): void => void this.all.add(listener);
  readonly off = (listener: Listener<T>): void => void this.all.delete(listener);
  readonly tell = (it: T): void => [...this.all].forEach((listener) => listener(it));
  get count(): number {
    return this.all.size;
  }
}

/** What such a phone is like. */
export interface Phone {
  /** `develop`, `trial` or `release`. */
  envVersion?: string;
  /** The origins that may be asked; all where there is none. */
  domains?: readonly string[];
  /** The kind of network at first. */
  networkType?: string;
  /** What was stored before. */
  storage?: Map<string, unknown>;
}

/** How many sockets there may be. */
const SOCKETS_MAX = 5;

/** One phone with one mini-program. */
export class Wx {
  /** What a program did that a phone does not permit. */
  readonly offences: string[] = [];
  readonly storage: Map<string, unknown>;
  /** Sockets that the phone counts. */
  readonly sockets = new Set<SocketTask>();
  /** Sockets asked for so far. */
  opened = 0;
  /** The options of every request so far. */
  readonly requests: { url: string; timeout?: number }[] = [];
  isAway = false;
  private networkType: string;
  private readonly underWay = new Set<() => void>();
  private readonly show_ = new Ears<unknown>();
  private readonly hide_ = new Ears<unknown>();
  private readonly network = new Ears<{ isConnected: boolean; networkType: string }>();
  private readonly weak = new Ears<{ weakNet: boolean; networkType: string }>();

  constructor(private readonly phone: Phone = {}) {
    this.storage = phone.storage ?? new Map();
    this.networkType = phone.networkType ?? "wifi";
  }

  /** Puts it where mini-programs find theirs; gives back how to take it away. */
  install(): () => void {
    const global = globalThis as { wx?: unknown };
    global.wx = this;
    return () => delete global.wx;
  }

  /** How many callbacks are registered. */
  get ears(): number {
    return [this.show_, this.hide_, this.network, this.weak].reduce(
      (sum, { count }) => sum + count,
      0,
    );
  }

  /** People look elsewhere. */
  hide(): void {
    this.hide_.tell({});
  }

  /** Five seconds later the phone takes all that is open, and says that it ended well. */
  suspend(): void {
    this.isAway = true;
    for (const socket of this.sockets) socket.lose(1000, "interrupted");
    for (const fail of this.underWay) fail();
  }

  /** People look again. */
  show(): void {
    this.isAway = false;
    this.show_.tell({});
  }

  /** The phone is on another network, or on `none`. */
  move(networkType: string): void {
    this.networkType = networkType;
    this.network.tell({ isConnected: networkType !== "none", networkType });
  }

  weaken(weakNet: boolean): void {
    this.weak.tell({ weakNet, networkType: this.networkType });
  }

  readonly onAppShow = this.show_.on;
  readonly offAppShow = this.show_.off;
  readonly onAppHide = this.hide_.on;
  readonly offAppHide = this.hide_.off;
  readonly onNetworkStatusChange = this.network.on;
  readonly offNetworkStatusChange = this.network.off;
  readonly onNetworkWeakChange = this.weak.on;
  readonly offNetworkWeakChange = this.weak.off;

  getNetworkType({ success }: { success?: Listener<{ networkType: string }> }): void {
    setImmediate(() => success?.({ networkType: this.networkType }));
  }

  getAccountInfoSync(): { miniProgram: { envVersion: string } } {
    return { miniProgram: { envVersion: this.phone.envVersion ?? "develop" } };
  }

  getStorageSync(key: string): unknown {
    return this.storage.get(key) ?? "";
  }

  setStorageSync(key: string, value: unknown): void {
    this.storage.set(key, value);
  }

  connectSocket(options: { url: string; fail?: Listener<Failed> }): SocketTask {
    this.opened++;
    const trouble = this.trouble(options.url) ?? this.full();
    const task = new SocketTask(this, options.url, trouble);
    if (trouble === undefined) this.sockets.add(task);
    else setImmediate(() => options.fail?.({ errMsg: `connectSocket:fail ${trouble}` }));
    return task;
  }

  request(options: {
    url: string;
    header?: Record<string, string>;
    timeout?: number;
    success?: Listener<{ statusCode: number; header: Record<string, string>; data: string }>;
    fail?: Listener<Failed>;
  }): { abort(): void } {
    const { url, timeout } = options;
    this.requests.push({ url, ...(timeout === undefined ? {} : { timeout }) });
    const given = new AbortController();
    const fail = (): void => given.abort(new Error("interrupted"));
    this.underWay.add(fail);
    const asking = async (): Promise<void> => {
      const trouble = this.trouble(url);
      if (trouble !== undefined) throw new Error(trouble);
      const { header: headers = {} } = options;
      const answer = await fetch(url, { headers, signal: given.signal, redirect: "manual" });
      const data = await answer.text();
      // Phones differ in how they write the names of headers.
      const header: Record<string, string> = {};
      answer.headers.forEach((text, name) => (header[capital(name)] = text));
      options.success?.({ statusCode: answer.status, header, data });
    };
    asking()
      .catch((error: Error) => options.fail?.({ errMsg: `request:fail ${error.message}` }))
      .finally(() => this.underWay.delete(fail));
    return { abort: () => given.abort(new Error("abort")) };
  }

  private trouble(url: string): string | undefined {
    if (this.isAway) return "interrupted";
    const { domains } = this.phone;
    const isListed = !domains || domains.some((domain) => url.startsWith(domain));
    return isListed ? undefined : "url not in domain list";
  }

  private full(): string | undefined {
    if (this.sockets.size < SOCKETS_MAX) return undefined;
    this.offences.push("a sixth socket");
    return "exceed max concurrent connection";
  }
}

/** One socket. */
export class SocketTask {
  private readonly socket: WebSocket | undefined;
  private readonly ears = {
    open: new Ears<object>(),
    message: new Ears<{ data: string | ArrayBuffer }>(),
    error: new Ears<Failed>(),
    close: new Ears<{ code: number; reason: string }>(),
  };

  constructor(
    private readonly wx: Wx,
    url: string,
    trouble: string | undefined,
  ) {
    if (trouble !== undefined) return;
    this.socket = new WebSocket(url);
    this.socket.on("open", () => this.ears.open.tell({}));
    this.socket.on("message", (data: RawData, isBinary: boolean) => {
      const bytes = data as Buffer;
      const text = isBinary ? new Uint8Array(bytes).buffer : bytes.toString();
      this.ears.message.tell({ data: text });
    });
    this.socket.on("error", ({ message }) => this.ears.error.tell({ errMsg: message }));
    this.socket.on("close", (code, reason) => this.end(code, String(reason)));
  }

  readonly onOpen = this.ears.open.on;
  readonly onMessage = this.ears.message.on;
  readonly onError = this.ears.error.on;
  readonly onClose = this.ears.close.on;

  send({ data, fail }: { data: string; fail?: Listener<Failed> }): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(data);
    else setImmediate(() => fail?.({ errMsg: "sendSocketMessage:fail" }));
  }

  close({ code, fail }: { code?: number; fail?: Listener<Failed> }): void {
    if (this.socket?.readyState === WebSocket.CONNECTING) {
      this.wx.offences.push("closed before it was open");
      setImmediate(() => fail?.({ errMsg: "closeSocket:fail not connected" }));
    } else {
      this.socket?.close(code);
    }
  }

  /** The phone takes it. */
  lose(code: number, reason: string): void {
    this.socket?.removeAllListeners();
    this.socket?.on("error", () => {});
    this.socket?.terminate();
    this.end(code, reason);
  }

  private end(code: number, reason: string): void {
    if (this.wx.sockets.delete(this)) this.ears.close.tell({ code, reason });
  }
}

const capital = (name: string): string =>
  name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
