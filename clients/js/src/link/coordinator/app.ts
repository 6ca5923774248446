// Twin of crates/link/src/coordinator/app.rs. What the app asks: up, down, this channel, that
// token. In: its wishes. Out: what follows.

import type { Millis } from "../../machine/time.js";
import { TOO_MANY_CHANNELS } from "../../protocol/error.js";
import type { ChannelName } from "../../protocol/name.js";
import * as connector from "../connector.js";
import { waiting } from "../connector/attempt.js";
import { hasten, timeWhenAsked } from "../connector/timing.js";
import type { Link } from "../coordinator.js";
import * as credential from "../credential.js";
import type { Input } from "../input.js";
import * as pacer from "../pacer.js";
import * as poller from "../poller.js";
import * as subscriptions from "../subscriptions.js";
import { fallBackIfWanted } from "./fallback.js";
import { rest } from "./reconnect.js";
import { refreshSession } from "./refresh.js";
import { returnIfProven } from "./returning.js";
import { enterConnecting, enterOffline } from "./transitions.js";

export function onConnect(link: Link, now: Millis): void {
  if (link.phase !== "resting") return;
  link.hasConnected = false;
  if (link.isOnline) {
    link.connector.attempt = waiting(timeWhenAsked(link.connector, now));
    connector.connect(link.connector, now);
    enterConnecting(link, now, "asked");
    fallBackIfWanted(link, now);
  } else {
    enterOffline(link, now);
  }
}

/** An attempt that waits for its time need not wait any longer than it must. */
export function onRetry(link: Link, now: Millis): void {
  hasten(link.connector, now);
  credential.expedite(link.credential, now);
}

export function onSubscribe(
  link: Link,
  now: Millis,
  { channel, since }: Input & { kind: "subscribe" },
): void {
  const id = subscriptions.add(link.subscriptions, channel, since ?? "start");
  if (id === "known") return;
  if (id === "full") {
    const max = link.settings.channelsMax;
    const message = `a link follows at most ${max} channels; leave one first`;
    return link.tell({ kind: "refused", channel, code: TOO_MANY_CHANNELS, message });
  }
  if (link.phase === "polling") poller.add(link.poller, id, now);
  subscribe(link, now, id);
  fallBackIfWanted(link, now);
}

export function onUnsubscribe(
  link: Link,
  now: Millis,
  { channel }: Input & { kind: "unsubscribe" },
): void {
  const subscription = subscriptions.find(link.subscriptions, channel);
  if (!subscription) return;
  const { kind } = subscription.progress;
  leave(link, subscription.id);
  if (kind === "asked" || kind === "followed") sayUnsubscribe(link, now, channel);
  returnIfProven(link, now);
}

export function onToken(link: Link, now: Millis, { token }: Input & { kind: "token" }): void {
  const wasWanted = credential.isWanted(link.credential);
  if (token == null) return onNoToken(link, now);
  credential.give(link.credential, now, token);
  if (wasWanted) {
    connector.onToken(link.connector, now);
    poller.onToken(link.poller, now);
  }
  refreshSession(link);
}

function onNoToken(link: Link, now: Millis): void {
  if (link.phase === "resting") credential.rest(link.credential);
  else if (credential.isWanted(link.credential)) rest(link, now, "rejected");
  credential.doWithout(link.credential);
}

/**
 * Asking the app failed: it is asked again, by this machine's own schedule. Also for the first
 * token, before the app wants the link up.
 */
export function onTokenUnavailable(link: Link, now: Millis): void {
  const isFirst = link.phase === "resting" && link.credential.token == null;
  if (credential.isAsked(link.credential) || isFirst) {
    credential.defer(link.credential, now, link.settings, link.rng);
  }
}

export function onClose(link: Link, now: Millis): void {
  if (link.phase !== "resting") rest(link, now, "closed");
}

/** Forgets a channel, and its poll. */
export function leave(link: Link, id: number): void {
  subscriptions.remove(link.subscriptions, id);
  const poll = poller.leave(link.poller, id);
  if (poll !== undefined) link.out.push({ kind: "cancel_poll", poll });
}

/** Asks for a channel on the session, if there is one. */
export function subscribe(link: Link, now: Millis, id: number, isKnown = false): void {
  const { session } = link.health;
  const at = pacer.requestAt(link.pacer, now);
  const request = session && subscriptions.request(link.subscriptions, at, id);
  if (!request) return;
  pacer.push(link.pacer, { type: "subscribe", ...request }, isKnown);
  runRequests(link, now);
}

/** Leaves a channel on the session, if there is one. */
export function sayUnsubscribe(link: Link, now: Millis, channel: ChannelName): void {
  if (!link.health.session) return;
  const id = subscriptions.newRequest(link.subscriptions);
  pacer.push(link.pacer, { type: "unsubscribe", id, channel }, true);
  runRequests(link, now);
}

/** Sends the requests that may be sent now. */
export function runRequests(link: Link, now: Millis): void {
  const { session } = link.health;
  let request;
  while (session && (request = pacer.next(link.pacer, now))) link.send(session.socket, request);
}
