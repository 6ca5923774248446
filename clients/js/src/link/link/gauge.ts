// Twin of crates/link/src/link/gauge.rs. Where the link meets its gauge: what is measured, and who
// is told. In: heartbeats sent and answered, ends, what flows. Out: heartbeats with statistics, and
// notices of the grade.

import type { Millis } from "../../machine/time.js";
import type { Event } from "../../protocol/event.js";
import type { ClientFrame } from "../../protocol/frame/client.js";
import { type End, isPlanned } from "../end.js";
import type { SocketId } from "../input.js";
import type { Link } from "../link.js";
import { clear } from "../memory.js";
import type { Flow, QualityReport } from "../quality.js";
import { age } from "../server_clock.js";
import { echo, idle } from "../session.js";
import { sleptFrom } from "./device.js";
import { joinIfReady } from "./polls.js";
import { trustSession } from "./successor.js";

/** How good the link is at `now`. */
export function quality(link: Link, now: Millis): QualityReport {
  const account = link.gauge.quality.clone();
  const from = sleptFrom(link, now);
  if (from === undefined) account.onFlow(now, flow(link, now));
  else account.onSleep(from, now);
  return account.report(now);
}

/** Sends what is due on a session. A heartbeat is timed, and now and then carries statistics. */
export function say(link: Link, now: Millis, socket: SocketId, frame: ClientFrame): void {
  if (frame.type === "heartbeat") {
    const { session } = link.phase;
    link.gauge.ask(now, session ? idle(session, now) : 0);
    const stats = link.gauge.tell(now, link.record.statistics(now));
    if (stats) frame.stats = stats;
  }
  link.send(socket, frame);
}

/**
 * The newest heartbeat was answered. Where the warm path has not been measured for long, another
 * one follows: only now is the path sure to be warm.
 */
export function onAnswered(link: Link, now: Millis): void {
  const { gauge } = link;
  const { session } = link.phase;
  gauge.answer(now);
  clear(link.memory);
  trustSession(link);
  joinIfReady(link, now);
  if (session && gauge.wantsEcho(now)) {
    say(link, now, session.socket, echo(session, now, link.config, gauge.rtt));
  }
}

/** An event comes. What was published since the channel is followed should come at once. */
export function weighDelivery(link: Link, now: Millis, event: Event): void {
  const isLive = link.channels.find(event.channel)?.isLive(event.offset);
  const span = isLive ? age(link.serverClock, now, event.time) : undefined;
  if (span !== undefined) link.gauge.quality.onDelivery(now, span);
}

/** An attempt or a session ends; to be called while it is still there. */
export function gaugeEnd(link: Link, now: Millis, end: End): void {
  const { session } = link.phase;
  if (session) {
    if (end.kind === "silent") link.gauge.silence(now);
    link.gauge.quality.onDisconnect(now, session.isLeaving || isPlanned(end));
  }
  link.gauge.giveUp();
}

/** Looks at what flows now, and tells the app where the grade has changed. */
export function weigh(link: Link, now: Millis): void {
  const { quality } = link.gauge;
  quality.onFlow(now, flow(link, now));
  if (link.gauge.takeChange()) link.tell({ kind: "quality", ...quality.report(now) });
}

function flow(link: Link, now: Millis): Flow {
  const { phase } = link;
  switch (phase.kind) {
    case "resting":
      return link.reason === "rejected" ? "down" : "unwanted";
    case "offline":
      return "offline";
    case "trying":
      return phase.face === "connected" ? "live" : "down";
    case "polling":
      return "polled";
    case "live": {
      const { session } = phase;
      const isOverdue = link.gauge.isSuspect(now, idle(session, now));
      return isOverdue || session.pulse.isDoubted ? "suspect" : "live";
    }
  }
}
