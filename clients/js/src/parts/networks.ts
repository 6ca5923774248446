// What is remembered of networks, as a part of a link. In: how attempts ended. Out: whether to
// begin with polling. Without it every network is taken for a new one.

import { recordFailure } from "../link/connector/evidence.js";
import * as history from "../link/connector/network_history.js";
import type { NetworksPart } from "./parts.js";

/** Makes the part, with what was saved. */
export function networks(saved: readonly history.NetworkRecord[]): NetworksPart {
  const all = history.newNetworkHistory(saved);
  return {
    enter: (key) => {
      all.current = key;
    },
    recordFailure: (connector, now, evidence, isPolled) =>
      recordFailure(connector, all, now, evidence, isPolled),
    recordFallback: (now) => history.recordFallback(all, now),
    clear: () => history.clear(all),
    isSuspected: (now) => history.isSuspected(all, now),
    isBlocked: (now) => history.isBlocked(all, now),
    records: (now) => history.records(all, now),
  };
}
