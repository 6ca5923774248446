// Twin of crates/link/src/coordinator/successor.rs. Making before breaking: a socket that opens
// beside a live session, to take its place. In: that the server wants the link elsewhere, or that
// the device has moved. Out: the attempt, and the old session's leave once the new socket is open.
// Must not know timers or frames of channels.

import type { Millis } from "../../machine/time.js";
import { admitFree } from "../backoff.js";
import { replace, sockets, stop } from "../connector.js";
import { waiting } from "../connector/attempt.js";
import type { Link } from "../coordinator.js";
import type { End } from "../end.js";
import * as health from "../health.js";
import { isLive } from "../phase.js";
import { isEmpty } from "../subscriptions.js";
import { closeSockets } from "./dials.js";
import { plan } from "./planning.js";
import { detachSession, enterReplacing } from "./transitions.js";

/** The session may be dead: the next one is sought at once, until the session shows life. */
export function doubtSession(link: Link, now: Millis): void {
  const { connector, phase, settings, subscriptions } = link;
  if (!isLive(phase) || connector.cause || isEmpty(subscriptions)) return;
  if (settings.detection === "fixed") return;
  replace(connector, admitFree(connector.schedule, now), "moved");
}

/** The session answered, so that it needs no successor. */
export function clearSessionDoubt(link: Link): void {
  if (link.connector.cause === "moved") dropSuccessor(link);
}

/** The successor's socket is open: the session makes way, and is resumed there. */
export function replaceSession(link: Link, now: Millis): void {
  if (!link.connector.cause) return;
  closeSockets(link, [link.health.session!.socket]);
  health.giveUp(link.health);
  detachSession(link, now);
  enterReplacing(link, now);
}

/**
 * The successor did not come, and its sockets have gone. A session that was asked to leave tries
 * again, as long as it lives; one that is doubted is judged by its answer.
 */
export function onSuccessorEnd(link: Link, now: Millis, end: End): void {
  const { connector } = link;
  const leaveDueAt = link.health.session?.leaveDueAt;
  const isLeaving = connector.cause === "leaving";
  const at = isLeaving ? plan(link, now, end, leaveDueAt, undefined) : undefined;
  if (at === undefined) stop(connector);
  else connector.attempt = waiting(at);
}

/** Gives up the attempt beside the session. */
export function dropSuccessor(link: Link): void {
  if (!link.connector.cause) return;
  closeSockets(link, sockets(link.connector));
  stop(link.connector);
  link.record?.withdraw();
}
