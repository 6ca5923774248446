// Twin of crates/link/src/subscriptions.rs. The channels of a link, in the order in which the app
// asked for them. In: channel names, ids of requests, sessions that begin and end, the time. Out:
// what to request from the server, and the subscription that a frame is about. Must not know
// sockets or polls.

import { type Millis, NEVER } from "../machine/time.js";
import type { ChannelRequest } from "../protocol/frame/client.js";
import type { ChannelName } from "../protocol/name.js";
import type { Scalar } from "../protocol/payload.js";
import type { Since } from "../protocol/position.js";
import * as subscription from "./subscriptions/subscription.js";
import type { Subscription } from "./subscriptions/subscription.js";

/**
 * The outcome of adding a channel: its id; or that the link follows it already; or that it follows
 * as many channels as it may.
 */
export type Added = number | "known" | "full";

/** The channels that the app follows. */
export interface Subscriptions {
  /** All of them, in order; changed here only. */
  readonly all: Subscription[];
  readonly max: number;
  lastId: number;
  lastRequest: number;
  /** Whether the last channel has ended, so that only publishes keep the session. */
  isFinishing: boolean;
}

/** No channel, and never more than `max`. */
export const newSubscriptions = (max: number): Subscriptions => ({
  all: [],
  max,
  lastId: 0,
  lastRequest: 0,
  isFinishing: false,
});

/** Adds a channel to be followed from `since`. */
export function add(subscriptions: Subscriptions, channel: ChannelName, since: Since): Added {
  if (find(subscriptions, channel)) return "known";
  if (subscriptions.all.length >= subscriptions.max) return "full";
  subscriptions.isFinishing = false;
  subscriptions.all.push(subscription.newSubscription(++subscriptions.lastId, channel, since));
  return subscriptions.lastId;
}

/** Removes a channel. */
export function remove(subscriptions: Subscriptions, id: number): void {
  const at = subscriptions.all.findIndex((one) => one.id === id);
  if (at >= 0) subscriptions.all.splice(at, 1);
}

/** Whether the link follows no channel. */
export function isEmpty(subscriptions: Subscriptions): boolean {
  return !subscriptions.all.length;
}

/** The subscription of a channel. */
export function find(subscriptions: Subscriptions, channel: ChannelName): Subscription | undefined {
  return subscriptions.all.find((one) => one.channel === channel);
}

/** The subscription with this id. */
export function byId(subscriptions: Subscriptions, id: number): Subscription | undefined {
  return subscriptions.all.find((one) => one.id === id);
}

/** The subscription that asked with this echoed id. */
export function byRequest(subscriptions: Subscriptions, echoed: Scalar): Subscription | undefined {
  return subscriptions.all.find(
    ({ progress }) => progress.kind === "asked" && progress.id === echoed,
  );
}

/** A new id for a frame of this link. */
export function newRequest(subscriptions: Subscriptions): number {
  return ++subscriptions.lastRequest;
}

/** The requests of `hello`: one for each channel. */
export function requestAll(subscriptions: Subscriptions, now: Millis): ChannelRequest[] {
  return subscriptions.all.map((one) => {
    subscription.onSessionLost(one);
    return { channel: one.channel, since: subscription.request(one, now, undefined) };
  });
}

/** The request to follow one channel on the session. */
export function request(
  subscriptions: Subscriptions,
  now: Millis,
  id: number,
): ChannelRequest | undefined {
  const request = newRequest(subscriptions);
  const one = byId(subscriptions, id);
  if (!one) return undefined;
  return { id: request, channel: one.channel, since: subscription.request(one, now, request) };
}

/** The channels that `hello` did not request, because the app asked for them later. */
export function unrequested(subscriptions: Subscriptions): number[] {
  return subscriptions.all.filter((one) => one.progress.kind === "apart").map((one) => one.id);
}

/** The session has ended. */
export function onSessionLost(subscriptions: Subscriptions): void {
  for (const one of subscriptions.all) subscription.onSessionLost(one);
}

/** Whether the session follows every channel. */
export function allFollowed(subscriptions: Subscriptions): boolean {
  return subscriptions.all.every((one) => subscription.isFollowed(one));
}

/** The device slept: the timeouts of unanswered requests start again. */
export function onSleep(subscriptions: Subscriptions, now: Millis): void {
  for (const one of subscriptions.all) subscription.onSleep(one, now);
}

/**
 * The first channel that is due to be requested again, because the server could not serve it or
 * has not answered.
 */
export function due(subscriptions: Subscriptions, now: Millis): number | undefined {
  return subscriptions.all.find((one) => subscription.retryAt(one) <= now)?.id;
}

/** The last channel has ended, if there is none left. Returns whether that is so. */
export function onFinished(subscriptions: Subscriptions): boolean {
  return (subscriptions.isFinishing = isEmpty(subscriptions));
}

/** When the next channel is due to be requested again. */
export function nextDeadline(subscriptions: Subscriptions): Millis {
  return Math.min(NEVER, ...subscriptions.all.map((one) => subscription.retryAt(one)));
}


/** The number in an echoed id; nothing where this link never sends such an id. */
export const readNumber = (echoed: Scalar | null | undefined): number | undefined =>
  typeof echoed === "number" ? echoed : undefined;
