// Composables for Vue: the state of a link, and what a channel has told. In: a client that was made
// outside of components. Out: refs, for as long as the component or scope lives. An entry; it needs
// Vue 3.3 or later.

import type { MaybeRefOrGetter, ShallowRef } from "vue";
import { onScopeDispose, shallowRef, toValue, watch } from "vue";
import type { Client } from "./client.js";
import type { ChannelView, LinkView, UseChannelOptions } from "./followed.js";
import { NOTHING, follow, viewOf } from "./followed.js";

export type { ChannelView, LinkView, UseChannelOptions };

/** The state of a link. */
export function useLink(client: Client): Readonly<ShallowRef<LinkView>> {
  const now = (): LinkView => ({ state: client.state, reason: client.reason });
  const view = shallowRef(now());
  onScopeDispose(client.onStateChange(() => (view.value = now())));
  return view;
}

/**
 * Follows a channel until the scope ends; none where `channel` is null. It may be a ref or a
 * getter: when it changes, the other channel is followed. All that ask for a channel of a client
 * share one subscription.
 */
export function useChannel(
  client: Client,
  channel: MaybeRefOrGetter<string | null>,
  options: UseChannelOptions = {},
): Readonly<ShallowRef<ChannelView>> {
  const view = shallowRef(NOTHING);
  const show = (name: string | null): void => {
    view.value = viewOf(client, name);
  };
  watch(
    () => toValue(channel),
    (name, _before, onCleanup) => {
      if (name !== null) onCleanup(follow(client, name, options, () => show(name)));
      show(name);
    },
    { immediate: true },
  );
  return view;
}
