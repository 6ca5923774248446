// Twin of crates/link/src/coordinator.rs. The machine: one link, kept alive. In: what happened, and
// when. Out: what to do, what to tell the app, and when to be woken. Must not know a URL, a clock,
// a socket or a thread.
//
// resting ──connect──▶ trying ──welcome──▶ live      any ──offline──▶ offline ──online──▶ trying
//    ▲                  │  ▲ ▲──────loss────┘ ▲       any ──close, finished, rejected──▶ resting
//    └──never───────────┘  └──lost── polling ─┘ every channel followed

import { Rng } from "../machine/rng.js";
import { type Millis, NEVER } from "../machine/time.js";
import { type Wake, earliest } from "../machine/wake.js";
import type {
  MessagesPart,
  Parts,
  PublishingPart,
  QualityPart,
  StatisticsPart,
} from "../parts/parts.js";
import type { ClientFrame } from "../protocol/frame/client.js";
import type { ChannelName, Generation } from "../protocol/name.js";
import type { Position } from "../protocol/position.js";
import { type Bounded, type Config, bounded } from "./config.js";
import { type Credential, newCredential } from "./credential.js";
import type { Renewal } from "./credential/renewal.js";
import { bounds, newDevice } from "./device.js";
import { type Health, newHealth } from "./health.js";
import type { Input, SocketId } from "./input.js";
import * as app from "./coordinator/app.js";
import * as attempt from "./coordinator/attempt.js";
import * as device from "./coordinator/device.js";
import * as fallback from "./coordinator/fallback.js";
import * as frame from "./coordinator/frame.js";
import * as polls from "./coordinator/polls.js";
import * as returning from "./coordinator/returning.js";
import * as timers from "./coordinator/timers.js";
import type { Notice, Output } from "./output.js";
import { newFramePacer, onSent } from "./pacer.js";
import type { Phase } from "./phase.js";
import { type Poller, newPoller } from "./poller.js";
import type { LinkState, Reason } from "./state.js";
import { type Subscriptions, find, newSubscriptions } from "./subscriptions.js";
import { type Connector, newConnector } from "./connector.js";

type Handler = (link: Link, now: Millis, input: never) => void;

/**
 * What is done about each kind of input; nothing but what is due about one that is not here. Not by
 * property, since apps name kinds too, and a minifier does not know those.
 */
const HANDLERS = new Map<Input["kind"], Handler>([
  ["connect", app.onConnect],
  ["subscribe", app.onSubscribe],
  ["unsubscribe", app.onUnsubscribe],
  ["publish", (link, now, input) => link.publisher?.onPublish(link, now, input)],
  ["token", app.onToken],
  ["token_unavailable", app.onTokenUnavailable],
  ["close", app.onClose],
  ["retry", app.onRetry],
  ["online", device.onOnline],
  ["offline", device.onOffline],
  ["network_changed", device.onNetworkChanged],
  ["weak_network", device.onWeakNetwork],
  ["resumed", device.onResumed],
  ["foreground", device.onForeground],
  ["background", device.onBackground],
  ["socket_opened", attempt.onSocketOpened],
  ["socket_failed", attempt.onSocketFailed],
  ["socket_frame", frame.onSocketFrame],
  ["socket_alive", frame.onSocketAlive],
  ["socket_closed", attempt.onSocketClosed],
  ["polled", polls.onPolled],
  ["probed", fallback.onProbed],
]);

/**
 * One link: made once, driven by a shell for as long as the app wants it.
 *
 * Call `handle` with each input, then `poll` until it gives nothing, and hand in a tick no later
 * than `wake` says. Time never goes back. Inputs about sockets and polls that the link has closed
 * or cancelled are ignored. What is not a method is for the files of the folder beside this one.
 */
export class Link {
  /** What the app is shown. */
  state: LinkState = "disconnected";
  /** Why the link is in that state; `closed` before the app first asked. */
  reason: Reason = "closed";
  readonly settings: Bounded;
  readonly rng: Rng;
  phase: Phase = "resting";
  readonly subscriptions: Subscriptions;
  readonly publisher: PublishingPart | undefined;
  readonly pacer = newFramePacer();
  readonly connector: Connector;
  readonly poller: Poller;
  readonly credential: Credential;
  readonly record: StatisticsPart | undefined;
  readonly device = newDevice();
  readonly health: Health;
  readonly messages: MessagesPart | undefined;
  readonly quality: QualityPart | undefined;
  readonly out: Output[] = [];
  now: Millis = 0;
  generation: Generation = 0;
  /** The version of the token in the newest `hello`, or in the newest `refresh` that was taken. */
  sessionTokenVersion = 0;
  /** The end of the session's token, where the server has told it. */
  renewal: Renewal | undefined;
  /** When that was sent. */
  helloSentAt: Millis = 0;
  isOnline = true;
  /** Whether a session was welcomed since the app asked. */
  hasConnected = false;

  /** A link at rest, with these parts. Spans of nothing in `config` are taken as 1 ms. */
  constructor(config: Config, parts: Parts) {
    this.settings = bounded(config);
    this.rng = new Rng(config.seed);
    this.subscriptions = newSubscriptions(config.channelsMax);
    this.credential = newCredential(config.token);
    this.publisher = parts.publishing?.();
    this.record = parts.statistics?.();
    this.messages = parts.messages?.();
    this.quality = parts.quality?.();
    this.connector = newConnector(this.settings, this.rng, parts);
    this.poller = newPoller(this.settings, this.rng);
    this.health = newHealth(bounds(this.device, this.settings), this.quality);
  }

  /**
   * The last event of a channel that the app has been handed; nothing where the channel is not
   * followed, or nothing is known of it yet.
   */
  position(channel: ChannelName): Position | undefined {
    return find(this.subscriptions, channel)?.position;
  }

  /** Tells the app. */
  readonly tell = (notice: Notice): void => {
    this.out.push(notice);
  };

  /** Says something on a socket. */
  send(socket: SocketId, frame: ClientFrame): void {
    onSent(this.pacer, this.now);
    this.out.push({ kind: "send", socket, frame });
  }

  /** Takes one input at `now`. Everything that follows from it waits in {@link Link.poll}. */
  handle(now: Millis, input: Input): void {
    now = Math.max(now, this.now);
    const hasSlept = device.noticeSleep(this, now);
    this.now = now;
    this.messages?.noteInput(this, now, input);
    HANDLERS.get(input.kind)?.(this, now, input as never);
    // Not before: the input may be the answer to one of them.
    if (hasSlept) returning.cancelPolls(this);
    timers.run(this, now);
    this.quality?.update(this, now);
    this.messages?.tell(this, now);
  }

  /** The next thing to do, in order; nothing when there is nothing left. */
  poll(): Output | undefined {
    return this.out.shift();
  }

  /** When to hand in a tick at the latest; nothing when only an input can change things. */
  wake(): Wake | undefined {
    return earliest(timers.nextWake(this), this.messages?.wake(this) ?? NEVER);
  }
}
