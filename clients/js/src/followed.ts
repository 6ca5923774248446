// What components follow, whichever framework they are of: one subscription for all that ask for a
// channel, and an immutable view of what it has told. In: a client, a channel. Out: views.

import type { Client } from "./client.js";
import { type SteadfastError, isSteadfastError } from "./errors.js";
import type { LinkState, Reason } from "./link/state.js";
import type { Gap, Since } from "./protocol/position.js";
import type { ChannelEvent, Subscription } from "./subscription.js";

/** How many of the newest events a view has, unless told. */
const KEEP = 1000;

/** What the link is at, and why. */
export interface LinkView {
  readonly state: LinkState;
  readonly reason: Reason;
}

/** What a channel has told since it is followed. */
export interface ChannelView {
  /** The newest events, the oldest first. */
  readonly events: readonly ChannelEvent[];
  /** Events that were left out of `events`, since there were more than are kept. */
  readonly dropped: number;
  /** Events that cannot be given any more. */
  readonly gaps: readonly Gap[];
  /** Whether the channel has ended. */
  readonly isFinished: boolean;
  /** Why it cannot be followed. */
  readonly error: SteadfastError | null;
}

/** How a channel is followed. */
export interface UseChannelOptions {
  /**
   * Where to start. Default `start`: a component that is mounted anew has what it had before. The
   * first component that follows a channel decides.
   */
  readonly since?: Since;
  /** How many of the newest events are kept; the first component decides. Default 1000. */
  readonly keep?: number;
}

/** Nothing was told. */
export const NOTHING: ChannelView = {
  events: [],
  dropped: 0,
  gaps: [],
  isFinished: false,
  error: null,
};

/** What components of one client follow. */
const followed = new WeakMap<Client, Map<string, Followed>>();

/** The newest view of a channel. */
export const viewOf = (client: Client, channel: string | null): ChannelView =>
  followed.get(client)?.get(channel ?? "")?.view ?? NOTHING;

/** Follows a channel and begins to tell; gives back how to end that. */
export function follow(
  client: Client,
  channel: string,
  { since = "start", keep = KEEP }: UseChannelOptions,
  tell: () => void,
): () => void {
  const all = followed.get(client) ?? new Map<string, Followed>();
  followed.set(client, all);
  const one = all.get(channel) ?? new Followed(client, channel, { since, keep });
  all.set(channel, one);
  one.listeners.add(tell);
  return () => {
    one.listeners.delete(tell);
    // Another component may be mounted at once, or the same one again.
    setTimeout(() => {
      if (one.listeners.size || all.get(channel) !== one) return;
      all.delete(channel);
      one.subscription?.unsubscribe();
    });
  };
}

/** A channel that components follow. */
class Followed {
  view = NOTHING;
  readonly listeners = new Set<() => void>();
  readonly subscription: Subscription | undefined;

  constructor(client: Client, channel: string, { since, keep }: Required<UseChannelOptions>) {
    try {
      this.subscription = client.subscribe(channel, {
        since,
        onEvent: (event) => {
          const events = [...this.view.events, event].slice(-keep);
          const dropped = this.view.dropped + this.view.events.length + 1 - events.length;
          this.show({ events, dropped });
        },
        onGap: (gap) => this.show({ gaps: [...this.view.gaps, gap].slice(-keep) }),
        onFinished: () => this.show({ isFinished: true }),
        onError: (error) => this.show({ error }),
      });
    } catch (error) {
      if (!isSteadfastError(error)) throw error;
      this.view = { ...NOTHING, error };
    }
  }

  private show(change: Partial<ChannelView>): void {
    this.view = { ...this.view, ...change };
    for (const tell of [...this.listeners]) tell();
  }
}
