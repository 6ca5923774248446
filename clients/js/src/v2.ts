// A drop-in for code written for version 2.1.0 of the report's client: one instance, callbacks, and
// the channel `diagnosis:{executionId}`. In: its calls. Out: its callbacks, from a link of today:
// after `onFallback` events go on arriving. Works in browsers and in mini-programs.

import type { ConnectOptions } from "./client.js";
import { Clock } from "./clock.js";
import type { SteadfastError } from "./errors.js";
import type { FullClient } from "./full_client.js";
import { connect as connectPage } from "./index.js";
import type { LinkState, Reason } from "./link/state.js";
import { connect as connectMiniProgram } from "./wechat.js";

/** What such code is told. `data` is what the backend published. */
export interface Callbacks {
  onConnected?(): unknown;
  onDisconnected?(about: { reason: Reason }): unknown;
  onProgress?(data: unknown): unknown;
  onResult?(data: unknown): unknown;
  onComplete?(data: unknown): unknown;
  /** What the backend published, or why the channel cannot be followed. */
  onError?(error: unknown): unknown;
  /** Events arrive by polling from now on. */
  onFallback?(): unknown;
  onStateChange?(newState: LinkState, oldState: LinkState): unknown;
}

/** As such code reads it. */
export interface ConnectionStatistics {
  totalReconnects: number;
  successfulReconnects: number;
  failedReconnects: number;
  lastConnectedAt: string | null;
  lastDisconnectedAt: string | null;
  /** In milliseconds. */
  totalDowntime: number;
  /** Two decimals and a percent sign. */
  availability: string;
}

/** Where the server is, and all else that a client may be made with. */
export type Settings = Partial<ConnectOptions>;

/** The states by the names that such code has for them. */
export const ConnectionState = {
  DISCONNECTED: "disconnected",
  CONNECTING: "connecting",
  CONNECTED: "connected",
  RECONNECTING: "reconnecting",
  FALLBACK: "fallback",
} as const;

/** What adds up over connections. */
interface Account {
  totalReconnects: number;
  successfulReconnects: number;
  failedReconnects: number;
  totalDowntime: number;
  /** Time in which a connection was wanted. */
  wanted: number;
}

const NOTHING: Account = {
  totalReconnects: 0,
  successfulReconnects: 0,
  failedReconnects: 0,
  totalDowntime: 0,
  wanted: 0,
};

const plus = (one: Account, two: Account, sign: 1 | -1 = 1): Account => ({
  totalReconnects: one.totalReconnects + sign * two.totalReconnects,
  successfulReconnects: one.successfulReconnects + sign * two.successfulReconnects,
  failedReconnects: one.failedReconnects + sign * two.failedReconnects,
  totalDowntime: one.totalDowntime + sign * two.totalDowntime,
  wanted: one.wanted + sign * two.wanted,
});

/** A page's own server; elsewhere there is none. */
const ownServer = (): string => (typeof location === "object" ? location.origin : "");

/** The client of version 2.1.0, as far as it is seen from outside. */
export class WebSocketClient {
  private readonly clock = new Clock();
  private settings: Settings = {};
  private client: FullClient | undefined;
  private past = NOTHING;
  private wantedSince: number | undefined;
  private wanted = 0;
  private attemptsBefore = 0;
  private lastConnectedAt: string | null = null;
  private lastDisconnectedAt: string | null = null;

  /** Says where the server is, before `connect`; a page's own server is the default. */
  configure(settings: Settings): void {
    this.settings = { ...this.settings, ...settings };
  }

  /** Follows an execution, from its first event on; what was followed before is left. */
  connect(executionId: string, callbacks: Callbacks = {}): void {
    this.disconnect();
    this.retire();
    const { url = ownServer(), ...settings } = this.settings;
    const isMiniProgram = typeof wx === "object" && Boolean(wx.connectSocket);
    const connect = isMiniProgram ? connectMiniProgram : connectPage;
    const client = (this.client = connect({ storage: false, ...settings, url }));
    this.wantedSince = this.clock.now();
    // One for each callback: none is left out for what another throws.
    client.onStateChange((state, old, reason) => this.enter(state, old, reason));
    client.onStateChange((state, old) => callbacks.onStateChange?.(state, old));
    client.onStateChange((state, old, reason) => {
      if (state === "connected") callbacks.onConnected?.();
      else if (old === "connected") callbacks.onDisconnected?.({ reason });
    });
    client.onStateChange((state) => {
      if (state === "fallback") callbacks.onFallback?.();
    });
    client.subscribe(`diagnosis:${executionId}`, {
      onEvent: ({ event, data }) => {
        if (event === "progress") callbacks.onProgress?.(data);
        if (event === "result") callbacks.onResult?.(data);
        if (event === "complete") callbacks.onComplete?.(data);
        if (event === "error") callbacks.onError?.(data);
      },
      onError: (error: SteadfastError) => callbacks.onError?.(error),
    });
  }

  /** Ends the connection. */
  disconnect(): void {
    this.client?.close();
  }

  /** One of {@link ConnectionState}. */
  getConnectionStatus(): LinkState {
    return this.client?.state ?? "disconnected";
  }

  isConnected(): boolean {
    return this.getConnectionStatus() === "connected";
  }

  /** Attempts since the connection was last there. */
  getReconnectAttempts(): number {
    return this.isConnected() ? 0 : this.account().totalReconnects - this.attemptsBefore;
  }

  getStatistics(): ConnectionStatistics {
    const { wanted, ...account } = plus(this.past, this.account());
    const up = Math.max(wanted - account.totalDowntime, 0);
    const flows = this.isConnected() || this.getConnectionStatus() === "fallback";
    const share = wanted > 0 ? (up / wanted) * 100 : flows ? 100 : 0;
    const { lastConnectedAt, lastDisconnectedAt } = this;
    // Rounded down: what was not all the time is not shown as all of it.
    const availability = `${(Math.floor(share * 100) / 100).toFixed(2)}%`;
    return { ...account, lastConnectedAt, lastDisconnectedAt, availability };
  }

  resetStatistics(): void {
    this.past = plus(NOTHING, this.account(), -1);
    this.lastConnectedAt = this.lastDisconnectedAt = null;
  }

  private enter(state: LinkState, old: LinkState, reason: Reason): void {
    const { lastConnectedAt, lastDisconnectedAt } = this.client!.getStatistics();
    if (state === "connected") this.lastConnectedAt = lastConnectedAt;
    if (old === "connected") this.lastDisconnectedAt = lastDisconnectedAt;
    if (state === "connected") this.attemptsBefore = this.account().totalReconnects;
    const isAtRest = state === "disconnected" && (reason === "closed" || reason === "finished");
    if (isAtRest) this.stopWanting();
  }

  private stopWanting(): void {
    if (this.wantedSince !== undefined) this.wanted += this.clock.now() - this.wantedSince;
    this.wantedSince = undefined;
  }

  /** What the connection of now adds. */
  private account(): Account {
    if (!this.client) return NOTHING;
    const { totalReconnects, successfulReconnects, failedReconnects, totalDowntime } =
      this.client.getStatistics();
    const since = this.wantedSince;
    const wanted = this.wanted + (since === undefined ? 0 : this.clock.now() - since);
    return { totalReconnects, successfulReconnects, failedReconnects, totalDowntime, wanted };
  }

  /** The connection of now is one of the past. */
  private retire(): void {
    this.stopWanting();
    this.past = plus(this.past, this.account());
    this.client = undefined;
    this.wanted = 0;
    this.attemptsBefore = 0;
  }
}

/** The one instance that such code imports. */
export default new WebSocketClient();
