// What a browser tells of its device. In: visibility, freezing, the page's return from the cache,
// the network. Out: inputs of a link. No logic.

import type { DeviceInput, Lifecycle, NetworkKind } from "../lifecycle.js";

/** Where `navigator.connection` is there, it may name the kind of network. */
interface Connection extends EventTarget {
  readonly type?: string;
}

const kindOf = (type: string): NetworkKind => {
  switch (type) {
    case "wifi":
    case "cellular":
    case "unknown":
      return type;
    case "ethernet":
      return "wired";
    default:
      return "other";
  }
};

/** Tells of this page, where it is one. */
export const browser: Lifecycle = (tell) => {
  const ends: (() => void)[] = [];
  const on = (
    target: EventTarget | undefined,
    name: string,
    listener: (event: Event) => void,
  ): void => {
    target?.addEventListener(name, listener);
    ends.push(() => target?.removeEventListener(name, listener));
  };
  const say = (kind: "online" | "offline" | "resumed") => (): void => tell({ kind });
  const page = globalThis.document as Document | undefined;
  const seen = (): DeviceInput => ({ kind: page?.hidden ? "background" : "foreground" });

  on(page, "visibilitychange", () => tell(seen()));
  on(page, "freeze", () => tell({ kind: "background" }));
  on(page, "resume", () => {
    tell({ kind: "resumed" });
    tell(seen());
  });
  if (page?.hidden) tell(seen());

  const window = page && globalThis;
  on(window, "pagehide", () => tell({ kind: "background" }));
  on(window, "pageshow", (event) => {
    if (!(event as PageTransitionEvent).persisted) return;
    tell({ kind: "resumed" });
    tell(seen());
  });
  on(window, "online", say("online"));
  on(window, "offline", say("offline"));

  const device = (globalThis.navigator ?? {}) as { onLine?: boolean; connection?: Connection };
  const { onLine, connection } = device;
  let type = connection?.type;
  const move = (): void => {
    if (type) tell({ kind: "network_changed", network: kindOf(type) });
  };
  if (window && onLine === false) tell({ kind: "offline" });
  else move();
  // It tells of every estimate of speed, too.
  on(connection, "change", () => {
    if (connection?.type === type) return;
    type = connection?.type;
    if (type !== "none") move();
  });
  return () => ends.splice(0).forEach((end) => end());
};
