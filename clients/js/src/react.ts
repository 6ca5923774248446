// Hooks for React: the state of a link, and what a channel has told. In: a client that was made
// outside of components. Out: values to render. Safe in StrictMode: an effect that runs twice
// follows a channel once. An entry; it needs React 18 or later.

import { useCallback, useSyncExternalStore } from "react";
import type { Client } from "./client.js";
import type { ChannelView, LinkView, UseChannelOptions } from "./followed.js";
import { NOTHING, follow, viewOf } from "./followed.js";
import type { LinkState, Reason } from "./link/state.js";

export type { ChannelView, LinkView, UseChannelOptions };

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
  { since = "start", keep }: UseChannelOptions = {},
): ChannelView {
  // A position that is written in place is another object each time.
  const from = typeof since === "string" ? since : `${since.epoch} ${since.offset}`;
  const subscribe = useCallback(
    (tell: () => void) =>
      channel === null
        ? () => {}
        : follow(client, channel, keep === undefined ? { since } : { since, keep }, tell),
    [client, channel, from, keep],
  );
  return useSyncExternalStore(subscribe, () => viewOf(client, channel), () => NOTHING);
}
