// Twin of crates/link/src/device.rs. What the device has told of itself and of its network. In: its
// reports. Out: the bounds of patience that follow from them. Must not know sessions.

import type { LinkSettings } from "./config.js";
import type { NetworkKind } from "./input.js";
import type { Bounds } from "./rtt.js";

/** What the device was last known to be like. */
export class Device {
  /** Whether nobody looks at the app. */
  isBackground = false;
  /** Whether it calls its network weak. */
  isWeak = false;
  network: NetworkKind = "unknown";

  /** The bounds of patience. A radio that has gone to sleep is allowed for, unless there is none. */
  bounds(config: LinkSettings): Bounds {
    const times = this.isWeak ? 2 : 1;
    const hasRadio = this.network !== "wifi" && this.network !== "wired";
    const coldMin = hasRadio ? config.softColdMinMs : config.softWarmMinMs;
    return {
      softMin: { warm: config.softWarmMinMs * times, cold: coldMin * times },
      softMax: config.softMaxMs,
      hardMin: config.hardMinMs,
      hardMax: config.heartbeatTimeoutMs,
    };
  }
}
