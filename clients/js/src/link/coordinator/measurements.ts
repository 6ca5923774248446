// Twin of crates/link/src/coordinator/measurements.rs. Where the link meets its gauge: what is
// measured, and who is told. In: heartbeats sent and answered, ends, what flows. Out: heartbeats
// with statistics, and notices of the grade.

import type { Millis } from "../../machine/time.js";
import type { Event } from "../../protocol/event.js";
import type { ClientFrame } from "../../protocol/frame/client.js";
import { type End, isPlanned } from "../end.js";
import type { SocketId } from "../input.js";
import type { Link } from "../coordinator.js";
import { clear } from "../network_history.js";
import type { Flow, QualityReport } from "../quality.js";
import { age } from "../server_clock.js";
import { echo, idle } from "../session.js";
import { sleptFrom } from "./device.js";
import { returnIfProven } from "./polls.js";
import { clearSessionDoubt } from "./successor.js";

/** How good the link is at `now`. */
export function quality(link: Link, now: Millis): QualityReport {
  const account = link.pathStats.quality.clone();
  const from = sleptFrom(link, now);
  if (from === undefined) account.onFlow(now, flow(link, now));
  else account.onSleep(from, now);
  return account.report(now);
}

/** Sends what is due on a session. A heartbeat is timed, and now and then carries statistics. */
export function sendTimed(link: Link, now: Millis, socket: SocketId, frame: ClientFrame): void {
  if (frame.type === "heartbeat") {
    const { session } = link.phase;
    link.pathStats.ask(now, session ? idle(session, now) : 0);
    const stats = link.pathStats.tell(now, link.record.statistics(now));
    if (stats) frame.stats = stats;
  }
  link.send(socket, frame);
}

/**
 * The newest heartbeat was answered. Where the warm path has not been measured for long, another
 * one follows: only now is the path sure to be warm.
 */
export function onAnswered(link: Link, now: Millis): void {
  const { pathStats } = link;
  const { session } = link.phase;
  pathStats.answer(now);
  clear(link.networkHistory);
  clearSessionDoubt(link);
  returnIfProven(link, now);
  if (session && pathStats.wantsEcho(now)) {
    sendTimed(link, now, session.socket, echo(session, now, link.config, pathStats.rtt));
  }
}

/** An event comes. What was published since the channel is followed should come at once. */
export function measureDelivery(link: Link, now: Millis, event: Event): void {
  const isLive = link.channels.find(event.channel)?.isLive(event.offset);
  const span = isLive ? age(link.serverClock, now, event.time) : undefined;
  if (span !== undefined) link.pathStats.quality.onDelivery(now, span);
}

/** An attempt or a session ends; to be called while it is still there. */
export function measureEnd(link: Link, now: Millis, end: End): void {
  const { session } = link.phase;
  if (session) {
    if (end.kind === "silent") link.pathStats.silence(now);
    link.pathStats.quality.onDisconnect(now, session.isLeaving || isPlanned(end));
  }
  link.pathStats.giveUp();
}

/** Looks at what flows now, and tells the app where the grade has changed. */
export function updateQuality(link: Link, now: Millis): void {
  const { quality } = link.pathStats;
  quality.onFlow(now, flow(link, now));
  if (link.pathStats.takeChange()) link.tell({ kind: "quality", ...quality.report(now) });
}

function flow(link: Link, now: Millis): Flow {
  const { phase } = link;
  switch (phase.kind) {
    case "resting":
      return link.reason === "rejected" ? "down" : "unwanted";
    case "offline":
      return "offline";
    case "trying":
      return phase.shownAs === "connected" ? "live" : "down";
    case "polling":
      return "polled";
    case "live": {
      const { session } = phase;
      const isOverdue = link.pathStats.isSuspect(now, idle(session, now));
      return isOverdue || session.timer.isDoubted ? "suspect" : "live";
    }
  }
}
