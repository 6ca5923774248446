// Twin of crates/link/src/channels.rs. The channels of a link, in the order in which the app asked
// for them, at most `channelsMax`. In: names, requests. Out: the subscription meant. Must not know
// sockets or polls.

import type { Millis } from "../machine/time.js";
import type { ChannelRequest } from "../protocol/frame/client.js";
import type { ChannelName } from "../protocol/name.js";
import type { Scalar } from "../protocol/payload.js";
import type { Since } from "../protocol/position.js";
import { Subscription } from "./subscription.js";

/** What came of adding a channel: its new id, or that it was there, or that there is no room. */
export type Added = number | "known" | "full";

/** All that the app follows. */
export class Channels {
  private readonly all: Subscription[] = [];
  private lastId = 0;
  private lastRequest = 0;

  /** None yet, and never more than `max`. */
  constructor(private readonly max: number) {}

  add(channel: ChannelName, since: Since): Added {
    if (this.find(channel)) return "known";
    if (this.all.length >= this.max) return "full";
    this.all.push(new Subscription(++this.lastId, channel, since));
    return this.lastId;
  }

  remove(id: number): void {
    const at = this.all.findIndex((one) => one.id === id);
    if (at >= 0) this.all.splice(at, 1);
  }

  iter(): readonly Subscription[] {
    return this.all;
  }

  isEmpty(): boolean {
    return !this.all.length;
  }

  find(channel: ChannelName): Subscription | undefined {
    return this.all.find((one) => one.channel === channel);
  }

  byId(id: number): Subscription | undefined {
    return this.all.find((one) => one.id === id);
  }

  /** The subscription that asked with this echoed id. */
  byRequest(echoed: Scalar): Subscription | undefined {
    return this.all.find(
      ({ progress }) => progress.kind === "asked" && progress.request === echoed,
    );
  }

  /** An id for a frame. */
  newRequest(): number {
    return ++this.lastRequest;
  }

  /** What `hello` asks for: everything. */
  askAll(now: Millis): ChannelRequest[] {
    return this.all.map((one) => {
      one.onSessionLost();
      return { channel: one.channel, since: one.ask(now, undefined) };
    });
  }

  /** The request to follow one channel on the session. */
  ask(now: Millis, id: number): ChannelRequest | undefined {
    const request = this.newRequest();
    const one = this.byId(id);
    return one && { id: request, channel: one.channel, since: one.ask(now, request) };
  }

  /** The channels that the session was not asked for, because they came after `hello`. */
  unasked(): number[] {
    return this.all.filter((one) => one.progress.kind === "apart").map((one) => one.id);
  }

  /** The session is gone. */
  onSessionLost(): void {
    for (const one of this.all) one.onSessionLost();
  }

  /** Whether the session follows every channel. */
  allFollowed(): boolean {
    return this.all.every((one) => one.isFollowed());
  }

  /** The device slept: answers are waited for anew. */
  renew(now: Millis): void {
    for (const one of this.all) one.renew(now);
  }

  /**
   * The first channel that is due to be asked for again, because the server could not serve it or
   * has not answered.
   */
  due(now: Millis): number | undefined {
    return this.all.find((one) => againAt(one) <= now)?.id;
  }

  /** When the next channel is to be asked for again. */
  wake(): Millis | undefined {
    const at = Math.min(...this.all.map(againAt));
    return at < Infinity ? at : undefined;
  }
}

/** The number in an echoed id; none where it is something this link never sends. */
export const readNumber = (echoed: Scalar | null | undefined): number | undefined =>
  typeof echoed === "number" ? echoed : undefined;

const againAt = ({ progress }: Subscription): Millis =>
  progress.kind === "again"
    ? progress.at
    : progress.kind === "asked"
      ? progress.until
      : Infinity;
