// Twin of crates/client/src/channel.rs. One channel as the app follows it. In: the link's notices
// of it. Out: the same, to callbacks or to whoever iterates. What nobody has read yet is bounded:
// beyond that the channel is left, and followed again from there once there is room.

import { SteadfastError } from "./errors.js";
import type { Notice } from "./link/output.js";
import type { Report } from "./notices.js";
import { call } from "./notices.js";
import type { Gap, Position, Since } from "./protocol/position.js";

/** How many notices may wait for whoever iterates. */
const WAITING_MAX = 1024;

/** An event as the app is handed it. */
export interface ChannelEvent {
  readonly channel: string;
  /** The numbering that `offset` belongs to. */
  readonly epoch: string;
  /** Its place in the channel. */
  readonly offset: number;
  /** Its kind. */
  readonly event: string;
  /** The publisher's own value. */
  readonly data: unknown;
  /** When it was published: RFC 3339 with milliseconds. */
  readonly time: string;
}

/** What an app wants of a channel. Without `onEvent` and `onFinished`, iterate over it. */
export interface SubscribeOptions {
  /** Where to start. Default: where this app left off, as far as that is stored; else `start`. */
  since?: Since;
  /** The next event, each offset once, in order. */
  onEvent?(event: ChannelEvent): unknown;
  /** Events that cannot be given; told before the next event. */
  onGap?(gap: Gap): unknown;
  /** The channel is followed from here on; told once for each session or first poll. */
  onSubscribed?(subscribed: { position: Position; isRecovered: boolean }): unknown;
  /** The channel has ended, and is followed no longer. */
  onFinished?(): unknown;
  /** The server will not serve the channel, or rejected the link. */
  onError?(error: SteadfastError): unknown;
}

/** Those notices that are about one channel. */
export type ChannelNotice = Extract<Notice, { channel: string }>;

/** The rest of a client, as a subscription needs it. */
export interface Home {
  readonly report: Report;
  /** Follows the channel on the link. */
  follow(channel: string, since: Since): void;
  /** Leaves it there; for good where `isOver`. */
  leave(subscription: Subscription, isOver: boolean): void;
  /** The app was handed everything up to here. */
  moved(channel: string, position: Position): void;
  /** Nothing more is to come of it, nor to be read. */
  ended(subscription: Subscription): void;
}

/** A channel that is followed. */
export class Subscription implements AsyncIterable<ChannelEvent> {
  /** The last event that the app was handed; null before anything is known. */
  position: Position | null = null;
  /** Resolves once the channel has ended; rejects where it never will here. */
  readonly finished: Promise<void>;

  private waiting: ChannelNotice[] = [];
  private isHeld: boolean;
  private isIterated = false;
  /** Where the last waiting notice leads, once the channel is left for want of room. */
  private pausedAt: Position | undefined;
  private tail: Position | undefined;
  private isOver = false;
  private failure: SteadfastError | undefined;
  private wakers: (() => void)[] = [];
  private settle!: (error?: SteadfastError) => void;

  constructor(
    readonly channel: string,
    private readonly options: SubscribeOptions,
    private readonly home: Home,
  ) {
    this.isHeld = !options.onEvent && !options.onFinished;
    this.finished = new Promise((resolve, reject) => {
      this.settle = (error) => (error ? reject(error) : resolve());
    });
    // Whoever waits for it still sees it; nobody has to.
    this.finished.catch(() => {});
  }

  /** Stops following. Nothing more is told, and loops over it end. */
  unsubscribe(): void {
    if (!this.isOver) this.home.leave(this, true);
    this.end(new SteadfastError("closed", "the channel was left before it ended"));
  }

  /** Events from now on go to whoever asks. Leaving the loop leaves the channel. */
  [Symbol.asyncIterator](): AsyncIterator<ChannelEvent, undefined> {
    this.isHeld = this.isIterated = true;
    return {
      next: () => this.next(),
      return: () => {
        this.unsubscribe();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** Whether somebody iterates and has not come to the end. For the client alone. */
  get isBehind(): boolean {
    return this.isIterated && !this.isOver;
  }

  /** Takes what the link tells. For the client alone. */
  take(notice: ChannelNotice): void {
    if (this.isOver || this.pausedAt) return;
    if (!this.isHeld) {
      this.hand(notice);
      return;
    }
    this.tail = positionOf(notice) ?? this.tail;
    this.waiting.push(notice);
    this.wake();
    if (this.tail && this.waiting.length >= WAITING_MAX) {
      this.pausedAt = this.tail;
      this.home.leave(this, false);
    }
  }

  /** The link was rejected; it may yet be asked again. For the client alone. */
  reject(error: SteadfastError): void {
    if (this.isOver) return;
    this.settle(error);
    this.failure = error;
    call(this.home.report, this.options.onError, error);
    this.wake();
  }

  /** The end, of the channel or of the client. For the client alone. */
  end(error?: SteadfastError): void {
    this.isOver = true;
    this.waiting = error ? [] : this.waiting;
    this.settle(error);
    this.wake();
    this.home.ended(this);
  }

  private wake(): void {
    this.wakers.splice(0).forEach((waker) => waker());
  }

  private async next(): Promise<IteratorResult<ChannelEvent, undefined>> {
    for (;;) {
      const notice = this.waiting.shift();
      const error = notice ? undefined : this.failure;
      if (notice) {
        this.refill();
        const event = this.hand(notice);
        if (event) return { done: false, value: event };
      } else if (error) {
        this.failure = undefined;
        throw error;
      } else if (this.isOver) {
        return { done: true, value: undefined };
      } else {
        await new Promise<void>((resolve) => this.wakers.push(resolve));
      }
    }
  }

  private refill(): void {
    if (!this.pausedAt || this.waiting.length > WAITING_MAX / 2) return;
    const since = this.pausedAt;
    this.pausedAt = undefined;
    this.home.follow(this.channel, since);
  }

  /** Hands the app a notice; gives back an event that is for whoever iterates. */
  private hand(notice: ChannelNotice): ChannelEvent | undefined {
    const { report } = this.home;
    const position = positionOf(notice);
    if (position) this.position = position;
    let event: ChannelEvent | undefined;
    switch (notice.kind) {
      case "event": {
        const { kind: _, ...own } = notice;
        call(report, this.options.onEvent, (event = own));
        break;
      }
      case "gap":
        call(report, this.options.onGap, notice.gap);
        break;
      case "subscribed":
        call(report, this.options.onSubscribed, {
          position: notice.position,
          isRecovered: notice.isRecovered,
        });
        break;
      case "finished":
        this.end();
        call(report, this.options.onFinished);
        break;
      case "refused": {
        const error = new SteadfastError(notice.code, notice.message);
        this.reject(error);
        this.end(error);
      }
    }
    if (position) this.home.moved(this.channel, position);
    return event;
  }
}

/** Where a notice leads. */
function positionOf(notice: ChannelNotice): Position | undefined {
  if (notice.kind === "event") return { epoch: notice.epoch, offset: notice.offset };
  if (notice.kind === "gap") return notice.gap.to;
  return notice.kind === "subscribed" ? notice.position : undefined;
}
