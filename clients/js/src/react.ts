// Hooks for React: the state of a link, and what a channel has told. In: a client that was made
// outside of components. Out: values to render. Safe in StrictMode: an effect that runs twice
// follows a channel once. An entry; it needs React 18 or later.

import { useCallback, useSyncExternalStore } from "react";
import type { Client } from "./client.js";
import { SteadfastError, isSteadfastError } from "./errors.js";
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

const NOTHING: ChannelView = {
  events: [],
  dropped: 0,
  gaps: [],
  isFinished: false,
  error: null,
};

/** What components of one client follow. */
const followed = new WeakMap<Client, Map<string, Followed>>();

/** The state of a link; the component renders again when it changes. */
export function useLink(client: Client): LinkView {
  const subscribe = useCallback((tell: () => void) => client.onStateChange(tell), [client]);
  const state = useSyncExternalStore(subscribe, () => client.state, offline);
  const reason = useSyncExternalStore(subscribe, () => client.reason, closed);
  return { state, reason };
}

const offline = (): LinkState => "disconnected";
const closed = (): Reason => "closed";

/**
 * Follows a channel as long as a component that asks for it is mounted; none where `channel` is
 * null. All components of a client that ask for a channel share one subscription.
 */
export function useChannel(
  client: Client,
  channel: string | null,
  { since = "start", keep = KEEP }: UseChannelOptions = {},
): ChannelView {
  // A position that is written in place is another object each time.
  const from = typeof since === "string" ? since : `${since.epoch} ${since.offset}`;
  const subscribe = useCallback(
    (tell: () => void) =>
      channel === null ? () => {} : follow(client, channel, { since, keep }, tell),
    [client, channel, from, keep],
  );
  const view = (): ChannelView => followed.get(client)?.get(channel ?? "")?.view ?? NOTHING;
  return useSyncExternalStore(subscribe, view, () => NOTHING);
}

/** Begins to tell; gives back how to end that. */
function follow(
  client: Client,
  channel: string,
  options: Required<UseChannelOptions>,
  tell: () => void,
): () => void {
  const all = followed.get(client) ?? new Map<string, Followed>();
  followed.set(client, all);
  const one = all.get(channel) ?? new Followed(client, channel, options);
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
