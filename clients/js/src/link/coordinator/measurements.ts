// Twin of crates/link/src/coordinator/measurements.rs. Connects the link to its health: what flows,
// which frames are timed, and who is told of the quality. In: heartbeats and their answers, events,
// the time. Out: heartbeats with statistics, and notices of the quality.

import type { Millis } from "../../machine/time.js";
import type { Event } from "../../protocol/event.js";
import type { ClientFrame } from "../../protocol/frame/client.js";
import type { Link } from "../coordinator.js";
import * as health from "../health.js";
import type { Meter } from "../health.js";
import type { Flow } from "../quality.js";
import { find } from "../subscriptions.js";
import { isLive as isNews } from "../subscriptions/subscription.js";

/** Sends a frame that is due on the session, if there is one. */
export function sendTimed(link: Link, now: Millis, frame: ClientFrame | undefined): void {
  const { session } = link.health;
  if (!session || !frame) return;
  health.onSend(link.health, now, frame, link.record?.at(now));
  link.send(session.socket, frame);
}

/**
 * An event came. One that was published after its channel was followed shows how long delivery
 * takes.
 */
export function measureDelivery(link: Link, meter: Meter, now: Millis, event: Event): void {
  const one = find(link.subscriptions, event.channel);
  if (one && isNews(one, event.offset)) health.onLiveEvent(meter, now, event.time);
}

/** Measures what flows now, and tells the app where the grade has changed. */
export function updateQuality(link: Link, meter: Meter, now: Millis): void {
  const report = health.review(meter, now, flow(link, now));
  if (report) link.tell({ kind: "quality", ...report });
}

/** What flows now. */
export function flow(link: Link, now: Millis): Flow {
  switch (link.phase) {
    case "resting":
      return link.reason === "rejected" ? "down" : "unwanted";
    case "offline":
      return "offline";
    case "connecting":
    case "reconnecting":
      return "down";
    case "replacing":
      return "live";
    case "polling":
      return "polled";
    case "live":
    case "returned":
      return health.isSuspect(link.health, now) ? "suspect" : "live";
  }
}

/** Heartbeats come as often as the device's state wants them. */
export function paceSession(link: Link, now: Millis): void {
  health.setBackground(link.health, now, link.device.isBackground, link.settings);
}
