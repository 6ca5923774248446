// Twin of crates/link/src/config.rs. What a link is set up with. Every duration is in milliseconds.

import { type Span, seconds } from "../machine/time.js";
import type { ClientInfo, Token } from "../protocol/frame/client.js";
import type { LinkId } from "../protocol/name.js";
import { ENDPOINTS_MAX } from "./connector/endpoints.js";
import type { NetworkRecord } from "./connector/network_history.js";

/**
 * How a dead peer is noticed. Adaptive: by what the path is like: doubt and a second question after
 * a soft deadline, the verdict after a hard one, which is never later than the heartbeat's timeout.
 * Fixed: by the heartbeat's interval and timeout alone.
 */
export type Detection = "adaptive" | "fixed";

/** Settings of one link. The defaults are those of the product's promises. */
export interface Config extends LinkSettings {
  /** The link's id: random, made by the shell, kept for the link's life. */
  readonly link: LinkId;
  /** Who is speaking, for operators. */
  readonly client?: ClientInfo | undefined;
  /** The first token, where the server wants one. */
  readonly token?: Token | null | undefined;
  /** The seed of all jitter. */
  readonly seed: number;
  /**
   * How many endpoints the service has, 1 to 8; outputs name them by number from 0. Default 1.
   */
  readonly endpoints?: number;
  /** What is remembered of networks, as `Link.networks` gave it. Default nothing. */
  readonly networks?: readonly NetworkRecord[];
}

/** Settings within their bounds. */
export type Bounded = Config & Required<Pick<Config, "endpoints" | "networks">>;

/** Those that an app may choose. */
export interface LinkSettings {
  /** The first reconnect delay; doubled for each further attempt. Default 1 s. */
  readonly backoffMinMs: Span;
  /** The largest delay before jitter. Default 30 s. */
  readonly backoffMaxMs: Span;
  /** How far jitter goes either way, in percent, applied after the cap. Default 30. */
  readonly jitterPercent: number;
  /** No attempt comes sooner than this, but the first after a change of network. Default 1 s. */
  readonly delayFloorMs: Span;
  /** A session that held this long, and answered a heartbeat, resets the attempts. Default 30 s. */
  readonly stableAfterMs: Span;
  /** How long opening and welcome together may take. Default 8 s. */
  readonly connectTimeoutMs: Span;
  /** The proposed silence between heartbeats. Default 15 s. */
  readonly heartbeatIntervalMs: Span;
  /** How long an answer is waited for. Default 10 s. */
  readonly heartbeatTimeoutMs: Span;
  /** How often health is looked at. Default 5 s. */
  readonly healthIntervalMs: Span;
  /** Silence after which the link pings. Default 60 s. */
  readonly idlePingMs: Span;
  /**
   * Silence after which the link closes and reconnects; at the first look after the ping at the
   * soonest. Default 120 s.
   */
  readonly idleCloseMs: Span;
  /**
   * How a dead peer is noticed. Default adaptive; the settings from here to `backgroundIntervalMs`
   * matter only there, but for `probeHardMs`.
   */
  readonly detection: Detection;
  /**
   * The least wait before an answer is doubted, where something came in the last 5 s or the network
   * has no radio to wake. Default 1 s.
   */
  readonly softWarmMinMs: Span;
  /** The same on any other path. Default 2 s. */
  readonly softColdMinMs: Span;
  /** The longest such wait. Default 5 s. */
  readonly softMaxMs: Span;
  /**
   * The least wait before a silent peer counts as dead; the longest is the heartbeat's timeout.
   * Default 4 s.
   */
  readonly hardMinMs: Span;
  /** After sleep or a change of network, the wait before an answer is doubted. Default 2 s. */
  readonly probeSoftMs: Span;
  /** The same before a silent peer counts as dead. Default 4 s. */
  readonly probeHardMs: Span;
  /**
   * The interval of heartbeats while nobody looks at the app, where that is longer. Default 55 s.
   */
  readonly backgroundIntervalMs: Span;
  /**
   * While nobody looks at the app, the first attempt after a loss is spread over this. Default 5 s.
   */
  readonly backgroundSpreadMs: Span;
  /** Attempts after which polling begins at the latest. Default 10. */
  readonly fallbackAttempts: number;
  /** Effort after which polling begins while HTTP gets through. Default 6 s. */
  readonly fallbackEffortMs: Span;
  /** How long a poll may wait at the server. Default 25 s. */
  readonly pollWaitMs: Span;
  /**
   * The pause before WebSocket is tried again while polling; doubled up to the largest. Default
   * 30 s.
   */
  readonly returnMinMs: Span;
  /**
   * The largest such pause: short enough that the link is back within a minute of WebSocket getting
   * through, an attempt that failed just then included. Default 35 s.
   */
  readonly returnMaxMs: Span;
  /** The most channels followed at once. Default 128. */
  readonly channelsMax: number;
  /** Whether the app is told what to tell people. Default yes. */
  readonly messages: boolean;
  /** The most bytes of data and names that may wait to be published or be unanswered. */
  readonly publishBytesMax: number;
  /** The most publishes that may wait or be unanswered. Default 256. */
  readonly publishMessagesMax: number;
}

/** The defaults of all that an app may choose. */
export const DEFAULTS: LinkSettings = {
  backoffMinMs: seconds(1),
  backoffMaxMs: seconds(30),
  jitterPercent: 30,
  delayFloorMs: seconds(1),
  stableAfterMs: seconds(30),
  connectTimeoutMs: seconds(8),
  heartbeatIntervalMs: seconds(15),
  heartbeatTimeoutMs: seconds(10),
  healthIntervalMs: seconds(5),
  idlePingMs: seconds(60),
  idleCloseMs: seconds(120),
  detection: "adaptive",
  softWarmMinMs: seconds(1),
  softColdMinMs: seconds(2),
  softMaxMs: seconds(5),
  hardMinMs: seconds(4),
  probeSoftMs: seconds(2),
  probeHardMs: seconds(4),
  backgroundIntervalMs: seconds(55),
  backgroundSpreadMs: seconds(5),
  fallbackAttempts: 10,
  fallbackEffortMs: seconds(6),
  pollWaitMs: seconds(25),
  returnMinMs: seconds(30),
  returnMaxMs: seconds(35),
  channelsMax: 128,
  messages: true,
  publishBytesMax: 256 * 1024,
  publishMessagesMax: 256,
};

/** The largest span: every draw fits 32 bits. */
const SPAN_MAX: Span = 2 ** 32 - 1;

/**
 * The same settings, each within what the machine can keep: no span of nothing, so that no deadline
 * is due for ever, and none above 49 days, so that every draw fits 32 bits.
 */
export function bounded(config: Config): Bounded {
  const spans = Object.entries(config).map(([name, value]) => {
    const isSpan = name.endsWith("Ms");
    return [name, isSpan ? Math.min(Math.max(value as Span, 1), SPAN_MAX) : value] as const;
  });
  const settings = Object.fromEntries(spans) as unknown as Config;
  return {
    networks: [],
    ...settings,
    // Otherwise the answer to a ping would be overdue before it was asked for.
    idleCloseMs: Math.max(settings.idleCloseMs, settings.idlePingMs + settings.healthIntervalMs),
    endpoints: Math.min(Math.max(config.endpoints ?? 1, 1), ENDPOINTS_MAX),
    jitterPercent: Math.min(config.jitterPercent, 100),
  };
}
