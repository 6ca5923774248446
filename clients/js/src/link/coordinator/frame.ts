// Twin of crates/link/src/coordinator/frame.rs. What the server says on a session. In: its frames.
// Out: events and other notices for the app, answers for the server, and another request where
// something is missing.

import { type Millis, NEVER, seconds } from "../../machine/time.js";
import type {
  ErrorFrame,
  GoAway,
  HeartbeatAck,
  ServerFrame,
  Subscribed,
} from "../../protocol/frame/server.js";
import type { ChannelName } from "../../protocol/name.js";
import { jittered } from "../backoff.js";
import type { Link } from "../coordinator.js";
import * as health from "../health.js";
import type { Input, SocketId } from "../input.js";
import * as subscriptions from "../subscriptions.js";
import type { Continuity, Subscription } from "../subscriptions/subscription.js";
import {
  isFollowed,
  onEvent,
  onSubscribed as onChannelSubscribed,
  onSuperseded,
  retryAt,
  retryLater,
  tryResubscribe,
} from "../subscriptions/subscription.js";
import { leave, sayUnsubscribe, subscribe } from "./app.js";
import { onWelcome } from "./attempt.js";
import { stage } from "./dials.js";
import { sendTimed } from "./measurements.js";
import { onSessionEnd, rest, restIfFinished } from "./reconnect.js";
import { onRefreshError, onRefreshed } from "./refresh.js";
import { returnIfProven } from "./returning.js";
import { clearSessionDoubt } from "./successor.js";

/** The pause before a channel is asked for again that the server could not serve. */
const AGAIN_AFTER = seconds(5);
/** The longest that a server may put off a leave it asks for. */
const LEAVE_MAX = seconds(3600);

export function onSocketFrame(
  link: Link,
  now: Millis,
  { socket, frame }: Input & { kind: "socket_frame" },
): void {
  switch (stage(link, socket)) {
    case "handshake":
      // The session begins with its welcome; nothing before it counts.
      if (frame.type === "welcome") onWelcome(link, now, socket, frame);
      return;
    case "welcomed":
      health.onActivity(link.health, now);
      return onSessionFrame(link, now, socket, frame);
    case "opening":
    case undefined:
      return;
  }
}

export function onSocketAlive(
  link: Link,
  now: Millis,
  { socket }: Input & { kind: "socket_alive" },
): void {
  if (stage(link, socket) === "welcomed") health.onActivity(link.health, now);
}

function onSessionFrame(link: Link, now: Millis, socket: SocketId, frame: ServerFrame): void {
  switch (frame.type) {
    case "subscribed":
      return onSubscribed(link, now, frame);
    case "event":
      link.quality?.onEvent(link, now, frame);
      return deliverInOrder(link, now, frame.channel, (one) => onEvent(one, frame, link.tell));
    case "superseded":
      return deliverInOrder(link, now, frame.channel, (one) => onSuperseded(one, frame));
    case "finished":
      return onFinished(link, now, frame.channel);
    case "heartbeat_ack":
      return onHeartbeatAck(link, now, frame);
    case "ping":
      return link.send(socket, { type: "pong", id: frame.id });
    case "go_away":
      return onGoAway(link, now, frame);
    case "error":
      return onError(link, now, frame);
    case "published":
      return link.publisher?.onPublished(link, frame);
    case "refreshed":
      return onRefreshed(link, now, frame);
    case "welcome":
    case "pong":
      return;
    default:
      // A new type of frame does not compile until it has a case.
      frame satisfies never;
  }
}

function onSubscribed(link: Link, now: Millis, frame: Subscribed): void {
  const { channel, id } = frame;
  if (!subscriptions.find(link.subscriptions, channel)) {
    // Left after `hello` had asked for it.
    if (id === undefined) sayUnsubscribe(link, now, channel);
    return;
  }
  deliverInOrder(link, now, channel, (one) =>
    onChannelSubscribed(one, frame, subscriptions.readNumber(id), link.tell),
  );
  returnIfProven(link, now);
}

/**
 * Hands a frame to its channel. Where something is missing, nothing of it was told: the channel is
 * asked for again from the app's position, and if that does not mend it, the session is given up.
 */
function deliverInOrder(
  link: Link,
  now: Millis,
  channel: ChannelName,
  take: (one: Subscription) => Continuity,
): void {
  const subscription = subscriptions.find(link.subscriptions, channel);
  if (subscription && take(subscription) === "broken") resubscribe(link, now, subscription);
}

/** Asks again for a channel whose pause is over, or whose request was not answered. */
export function askAgain(link: Link, now: Millis, id: number): void {
  const subscription = subscriptions.byId(link.subscriptions, id);
  if (!subscription) return;
  if (subscription.progress.kind === "asked") resubscribe(link, now, subscription);
  else if (retryAt(subscription) < NEVER) subscribe(link, now, id);
}

function resubscribe(link: Link, now: Millis, subscription: Subscription): void {
  if (tryResubscribe(subscription)) subscribe(link, now, subscription.id, true);
  else onSessionEnd(link, now, { kind: "unrecoverable" });
}

function onFinished(link: Link, now: Millis, channel: ChannelName): void {
  const subscription = subscriptions.find(link.subscriptions, channel);
  if (subscription && isFollowed(subscription)) finish(link, now, subscription.id, channel);
}

/** A channel has ended, and its app has all of it. */
export function finish(link: Link, now: Millis, id: number, channel: ChannelName): void {
  link.tell({ kind: "finished", channel });
  leave(link, id);
  if (subscriptions.onFinished(link.subscriptions)) restIfFinished(link, now);
  returnIfProven(link, now);
}

function onHeartbeatAck(link: Link, now: Millis, frame: HeartbeatAck): void {
  const rtt = health.onHeartbeatAck(link.health, now, frame);
  if (rtt === undefined) return;
  link.record?.answer(rtt);
  onAnswered(link, now);
}

function onGoAway(link: Link, now: Millis, frame: GoAway): void {
  const spread = link.rng.between(0, Math.min(frame.spread_ms, LEAVE_MAX));
  if (!link.health.session) return;
  health.onGoAway(link.health, now + Math.min(frame.after_ms, LEAVE_MAX) + spread);
  link.connector.endpoints.to = frame.to ?? null;
}

function onError(link: Link, now: Millis, frame: ErrorFrame): void {
  if (link.publisher?.onError(link, now, frame) || onRefreshError(link, now, frame)) return;
  const { id, channel } = frame;
  const subscription =
    id !== undefined
      ? subscriptions.byRequest(link.subscriptions, id)
      : channel == null
        ? undefined
        : subscriptions.find(link.subscriptions, channel);
  if (!subscription) return;
  if (frame.retry) askAgainLater(link, now, subscription);
  else refuse(link, now, subscription, frame.code, frame.message);
}

/** The server will not serve a channel. */
export function refuse(
  link: Link,
  now: Millis,
  { id, channel }: Subscription,
  code: string,
  message: string,
): void {
  link.tell({ kind: "refused", channel, code, message });
  leave(link, id);
  if (subscriptions.isEmpty(link.subscriptions)) rest(link, now, "rejected");
  else returnIfProven(link, now);
}

function askAgainLater(link: Link, now: Millis, subscription: Subscription): void {
  // Else it goes on being followed, or waits for its turn already.
  if (subscription.progress.kind !== "asked") return;
  const pause = jittered(AGAIN_AFTER, link.settings.jitterPercent, link.rng);
  retryLater(subscription, now + pause);
}

/**
 * The newest heartbeat was answered. Where the warm path has not been measured for long, another
 * one follows: only now is the path sure to be warm.
 */
export function onAnswered(link: Link, now: Millis): void {
  link.connector.networks?.clear();
  clearSessionDoubt(link);
  returnIfProven(link, now);
  if (!health.wantsEcho(link.health, now)) return;
  sendTimed(link, now, health.echo(link.health, now, link.settings));
}
