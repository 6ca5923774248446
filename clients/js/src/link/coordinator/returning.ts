// Twin of crates/link/src/coordinator/returning.rs. Ends polling once a session beside it has
// proven itself. In: sessions beside the polls, their heartbeats. Out: the polls that are given up,
// and the live session.

import { type Millis, NEVER } from "../../machine/time.js";
import type { Link } from "../coordinator.js";
import * as health from "../health.js";
import { proofSpan, takeAll } from "../poller.js";
import { allFollowed } from "../subscriptions.js";
import { sendTimed } from "./measurements.js";
import { enterLive } from "./transitions.js";

/** A session beside the polls is asked for a sign of life, which ends them. */
export function probeReturn(link: Link, now: Millis): void {
  if (link.phase !== "polling") return;
  sendTimed(link, now, health.echo(link.health, now, link.settings));
  returnIfProven(link, now);
}

/**
 * Once the session follows every channel and has shown that it lives, polling has done its work;
 * where sessions kept dying, not before this one has held out.
 */
export function returnIfProven(link: Link, now: Millis): void {
  if (returnAt(link) > now) return;
  cancelPolls(link);
  enterLive(link, now, true);
}

/** When the session beside the polls will have proven itself, if nothing else is heard. */
export function returnAt({ phase, health, poller, subscriptions }: Link): Millis {
  const { session } = health;
  if (phase !== "polling" || !session || !allFollowed(subscriptions)) return NEVER;
  const { since, timer } = session;
  return since + proofSpan(poller, since, timer.isAnswered);
}

/** Gives up the polls under way. */
export function cancelPolls(link: Link): void {
  for (const poll of takeAll(link.poller, link.now)) link.out.push({ kind: "cancel_poll", poll });
}
