// Twin of crates/link/src/coordinator/fallback.rs. Decides when to fall back on polling: whether
// plain HTTP gets through while no session can be had. In: attempts under way, answers to probes.
// Out: probes, and the first polls.

import type { Millis } from "../../machine/time.js";
import * as evidence from "../connector/evidence.js";
import { confirmLostReturn, prove } from "../connector/fallback_policy.js";
import type { Link } from "../coordinator.js";
import type { Input } from "../input.js";
import { recordEarlyLoss } from "../poller/flap_damping.js";
import { isEmpty } from "../subscriptions.js";
import { retryAtOnce } from "./dials.js";
import { enterPolling } from "./transitions.js";

/** Sees whether plain HTTP gets through, unless that is being seen to. */
export function probePath(link: Link, now: Millis): void {
  if (isEmpty(link.subscriptions)) return;
  const endpoint = evidence.probe(link.connector, now);
  if (endpoint !== undefined) link.out.push({ kind: "probe", endpoint: endpoint || undefined });
}

/** Plans the next probe in a long pause between two attempts. */
export function planProbe(link: Link, now: Millis): void {
  if (wantsProbeInPause(link)) evidence.planProbe(link.connector, now);
}

/**
 * Whether to see in a pause whether the path works again. In the background nobody waits for it.
 */
export const wantsProbeInPause = ({ connector, device, subscriptions }: Link): boolean =>
  !device.isBackground && !isEmpty(subscriptions) && evidence.wantsProbe(connector);

export function onProbed(link: Link, now: Millis, { isOk }: Input & { kind: "probed" }): void {
  const { connector, settings } = link;
  const { policy } = connector;
  if (!evidence.onProbed(connector, now, isOk) || !policy) return;
  const isFirst = prove(policy, now, settings);
  if (confirmLostReturn(policy)) recordEarlyLoss(link.poller.flapDamping, now);
  if (isFirst) retryAtOnce(link, now);
  fallBackIfWanted(link, now);
}

/** Begins to poll if all speaks for it. The attempt goes on beside it. */
export function fallBackIfWanted(link: Link, now: Millis): void {
  const { connector, subscriptions } = link;
  if (!isEmpty(subscriptions) && evidence.wantsFallback(connector, now)) enterPolling(link, now);
}
