// Twin of crates/link/src/coordinator/fallback.rs. Decides when to fall back on polling: whether
// plain HTTP gets through while no session can be had. In: attempts under way, answers to probes.
// Out: probes, and the first polls.

import { type Millis, NOT_YET, seconds } from "../../machine/time.js";
import type { Link } from "../coordinator.js";
import { failHttp } from "../endpoints.js";
import * as policy from "../fallback_policy.js";
import { recordEarlyLoss } from "../flap_damping.js";
import type { Input } from "../input.js";
import { isSuspected, recordFallback } from "../network_history.js";
import * as poll from "../poll.js";
import { retryAtOnce } from "./dials.js";
import { enterPolling } from "./transitions.js";

/** How long a probe may take. */
const PROBE_TIMEOUT = seconds(5);

/** Sees whether plain HTTP gets through, unless that is being seen to. */
export function probePath(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind !== "trying" || phase.policy.isServerBusy || link.probingUntil > now) return;
  if (link.subscriptions.isEmpty()) return;
  // The last one was never answered.
  if (link.probingUntil > NOT_YET) {
    failHttp(link.endpoints);
    policy.disprove(phase.policy);
  }
  link.probingUntil = now + PROBE_TIMEOUT;
  link.out.push({ kind: "probe", endpoint: link.endpoints.http || undefined });
}

export function onProbed(link: Link, now: Millis, { isOk }: Input & { kind: "probed" }): void {
  const { phase } = link;
  const isInTime = now <= link.probingUntil;
  link.probingUntil = NOT_YET;
  if (!isOk) {
    failHttp(link.endpoints);
    if (phase.kind === "trying") policy.disprove(phase.policy);
  } else if (isInTime) {
    provePath(link, now);
  }
}

export function provePath(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind !== "trying") return;
  const isFirst = policy.prove(phase.policy, now, link.settings);
  if (policy.confirmLostReturn(phase.policy)) recordEarlyLoss(link.flapDamping, now);
  if (isFirst) retryAtOnce(link, now);
  fallBackIfWanted(link, now);
}

/** Begins to poll if all speaks for it. The attempt goes on beside it. */
export function fallBackIfWanted(link: Link, now: Millis): void {
  const { phase, subscriptions } = link;
  if (phase.kind !== "trying" || subscriptions.isEmpty()) return;
  const { attempt } = phase;
  const isSuspect = isSuspected(link.networkHistory, now);
  if (!policy.wantsFallback(phase.policy, now, isSuspect, link.settings)) return;
  // A socket that opened speaks for a path that is slow rather than blocked.
  const isThrough = attempt.kind === "handshake" && !isSuspect;
  if (attempt.kind === "awaiting_token" || isThrough) return;
  const polls = poll.newPolls(
    subscriptions.all.map((one) => poll.newPoll(one.id, !!one.position(), now)),
  );
  const isInconclusive = phase.policy.isInconclusive && attempt.kind === "opening";
  const way = { attempt, returns: 0, isInconclusive };
  if (policy.isProven(phase.policy, now)) recordFallback(link.networkHistory, now);
  enterPolling(link, now, { kind: "polling", polls, ...way, answeredAt: now });
}
