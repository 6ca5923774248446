// Twin of crates/link/src/device.rs. What the device has told of itself and of its network. In: its
// reports. Out: the bounds of patience that follow from them. Must not know sessions.

import type { LinkSettings } from "./config.js";
import type { NetworkKind } from "./input.js";
import type { Bounds } from "./health/rtt.js";

/** What the device was last known to be like. */
export interface Device {
  /** Whether nobody looks at the app. */
  isBackground: boolean;
  /** Whether it calls its network weak. */
  isWeak: boolean;
  network: NetworkKind;
}

/** Nothing was told yet. */
export const newDevice = (): Device => ({
  isBackground: false,
  isWeak: false,
  network: "unknown",
});

/** The bounds of patience. A radio that has gone to sleep is allowed for, unless there is none. */
export function bounds({ isWeak, network }: Device, config: LinkSettings): Bounds {
  const { softWarmMinMs: warm, softColdMinMs: cold } = config;
  const times = isWeak ? 2 : 1;
  const hasRadio = network !== "wifi" && network !== "wired";
  return {
    softMin: { warm: warm * times, cold: (hasRadio ? cold : warm) * times },
    softMax: config.softMaxMs,
    hardMin: config.hardMinMs,
    hardMax: config.heartbeatTimeoutMs,
  };
}
