// Twin of crates/link/src/health/session.rs. One welcomed socket: its heartbeat, its idle time, and
// when the server wants it gone. In: signs of life, the time. Out: frames to send, and the verdict
// that it has ended. Must not know channels, nor what follows when it ends.

import { type Millis, NEVER, type Span, since } from "../../machine/time.js";
import type { ClientFrame, Heartbeat } from "../../protocol/frame/client.js";
import type { Welcome } from "../../protocol/frame/server.js";
import type { LinkSettings } from "../config.js";
import * as heartbeat from "./heartbeat_timer.js";
import type { SocketId } from "../input.js";
import { type Rtt, hard, pathAfter, soft } from "./rtt.js";

/** The share of what the path allows that may pass in silence, in percent. */
const PATH_SHARE = 80;

/**
 * What is due: say this; an answer is overdue, so ask again with this; the server wants the session
 * gone by now, which is said once; nothing came in time.
 */
export type SessionAction =
  | { readonly kind: "say" | "doubt"; readonly frame: ClientFrame }
  | { readonly kind: "leave" | "silent" };

/** A live session. */
export interface Session {
  readonly socket: SocketId;
  readonly since: Millis;
  readonly timer: heartbeat.HeartbeatTimer;
  /** After a loss without a word, attempts are spread over this. */
  readonly crashWindow: Span;
  /** How long the path in front of the server lets a session be silent. */
  readonly pathLimit: Span;
  /** Whether the server wants the session gone. */
  isLeaving: boolean;
  /** When it is to be gone, while that is to come. */
  leaveDueAt: Millis;
  heardAt: Millis;
  /** The same, or the end of a sleep: from when on silence counts. */
  countedFrom: Millis;
  isPinged: boolean;
}

/** A session that was welcomed now. */
export const newSession = (socket: SocketId, welcome: Welcome, now: Millis): Session => ({
  socket,
  since: now,
  timer: heartbeat.newHeartbeatTimer(welcome.heartbeat, now),
  crashWindow: welcome.crash_window_ms,
  pathLimit: welcome.path_idle_limit_ms ?? NEVER,
  isLeaving: false,
  leaveDueAt: NEVER,
  heardAt: now,
  countedFrom: now,
  isPinged: false,
});

/** The server wants the session gone by that time. */
export function leaveAt(session: Session, at: Millis): void {
  session.isLeaving = true;
  session.leaveDueAt = at;
}

/** The next thing that is due; to be asked until there is none. */
export function due(
  session: Session,
  now: Millis,
  config: LinkSettings,
  rtt: Rtt,
): SessionAction | undefined {
  if (session.leaveDueAt <= now) {
    session.leaveDueAt = NEVER;
    return { kind: "leave" };
  }
  const timeouts = answerTimeouts(session, now, config, rtt);
  const beat = heartbeat.due(session.timer, now, timeouts);
  if (!beat) return look(session, now, config, timeouts);
  return beat.kind === "dead" ? { kind: "silent" } : beat;
}

/** A heartbeat at once, with little patience; none while one is already waited for. */
export const probe = (session: Session, now: Millis, config: LinkSettings): Heartbeat | undefined =>
  heartbeat.probe(session.timer, now, probeTimeouts(session, config));

/** A heartbeat right behind an answer. */
export const echo = (session: Session, now: Millis, config: LinkSettings, rtt: Rtt): Heartbeat =>
  heartbeat.beat(session.timer, now, answerTimeouts(session, now, config, rtt));

/** Something came. */
export function onActivity(session: Session, now: Millis): void {
  session.heardAt = session.countedFrom = now;
  session.isPinged = false;
  heartbeat.onActivity(session.timer);
}

/** How long nothing has come. */
export const idle = (session: Session, now: Millis): Span => since(now, session.heardAt);

/** The device slept: silence until now tells nothing. */
export function renew(session: Session, now: Millis): void {
  session.countedFrom = now;
  session.isPinged = false;
  heartbeat.renew(session.timer, now);
}

/** As {@link renew}, where an answer is waited for; whether it is. */
export function forgiveLateness(session: Session, now: Millis): boolean {
  const isWaiting =
    session.isPinged ||
    heartbeat.isWaiting(session.timer) ||
    heartbeat.isTiming(session.timer);
  if (isWaiting) renew(session, now);
  return isWaiting;
}

/** Nobody looks, or somebody does again: heartbeats come more rarely, or as agreed. */
export function pace(
  session: Session,
  now: Millis,
  isBackground: boolean,
  config: LinkSettings,
): void {
  const isSlow = isBackground && config.detection === "adaptive";
  const most = Math.floor(session.pathLimit / 100) * PATH_SHARE;
  heartbeat.pace(session.timer, now, isSlow ? Math.min(most, config.backgroundIntervalMs) : 0);
}

/** When something will be due. */
export const wake = (session: Session, config: LinkSettings): Millis =>
  Math.min(session.leaveDueAt, heartbeat.wake(session.timer), healthAt(session, config));

/** How long the answer to a heartbeat that is sent now is waited for. */
function answerTimeouts(
  session: Session,
  now: Millis,
  config: LinkSettings,
  rtt: Rtt,
): heartbeat.AnswerTimeouts {
  if (session.timer.isProbeDue) return probeTimeouts(session, config);
  const { timeout } = session.timer;
  if (config.detection === "fixed") return { soft: NEVER, hard: timeout };
  const path = pathAfter(idle(session, now));
  return heartbeat.newAnswerTimeouts(soft(rtt, path), hard(rtt, path), timeout);
}

function probeTimeouts(session: Session, config: LinkSettings): heartbeat.AnswerTimeouts {
  const { probeSoftMs, probeHardMs } = config;
  const timeouts = heartbeat.newAnswerTimeouts(probeSoftMs, probeHardMs, session.timer.timeout);
  return config.detection === "fixed" ? { soft: NEVER, hard: timeouts.hard } : timeouts;
}

/** Looks at how long nothing has come. */
function look(
  session: Session,
  now: Millis,
  config: LinkSettings,
  timeouts: heartbeat.AnswerTimeouts,
): SessionAction | undefined {
  if (healthAt(session, config) > now) return undefined;
  if (session.isPinged) return { kind: "silent" };
  session.isPinged = true;
  if (config.detection === "fixed") return { kind: "say", frame: { type: "ping" } };
  // A heartbeat that is waited for asks the same.
  if (heartbeat.isWaiting(session.timer)) return undefined;
  return { kind: "say", frame: heartbeat.beat(session.timer, now, timeouts) };
}

/**
 * The first look at health that will find anything. Looks come every interval from the welcome on;
 * those that would find nothing need no waking.
 */
function healthAt(session: Session, config: LinkSettings): Millis {
  const idleMs = session.isPinged ? config.idleCloseMs : config.idlePingMs;
  const interval = config.healthIntervalMs;
  const looks = Math.ceil((session.countedFrom + idleMs - session.since) / interval);
  return session.since + interval * looks;
}
