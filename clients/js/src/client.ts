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
import { Link } from "./link/coordinator.js";
import type { Message } from "./link/message.js";
import type { Notice, Output } from "./link/output.js";
import type { QualityReport } from "./link/quality.js";
import type { LinkState, Reason } from "./link/state.js";
import { Listeners, reporter } from "./notices.js";
import type { Report } from "./notices.js";
import type { ClientInfo } from "./protocol/frame/client.js";
import { isChannelName, utf8Length } from "./protocol/name.js";
import { type Position, type Since, isSince } from "./protocol/position.js";
import type { PublishOptions } from "./publish.js";
import { Tickets, badName } from "./publish.js";
import type { PositionStorage } from "./storage.js";
import { Positions, loadNetworks, saveNetworks } from "./storage.js";
import type { ChannelNotice, SubscribeOptions } from "./subscription.js";
import { Subscription } from "./subscription.js";
import type { TokenSource, TokenWish } from "./token.js";
import { askToken } from "./token.js";
import type { Transport } from "./transport.js";
import { NetworkIo } from "./network_io.js";

/** Where what is remembered of networks is stored. */
const NETWORKS_KEY = "steadfast:networks";
/** This library's version. */
export const VERSION = "0.1.0";

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

/** How a link has fared; right at the instant it was asked for. */
export interface Statistics {
  /** Attempts begun, but for the first. */
  readonly totalReconnects: number;
  /** Those of them that were welcomed. */
  readonly successfulReconnects: number;
  /** Those of them that were not, or were given up. */
  readonly failedReconnects: number;
  /** When a session was last welcomed: RFC 3339. */
  readonly lastConnectedAt: string | null;
  /** When the link last ceased to be `connected`. */
  readonly lastDisconnectedAt: string | null;
  /** Time without data flowing, in milliseconds. */
  readonly totalDowntime: number;
  /** Time with data flowing, by WebSocket or polling: 0 to 100, two decimals. */
  readonly availability: number;
  /** The same for WebSocket alone. */
  readonly realtimeAvailability: number;
}

/** One link, kept alive until it is closed. */
export class Client {
  /** What the link is at; {@link Client.onStateChange} tells each change. */
  state: LinkState = "disconnected";
  /** Why. */
  reason: Reason = "closed";
  /** What people are to be told now, if anything: its text is in `steadfast/texts`. */
  notices: Message | null = null;
  declare readonly [Symbol.dispose]: () => void;

  private readonly clock = new Clock();
  private readonly report: Report;
  private readonly link: Link;
  private readonly driver: Driver;
  private readonly network: NetworkIo;
  private readonly positions: Positions;
  private readonly memory: PositionStorage | undefined;
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly tickets = new Tickets();
  /** Those that have ended, while whoever iterates over them has not come to the end. */
  private readonly unread = new Set<Subscription>();
  /** What waits for that to be told. */
  private late: StateChange | undefined;
  private readonly stateListeners: Listeners<[LinkState, LinkState, Reason]>;
  private readonly qualityListeners: Listeners<[QualityReport]>;
  private readonly noticeListeners: Listeners<[Message | null]>;
  private readonly stopLifecycle: () => void;
  private readonly begun: Promise<void>;
  private tokenWish: TokenWish = "first";
  private hasBegun = false;
  private isClosed = false;

  /** For entries alone: apps call `connect`. */
  constructor(
    private readonly options: ConnectOptions,
    platform: Platform,
  ) {
    const urls = new Array<string>().concat(options.url);
    const endpoints = (urls.length ? urls : [""]).map(endpoint);
    const report = (this.report = reporter(options.onError));
    this.stateListeners = new Listeners(report);
    this.qualityListeners = new Listeners(report);
    this.noticeListeners = new Listeners(report);
    const { storage = platform.storage } = options;
    this.positions = new Positions(storage || undefined, options.key ?? platform.key);
    this.memory = (options.storage ?? platform.memory) || undefined;
    const networks = loadNetworks(this.memory, NETWORKS_KEY, this.clock.wall());
    this.link = new Link({ ...config(options, platform), endpoints: endpoints.length, networks });
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
   * Publishes an event where the token permits it. Resolves once the server has it, rejects with a
   * {@link SteadfastError}; without a session it waits for one.
   */
  publish(
    channel: string,
    event: string,
    data?: unknown,
    options: PublishOptions = {},
  ): Promise<Position> {
    return this.tickets.take(channel, event, data, options, (input) => {
      if (this.hasBegun) this.driver.feed(input);
      else void this.begun.then(() => this.driver.feed(input));
    });
  }

  /** Calls back for every change of state, in order; gives back how to end that. */
  onStateChange(
    listener: (newState: LinkState, oldState: LinkState, reason: Reason) => unknown,
  ): () => void {
    return this.stateListeners.add(listener);
  }

  /** How good the link is at this instant. */
  get quality(): QualityReport {
    return this.link.quality(this.clock.now());
  }

  /** Calls back whenever its grade changes. */
  onQuality(listener: (quality: QualityReport) => unknown): () => void {
    return this.qualityListeners.add(listener);
  }

  /** Calls back whenever something else is to be told to people, or nothing any more. */
  onNotice(listener: (notice: Message | null) => unknown): () => void {
    return this.noticeListeners.add(listener);
  }

  /** How the link has fared. */
  getStatistics(): Statistics {
    const now = this.clock.now();
    const { lastAnswerRtt: _, ...drawn } = this.link.statistics(now);
    const date = (at: number | undefined): string | null =>
      at === undefined ? null : this.clock.date(at);
    return {
      ...drawn,
      lastConnectedAt: date(drawn.lastConnectedAt),
      lastDisconnectedAt: date(drawn.lastDisconnectedAt),
      availability: drawn.availability / 100,
      realtimeAvailability: drawn.realtimeAvailability / 100,
    };
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
    const networks = this.link.networks(this.clock.now());
    saveNetworks(this.memory, NETWORKS_KEY, this.clock.wall(), networks);
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
    switch (notice.kind) {
      case "state":
        return this.change(notice);
      case "quality": {
        const { kind: _, ...report } = notice;
        return this.qualityListeners.tell(report);
      }
      case "message":
        this.notices = notice.message;
        return this.noticeListeners.tell(notice.message);
      case "published":
      case "publish_failed":
        return this.tickets.answer(notice);
      default:
        return this.route(notice);
    }
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
    const text = `the link was rejected: ${refusal?.text ?? "see `notices`"}`;
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
