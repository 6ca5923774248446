/// <reference lib="esnext.disposable" preserve="true" />
// Twin of crates/client/src/client.rs. What an app holds: a link that is kept alive for it, the
// channels that it follows, what it publishes. In: the app's wishes. Out: events, states, and what
// people are to be told. Knows no platform: an entry gives it one.

import { Clock } from "./clock.js";
import type { Machine } from "./driver.js";
import { Driver } from "./driver.js";
import { endpoint } from "./endpoint.js";
import { SteadfastError } from "./errors.js";
import type { DeviceInput, Lifecycle } from "./lifecycle.js";
import type { Config, LinkSettings } from "./link/config.js";
import { DEFAULTS } from "./link/config.js";
import type { Input } from "./link/input.js";
import { nextAttemptAt } from "./link/connector.js";
import { Link } from "./link/coordinator.js";
import type { Notice, Output } from "./link/output.js";
import type { LinkState, Reason } from "./link/state.js";
import type { Parts } from "./parts/parts.js";
import { badName } from "./names.js";
import { Listeners, reporter } from "./notices.js";
import type { Report } from "./notices.js";
import type { ClientInfo } from "./protocol/frame/client.js";
import { isChannelName, utf8Length } from "./protocol/name.js";
import { type Position, type Since, isSince } from "./protocol/position.js";
import type { Attached, Plugin } from "./plugin.js";
import type { PositionStorage } from "./storage.js";
import { Positions } from "./storage.js";
import type { ChannelNotice, SubscribeOptions } from "./subscription.js";
import { Subscription } from "./subscription.js";
import type { TokenSource, TokenWish } from "./token.js";
import { askToken } from "./token.js";
import type { Transport } from "./transport.js";
import { NetworkIo } from "./network_io.js";
import { VERSION } from "./version.js";


/** What a client is made with. */
export interface ConnectOptions {
  /** The server: `https://host`, or several that serve the same. */
  url: string | readonly string[];
  /**
   * The token, where the server wants one: one for the client's life, or how to get one, at first
   * and whenever the last is refused. Null says that there is none to be had, as where somebody has
   * signed out: where the server wants one, the link comes to rest. A function that throws, or
   * takes over 30 s, cannot say now: it is called again, after 1 s and then more rarely.
   */
  token?: TokenSource;
  /** What operators see of this client. Default: this library. */
  client?: ClientInfo;
  /** Where positions are kept over a reload. Default: what the platform has; false for nowhere. */
  storage?: PositionStorage | false;
  /** Which of the positions kept there. Default: those of this page or mini-program. */
  key?: string;
  /** Delays, timeouts and limits of the link, where they are to be others. */
  settings?: Partial<LinkSettings>;
  /** Another way to servers than the platform's. */
  transport?: Transport;
  /** Another source of what the device tells of itself. */
  lifecycle?: Lifecycle;
  /** Told what nobody waits for, such as what a callback threw. Default: the console, once. */
  onError?(error: SteadfastError): unknown;
}

/** Who takes which notices. */
interface Takers {
  get(kind: Notice["kind"]): ((notice: Notice) => void) | undefined;
  set<K extends Notice["kind"]>(kind: K, take: (notice: Notice & { kind: K }) => void): void;
}

type StateChange = Extract<Notice, { kind: "state" }>;

/** What an entry knows of its platform. */
export interface Platform {
  readonly name: string;
  readonly transport: Transport;
  readonly lifecycle: Lifecycle;
  /** For positions, by default. */
  readonly storage: PositionStorage | undefined;
  readonly key: string;
  /** For what is remembered of networks. */
  readonly memory: PositionStorage | undefined;
}

/** One link, kept alive until it is closed. */
export class Client {
  /** What the link is at; {@link Client.onStateChange} tells each change. */
  state: LinkState = "disconnected";
  /** Why. */
  reason: Reason = "closed";
  declare readonly [Symbol.dispose]: () => void;

  // What is for plugins.
  /** @internal */
  readonly clock = new Clock();
  /** @internal */
  readonly report: Report;
  /** @internal Made once the plugins are attached. */
  readonly link: Link;
  /** @internal */
  readonly memory: PositionStorage | undefined;
  /** @internal Who takes notices that are no channel's. */
  readonly takers = new Map() as Takers;
  private readonly driver: Driver;
  private readonly network: NetworkIo;
  private readonly positions: Positions;
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly attached: readonly Attached[];
  /** Those that have ended, while whoever iterates over them has not come to the end. */
  private readonly unread = new Set<Subscription>();
  /** What waits for that to be told. */
  private late: StateChange | undefined;
  private readonly stateListeners: Listeners<[LinkState, LinkState, Reason]>;
  private readonly stopLifecycle: () => void;
  private readonly begun: Promise<void>;
  private tokenWish: TokenWish = "first";
  private hasBegun = false;
  private isClosed = false;

  /** For entries alone: apps call `connect`. */
  constructor(
    private readonly options: ConnectOptions,
    platform: Platform,
    plugins: readonly Plugin[],
  ) {
    const urls = new Array<string>().concat(options.url);
    const endpoints = (urls.length ? urls : [""]).map(endpoint);
    const report = (this.report = reporter(options.onError));
    this.stateListeners = new Listeners(report);
    const { storage = platform.storage } = options;
    this.positions = new Positions(storage || undefined, options.key ?? platform.key);
    this.memory = (options.storage ?? platform.memory) || undefined;
    this.attached = plugins.map((plugin) => plugin.attach?.(this) ?? {});
    const networks = this.attached.flatMap((one) => one.networks ?? []);
    const parts = Object.assign({}, ...plugins.map((plugin) => plugin.parts)) as Parts;
    const own = { ...config(options, platform), endpoints: endpoints.length, networks };
    this.link = new Link(own, parts);
    for (const { api = {} } of this.attached) {
      Object.defineProperties(this, Object.getOwnPropertyDescriptors(api));
    }
    this.driver = new Driver(this.link as Machine, this.clock, (output) => this.perform(output));
    const feed = (input: Input): void => this.driver.feed(input);
    this.network = new NetworkIo(options.transport ?? platform.transport, endpoints, feed, report);
    const lifecycle = options.lifecycle ?? platform.lifecycle;
    this.stopLifecycle = lifecycle((input) => this.hear(input));
    if (Symbol.dispose) Object.assign(this, { [Symbol.dispose]: () => this.close() });
    this.begun = this.begin();
  }

  /** Follows a channel. Throws where it cannot be followed, or is already. */
  subscribe(channel: string, options: SubscribeOptions = {}): Subscription {
    if (this.isClosed) throw closed();
    if (!isChannelName(channel)) throw badName(channel);
    if (this.subscriptions.has(channel)) {
      const text = `${channel} is followed already: share that, or end it first`;
      throw new SteadfastError("already_subscribed", text);
    }
    const { since } = options;
    if (since != null && !isSince(since)) throw badSince(channel);
    const subscription = new Subscription(channel, options, this.home);
    this.subscriptions.set(channel, subscription);
    this.home.follow(channel, since ?? this.positions.of(channel) ?? "start");
    return subscription;
  }

  /**
   * In how many milliseconds the next attempt to get a session begins, also while the link polls;
   * null where none is planned, or one is under way.
   */
  get nextAttemptInMs(): number | null {
    const at = nextAttemptAt(this.link.connector);
    return at === undefined ? null : Math.max(at - this.clock.now(), 0);
  }

  /** Calls back for every change of state, in order; gives back how to end that. */
  onStateChange(
    listener: (newState: LinkState, oldState: LinkState, reason: Reason) => unknown,
  ): () => void {
    return this.stateListeners.add(listener);
  }

  /** Tries again after the link came to rest. Nothing happens while it is not, or was closed. */
  reconnect(): void {
    if (this.hasBegun && !this.isClosed) this.driver.feed({ kind: "connect" });
  }

  /**
   * Tries again now rather than when it is planned, as where somebody asks for it: within the floor
   * of a second and what the server asked for. A link at rest begins anew.
   */
  retry(): void {
    this.reconnect();
    if (!this.isClosed) this.driver.feed({ kind: "retry" });
  }

  /** Ends the link for good. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stopLifecycle();
    this.save();
    for (const subscription of this.subscriptions.values()) subscription.end(closed());
    this.driver.feed({ kind: "close" });
  }

  /** @internal */
  feedOnceBegun(input: Input): void {
    if (this.hasBegun) this.driver.feed(input);
    else void this.begun.then(() => this.driver.feed(input));
  }

  private readonly home = {
    report: (error: SteadfastError): void => this.report(error),
    follow: (channel: string, since: Since): void => {
      this.driver.feed({ kind: "subscribe", channel, since });
      this.reconnect();
    },
    leave: (subscription: Subscription, isOver: boolean): void => {
      const { channel } = subscription;
      if (this.subscriptions.get(channel) !== subscription) return;
      if (isOver) this.subscriptions.delete(channel);
      this.driver.feed({ kind: "unsubscribe", channel });
    },
    moved: (channel: string, position: Position): void => this.positions.move(channel, position),
    ended: (subscription: Subscription): void => {
      if (this.unread.delete(subscription) && !this.unread.size) this.tellLate();
    },
  };

  private async begin(): Promise<void> {
    await this.giveToken();
    this.hasBegun = true;
    this.reconnect();
  }

  /** At first, and whenever the link wants one. */
  private async giveToken(): Promise<void> {
    const why = this.link.credential.isEarly ? "expiring" : this.tokenWish;
    const token = await askToken(this.options.token, why, this.report);
    this.network.token = token ?? this.network.token;
    if (token === undefined) return this.driver.feed({ kind: "token_unavailable" });
    this.tokenWish = "refused";
    // None at first: perhaps the server wants none.
    if (this.hasBegun || token !== null) this.driver.feed({ kind: "token", token });
  }

  private hear(input: DeviceInput): void {
    if (input.kind === "background") this.save();
    this.driver.feed(input);
  }

  private save(): void {
    this.positions.save();
    for (const one of this.attached) one.save?.();
  }

  private perform(output: Output): void {
    switch (output.kind) {
      case "want_token":
        void this.giveToken();
        return;
      case "open_socket":
      case "send":
      case "close_socket":
      case "poll":
      case "cancel_poll":
      case "probe":
        return this.network.perform(output);
      default:
        return this.tell(output);
    }
  }

  private tell(notice: Notice): void {
    if (notice.kind === "state") return this.change(notice);
    const taker = this.takers.get(notice.kind);
    if (taker) taker(notice);
    else this.route(notice as ChannelNotice);
  }

  /** That all has finished is told behind the last event, which whoever iterates may yet read. */
  private change(change: StateChange): void {
    this.tellLate();
    if (change.reason === "finished" && this.unread.size) this.late = change;
    else this.enter(change);
  }

  private tellLate(): void {
    const { late } = this;
    this.late = undefined;
    if (late) this.enter(late);
  }

  private enter({ new: state, old, reason }: StateChange): void {
    this.state = state;
    this.reason = reason;
    this.stateListeners.tell(state, old, reason);
    if (state === "fallback") this.save();
    if (reason !== "rejected") return;
    const { refusal } = this.network;
    const why = refusal?.text ?? "there is no token, or no channel that it may follow";
    const text = `the link was rejected: ${why}`;
    const error = new SteadfastError("rejected", text, true, refusal?.cause);
    for (const subscription of [...this.subscriptions.values()]) subscription.reject(error);
  }

  private route(notice: ChannelNotice): void {
    const subscription = this.subscriptions.get(notice.channel);
    const isLast = notice.kind === "finished" || notice.kind === "refused";
    if (isLast) this.subscriptions.delete(notice.channel);
    subscription?.take(notice);
    if (isLast && subscription?.isBehind) this.unread.add(subscription);
  }
}

function config({ client, settings }: ConnectOptions, { name }: Platform): Config {
  const own = { name: "steadfast-js", version: VERSION, platform: name };
  const [link, seed] = [randomId(), Math.floor(Math.random() * 2 ** 32)];
  const info = { ...own, ...client };
  for (const field of ["name", "version", "platform"] as const) info[field] = clipped(info[field]);
  return { ...DEFAULTS, ...settings, link, seed, client: info };
}

/** As much of a text as a server accepts of a client's name, version or platform. */
function clipped(text: string): string {
  while (utf8Length(text) > 128) text = text.slice(0, text.length * 0.9);
  return text;
}

// A mini-program has none.
declare const crypto: { getRandomValues(bytes: Uint8Array): void } | undefined;

/** 128 random bits in hexadecimal. */
function randomId(): string {
  const bytes = Uint8Array.from({ length: 16 }, () => Math.random() * 256);
  if (typeof crypto === "object") crypto.getRandomValues(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const badSince = (channel: string): SteadfastError => {
  const help = 'write "start", "now", or {epoch, offset} with an integer from 0 to 2^53';
  return new SteadfastError("bad_since", `${channel} cannot start there: ${help}`);
};

const closed = (): SteadfastError => new SteadfastError("closed", "the client is closed");
