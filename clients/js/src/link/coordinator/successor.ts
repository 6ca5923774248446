// Twin of crates/link/src/coordinator/successor.rs. Making before breaking: a socket that opens
// beside a live session, to take its place. In: that the server wants the link elsewhere, or that
// the device has moved. Out: the attempt, and the old session's leave once the new socket is open.
// Must not know timers or frames of channels.

import type { Millis } from "../../machine/time.js";
import { admitFree } from "../backoff.js";
import type { Link } from "../coordinator.js";
import type { End } from "../end.js";
import * as health from "../health.js";
import { type Attempt, attemptSockets, waiting } from "../phase.js";
import { closeSockets } from "./dials.js";
import { plan } from "./planning.js";
import { detachSession, enterReplacing, newPolicy } from "./transitions.js";

/** The session may be dead: the next one is sought at once, until the session shows life. */
export function doubtSession(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind !== "live" || phase.attempt || link.subscriptions.isEmpty()) return;
  if (link.settings.detection === "fixed") return;
  phase.attempt = waiting(admitFree(link.schedule, now));
  phase.isLeaving = false;
}

/** The session answered, so that it needs no successor, unless the server wants it to have one. */
export function clearSessionDoubt(link: Link): void {
  if (link.phase.kind === "live" && !link.phase.isLeaving) dropSuccessor(link);
}

/** The successor's socket is open: the session makes way, and is resumed there. */
export function replaceSession(link: Link, now: Millis): void {
  const { phase } = link;
  const attempt = takeSuccessor(link);
  if (phase.kind !== "live" || !attempt) return;
  closeSockets(link, [link.health.session!.socket]);
  health.giveUp(link.health);
  detachSession(link, now);
  enterReplacing(link, now, attempt, newPolicy(link, now));
}

/**
 * The successor did not come, and its sockets have gone. A session that was asked to leave tries
 * again, as long as it lives; one that is doubted is judged by its answer.
 */
export function onSuccessorEnd(link: Link, now: Millis, end: End): void {
  const { phase } = link;
  if (phase.kind !== "live") return;
  const leaveDueAt = link.health.session?.leaveDueAt;
  const at = phase.isLeaving ? plan(link, now, end, leaveDueAt, undefined) : undefined;
  phase.attempt = at === undefined ? undefined : waiting(at);
}

/** The attempt beside the session, which goes on without it. */
export function takeSuccessor(link: Link): Attempt | undefined {
  const { phase } = link;
  if (phase.kind !== "live") return undefined;
  const { attempt } = phase;
  phase.attempt = undefined;
  return attempt;
}

/** Gives up the attempt beside the session. */
export function dropSuccessor(link: Link): void {
  if (link.phase.kind !== "live") return;
  closeSockets(link, attemptSockets(link.phase));
  if (takeSuccessor(link)) link.record.withdraw();
}
