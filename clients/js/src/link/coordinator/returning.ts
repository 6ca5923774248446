// Twin of crates/link/src/coordinator/returning.rs. Ends polling once a session beside it has
// proven itself. In: sessions beside the polls, their heartbeats. Out: the polls that are given up,
// and the live session.

import { type Millis, NEVER, seconds } from "../../machine/time.js";
import type { Link } from "../coordinator.js";
import { isHeld } from "../flap_damping.js";
import * as health from "../health.js";
import * as poll from "../poll.js";
import { sendTimed } from "./measurements.js";
import { enterLive } from "./transitions.js";

/** A session beside the polls that has lived so long needs no other proof. */
const RETURN_PROOF = seconds(20);

/** A session beside the polls is asked for a sign of life, which ends them. */
export function probeReturn(link: Link, now: Millis): void {
  if (link.phase.kind !== "polling" || link.phase.attempt) return;
  sendTimed(link, now, health.echo(link.health, now, link.settings));
  returnIfProven(link, now);
}

/**
 * Once the session follows every channel and has shown that it lives, polling has done its work;
 * where sessions kept dying, not before this one has held out.
 */
export function returnIfProven(link: Link, now: Millis): void {
  const { session } = link.health;
  if (!session || returnAt(link) > now) return;
  cancelPolls(link);
  enterLive(link, now, true);
}

/** When the session beside the polls will have proven itself, if nothing else is heard. */
export function returnAt({ phase, health, subscriptions, flapDamping, settings }: Link): Millis {
  const { session } = health;
  if (phase.kind !== "polling" || !session || !subscriptions.allFollowed()) return NEVER;
  const { since } = session;
  // By then a path that is dead would have been noticed.
  const { heartbeatIntervalMs, heartbeatTimeoutMs } = settings;
  if (isHeld(flapDamping, since)) return since + heartbeatIntervalMs + heartbeatTimeoutMs;
  return session.timer.isAnswered ? since : since + RETURN_PROOF;
}

/** Gives up the polls under way. */
export function cancelPolls(link: Link): void {
  if (link.phase.kind !== "polling") return;
  for (const id of poll.takeAll(link.phase.polls, link.now)) {
    link.out.push({ kind: "cancel_poll", poll: id });
  }
}
