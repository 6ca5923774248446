// Twin of crates/link/src/subscriptions.rs. The channels of a link, in the order in which the app
// asked for them. In: channel names, ids of requests, sessions that begin and end, the time. Out:
// what to request from the server, and the subscription that a frame is about. Must not know
// sockets or polls.

import { type Millis, NEVER } from "../machine/time.js";
import type { ChannelRequest } from "../protocol/frame/client.js";
import type { ChannelName } from "../protocol/name.js";
import type { Scalar } from "../protocol/payload.js";
import type { Since } from "../protocol/position.js";
import { Subscription } from "./subscriptions/subscription.js";

/**
 * The outcome of adding a channel: its id; or that the link follows it already; or that it follows
 * as many channels as it may.
 */
export type Added = number | "known" | "full";

/** The channels that the app follows. */
export class Subscriptions {
  /** All of them, in order; changed here only. */
  readonly all: Subscription[] = [];
  private lastId = 0;
  private lastRequest = 0;
  /** Whether the last channel has ended, so that only publishes keep the session. */
  isFinishing = false;

  /** No channel, and never more than `max`. */
  constructor(private readonly max: number) {}

  /** Adds a channel to be followed from `since`. */
  add(channel: ChannelName, since: Since): Added {
    if (this.find(channel)) return "known";
    if (this.all.length >= this.max) return "full";
    this.isFinishing = false;
    this.all.push(new Subscription(++this.lastId, channel, since));
    return this.lastId;
  }

  /** Removes a channel. */
  remove(id: number): void {
    const at = this.all.findIndex((one) => one.id === id);
    if (at >= 0) this.all.splice(at, 1);
  }

  /** Whether the link follows no channel. */
  isEmpty(): boolean {
    return !this.all.length;
  }

  /** The subscription of a channel. */
  find(channel: ChannelName): Subscription | undefined {
    return this.all.find((one) => one.channel === channel);
  }

  /** The subscription with this id. */
  byId(id: number): Subscription | undefined {
    return this.all.find((one) => one.id === id);
  }

  /** The subscription that asked with this echoed id. */
  byRequest(echoed: Scalar): Subscription | undefined {
    return this.all.find(({ progress }) => progress.kind === "asked" && progress.id === echoed);
  }

  /** A new id for a frame of this link. */
  newRequest(): number {
    return ++this.lastRequest;
  }

  /** The requests of `hello`: one for each channel. */
  requestAll(now: Millis): ChannelRequest[] {
    return this.all.map((one) => {
      one.onSessionLost();
      return { channel: one.channel, since: one.request(now, undefined) };
    });
  }

  /** The request to follow one channel on the session. */
  request(now: Millis, id: number): ChannelRequest | undefined {
    const request = this.newRequest();
    const one = this.byId(id);
    return one && { id: request, channel: one.channel, since: one.request(now, request) };
  }

  /** The channels that `hello` did not request, because the app asked for them later. */
  unrequested(): number[] {
    return this.all.filter((one) => one.progress.kind === "apart").map((one) => one.id);
  }

  /** The session has ended. */
  onSessionLost(): void {
    for (const one of this.all) one.onSessionLost();
  }

  /** Whether the session follows every channel. */
  allFollowed(): boolean {
    return this.all.every((one) => one.isFollowed());
  }

  /** The device slept: the timeouts of unanswered requests start again. */
  onSleep(now: Millis): void {
    for (const one of this.all) one.onSleep(now);
  }

  /**
   * The first channel that is due to be requested again, because the server could not serve it or
   * has not answered.
   */
  due(now: Millis): number | undefined {
    return this.all.find((one) => one.retryAt() <= now)?.id;
  }

  /** The last channel has ended, if there is none left. Returns whether that is so. */
  onFinished(): boolean {
    return (this.isFinishing = this.isEmpty());
  }

  /** When the next channel is due to be requested again. */
  nextDeadline(): Millis {
    return Math.min(NEVER, ...this.all.map((one) => one.retryAt()));
  }
}

/** The number in an echoed id; nothing where this link never sends such an id. */
export const readNumber = (echoed: Scalar | null | undefined): number | undefined =>
  typeof echoed === "number" ? echoed : undefined;
