// Twin of crates/link/src/coordinator/app.rs. What the app asks: up, down, this channel, that
// token. In: its wishes. Out: what follows.

import type { Millis } from "../../machine/time.js";
import { TOO_MANY_CHANNELS } from "../../protocol/error.js";
import type { ChannelName } from "../../protocol/name.js";
import { admit, admitAsked } from "../backoff.js";
import type { Link } from "../coordinator.js";
import * as credential from "../credential.js";
import type { Input } from "../input.js";
import { waiting } from "../phase.js";
import { isAwaitingToken, leave as leavePoll, newPoll } from "../poll.js";
import { fallBackIfWanted } from "./fallback.js";
import { rest } from "./reconnect.js";
import { returnIfProven } from "./returning.js";
import { enterConnecting, enterOffline, newPolicy } from "./transitions.js";

export function onConnect(link: Link, now: Millis): void {
  if (link.phase.kind !== "resting") return;
  link.hasConnected = false;
  if (link.isOnline) {
    enterConnecting(link, now, admitAsked(link.schedule, now, link.settings), "asked");
    fallBackIfWanted(link, now);
  } else {
    enterOffline(link, now);
  }
}

/** An attempt that waits for its time need not wait any longer than it must. */
export function onRetry(link: Link, now: Millis): void {
  const { attempt } = link.phase;
  const soonest = admitAsked(link.schedule, now, link.settings);
  if (attempt?.kind === "waiting") attempt.at = Math.min(attempt.at, soonest);
  credential.expedite(link.credential, now);
}

export function onSubscribe(
  link: Link,
  now: Millis,
  { channel, since }: Input & { kind: "subscribe" },
): void {
  const id = link.subscriptions.add(channel, since ?? "start");
  if (id === "known") return;
  if (id === "full") {
    const max = link.settings.channelsMax;
    const message = `a link follows at most ${max} channels; leave one first`;
    return link.tell({ kind: "refused", channel, code: TOO_MANY_CHANNELS, message });
  }
  if (link.phase.kind === "polling") {
    // Whether it is known is seen before it is polled.
    link.phase.polls.channels.push(newPoll(id, false, now));
  }
  subscribe(link, now, id);
  fallBackIfWanted(link, now);
}

export function onUnsubscribe(
  link: Link,
  now: Millis,
  { channel }: Input & { kind: "unsubscribe" },
): void {
  const subscription = link.subscriptions.find(channel);
  if (!subscription) return;
  const { kind } = subscription.progress;
  leave(link, subscription.id);
  if (kind === "asked" || kind === "followed") sayUnsubscribe(link, now, channel);
  returnIfProven(link, now);
}

export function onToken(link: Link, now: Millis, { token }: Input & { kind: "token" }): void {
  const { phase } = link;
  const wasWanted = link.credential.isWanted;
  if (token == null) return onNoToken(link, now);
  credential.give(link.credential, now, token);
  if (!wasWanted) return;
  if (phase.attempt && phase.attempt.kind === "awaiting_token") {
    phase.attempt = waiting(admit(link.schedule, now));
  }
  if (phase.kind === "trying") phase.policy = newPolicy(link, now);
  if (phase.kind === "polling") {
    for (const one of phase.polls.channels) if (isAwaitingToken(one)) one.dueAt = now;
  }
}

function onNoToken(link: Link, now: Millis): void {
  if (link.phase.kind === "resting") credential.rest(link.credential);
  else if (link.credential.isWanted) rest(link, now, "rejected");
}

/**
 * Asking the app failed: it is asked again, by this machine's own schedule. Also for the first
 * token, before the app wants the link up.
 */
export function onTokenUnavailable(link: Link, now: Millis): void {
  const isFirst = link.phase.kind === "resting" && link.credential.token == null;
  if (credential.isAsked(link.credential) || isFirst) {
    credential.defer(link.credential, now, link.settings, link.rng);
  }
}

export function onClose(link: Link, now: Millis): void {
  if (link.phase.kind !== "resting") rest(link, now, "closed");
}

/** Forgets a channel, and its poll. */
export function leave(link: Link, id: number): void {
  link.subscriptions.remove(id);
  if (link.phase.kind !== "polling") return;
  const poll = leavePoll(link.phase.polls, id);
  if (poll !== undefined) link.out.push({ kind: "cancel_poll", poll });
}

/** Asks for a channel on the session, if there is one. */
export function subscribe(link: Link, now: Millis, id: number, isKnown = false): void {
  const { session } = link.health;
  const request = session && link.subscriptions.request(link.pacer.requestAt(now), id);
  if (!request) return;
  link.pacer.push({ type: "subscribe", ...request }, isKnown);
  runRequests(link, now);
}

/** Leaves a channel on the session, if there is one. */
export function sayUnsubscribe(link: Link, now: Millis, channel: ChannelName): void {
  if (!link.health.session) return;
  link.pacer.push({ type: "unsubscribe", id: link.subscriptions.newRequest(), channel }, true);
  runRequests(link, now);
}

/** Sends the requests that may be sent now. */
export function runRequests(link: Link, now: Millis): void {
  const { session } = link.health;
  let request;
  while (session && (request = link.pacer.next(now))) link.send(session.socket, request);
}
