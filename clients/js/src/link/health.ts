// Twin of crates/link/src/health.rs. Whether the session is alive, and how good the path is. In:
// the session's frames, heartbeats and their answers, what the device reports, the time. Out:
// frames to send, the verdict that the session has ended, round trips, and the quality. Must not
// know channels or what follows an end.

import { type Millis, NEVER, NOT_YET, type Span } from "../machine/time.js";
import type { ClientFrame, Heartbeat } from "../protocol/frame/client.js";
import type { HeartbeatAck, Welcome } from "../protocol/frame/server.js";
import type { QualityPart } from "../parts/parts.js";
import type { LinkSettings } from "./config.js";
import { type End, isPlanned } from "./end.js";
import { giveUpTiming, onAck } from "./health/heartbeat_timer.js";
import * as pathStats from "./health/path_stats.js";
import type { Bounds } from "./health/rtt.js";
import { type ServerClock, age, newServerClock } from "./health/server_clock.js";
import * as session from "./health/session.js";
import type { SocketId } from "./input.js";
import * as qualities from "./quality.js";
import type { Statistics } from "./statistics.js";

/** The lowest score that is not poor. */
const FAIR_MIN = 50;

/** The current session, if there is one, and what was measured of the path. Changed here only. */
export interface Health {
  session: session.Session | undefined;
  readonly pathStats: pathStats.PathStats;
}

/** What the quality is drawn from, and what was told of it. */
export interface Meter extends pathStats.Told {
  serverClock: ServerClock;
}

/** Nothing measured; answers are waited for within these bounds. */
export const newHealth = (bounds: Bounds, quality: QualityPart | undefined): Health => ({
  session: undefined,
  pathStats: pathStats.newPathStats(bounds, quality),
});

/** Nothing measured. */
export const newMeter = (): Meter => ({
  quality: qualities.newQuality(),
  toldAt: NOT_YET,
  toldGrade: "unknown",
  serverClock: newServerClock(0),
});

/** A `hello` was sent. */
export function onHello(health: Health, now: Millis): void {
  pathStats.ask(health.pathStats, now, 0);
}

/** The server answered with `welcome`: a session begins. */
export function onWelcome(health: Health, now: Millis, socket: SocketId, welcome: Welcome): void {
  const rtt = pathStats.welcome(health.pathStats, now);
  if (rtt !== undefined) {
    health.pathStats.quality?.onServerTime(now, rtt, welcome.server_time);
  }
  health.session = session.newSession(socket, welcome, now);
}

/** Bytes or a frame came on the session. */
export function onActivity(health: Health, now: Millis): void {
  if (health.session) session.onActivity(health.session, now);
}

/**
 * A heartbeat was answered. Returns its round trip where it was the newest one and could be
 * timed.
 */
export function onHeartbeatAck(
  health: Health,
  now: Millis,
  { id, server_time }: HeartbeatAck,
): Span | undefined {
  const rtt = health.session && onAck(health.session.timer, id, now);
  if (rtt !== undefined) {
    health.pathStats.quality?.onServerTime(now, rtt, server_time);
    pathStats.answer(health.pathStats, now);
  }
  return rtt;
}

/** An event came that was published after the channel was followed. */
export function onLiveEvent(meter: Meter, now: Millis, time: string): void {
  const span = age(meter.serverClock, now, time);
  if (span !== undefined) qualities.onDelivery(meter.quality, now, span);
}

/** The server asks the link to leave the session by this time. */
export function onGoAway(health: Health, at: Millis): void {
  if (health.session) session.leaveAt(health.session, at);
}

/** The session is about to end in this way. */
export function onSessionEnd(health: Health, now: Millis, end: End): void {
  if (health.session) {
    if (end.kind === "silent") pathStats.silence(health.pathStats, now);
    const wasPlanned = health.session.isLeaving || isPlanned(end);
    health.pathStats.quality?.onDisconnect(now, wasPlanned);
  }
  giveUp(health);
}

/** Takes out the session, which has ended. */
export function takeSession(health: Health): session.Session | undefined {
  const taken = health.session;
  health.session = undefined;
  return taken;
}

/** What was asked last will not be answered, which says nothing of the path. */
export function giveUp(health: Health): void {
  pathStats.giveUp(health.pathStats);
}

/** The device has another network. */
export function onNetworkChanged(health: Health, bounds: Bounds): void {
  pathStats.forgetPath(health.pathStats, bounds);
}

/** The device calls its network weak, or no longer does. */
export function onWeakNetwork(health: Health, now: Millis, isWeak: boolean, bounds: Bounds): void {
  health.pathStats.rtt.bounds = bounds;
  health.pathStats.quality?.onWeak(now, isWeak);
}

/** The app went to the background or came back: heartbeats are sent less or more often. */
export function setBackground(
  health: Health,
  now: Millis,
  isBackground: boolean,
  config: LinkSettings,
): void {
  if (health.session) session.pace(health.session, now, isBackground, config);
}

/**
 * The device woke from a sleep that the link's clock may not show: what was asked before it is
 * not timed.
 */
export function onResumed(health: Health, now: Millis): void {
  health.pathStats.quality?.onResumed(now);
  if (!health.session) return;
  giveUpTiming(health.session.timer);
  giveUp(health);
}

/** The device slept from `from` until now: nothing counts as missed. */
export function onSleep(health: Health, from: Millis, now: Millis): void {
  pathStats.sleep(health.pathStats, from, now);
  if (health.session) session.renew(health.session, now);
}

/** A timer fired a little late: the answer that is waited for may be waiting, too. */
export function onLateTimer(health: Health, now: Millis): void {
  if (health.session && session.forgiveLateness(health.session, now)) giveUp(health);
}

/** The next thing that is due on the session, until there is none. */
export function nextAction(
  health: Health,
  now: Millis,
  config: LinkSettings,
): session.SessionAction | undefined {
  const action =
    health.session && session.due(health.session, now, config, health.pathStats.rtt);
  if (action?.kind === "doubt") pathStats.doubt(health.pathStats);
  return action;
}

/** A heartbeat that is sent at once; nothing while one is waited for already. */
export function probe(health: Health, now: Millis, config: LinkSettings): Heartbeat | undefined {
  return health.session && session.probe(health.session, now, config);
}

/** A heartbeat that is sent right behind an answer. */
export function echo(health: Health, now: Millis, config: LinkSettings): Heartbeat | undefined {
  return health.session && session.echo(health.session, now, config, health.pathStats.rtt);
}

/** Whether to send one, since the warm path has not been measured for long. */
export function wantsEcho(health: Health, now: Millis): boolean {
  return pathStats.wantsEcho(health.pathStats, now);
}

/**
 * Prepares a frame that is about to be sent: the answer to a heartbeat is timed, and now and then
 * a heartbeat carries the link's statistics.
 */
export function onSend(
  health: Health,
  now: Millis,
  frame: ClientFrame,
  statistics: Statistics | undefined,
): void {
  if (frame.type !== "heartbeat" || !health.session) return;
  pathStats.ask(health.pathStats, now, session.idle(health.session, now));
  const { quality, rtt } = health.pathStats;
  const stats = quality?.tell(now, rtt, statistics);
  if (stats) frame.stats = stats;
}

/** Whether the session may be dead, since an answer is overdue. */
export function isSuspect(health: Health, now: Millis): boolean {
  if (!health.session) return false;
  const idle = session.idle(health.session, now);
  return health.session.timer.isDoubted || pathStats.isOverdue(health.pathStats, now, idle);
}

/** Takes note of what flows now. Returns a report where the grade has changed. */
export function review(
  meter: Meter,
  now: Millis,
  flow: qualities.Flow,
): qualities.QualityReport | undefined {
  const { quality } = meter;
  qualities.onFlow(quality, now, flow);
  return pathStats.takeChange(meter) ? qualities.report(quality, now) : undefined;
}

/**
 * The quality at `now`, which is later than the last input. The device has slept since
 * `sleptFrom`, or else this flows.
 */
export function report(
  meter: Meter,
  now: Millis,
  sleptFrom: Millis | undefined,
  flow: qualities.Flow,
): qualities.QualityReport {
  const quality = qualities.clone(meter.quality);
  if (sleptFrom === undefined) qualities.onFlow(quality, now, flow);
  else qualities.onSleep(quality, sleptFrom, now);
  return qualities.report(quality, now);
}

/**
 * Whether the network is poor now. The grade alone does not say so: it rises slowly, so that one
 * lost session keeps it low for a minute.
 */
export function isPoor({ quality }: Meter, now: Millis): boolean {
  const grade = qualities.grade(quality);
  return (grade === "bad" || grade === "poor") && qualities.report(quality, now).score < FAIR_MIN;
}

/** When something will be due on the session. */
export function nextDeadline(health: Health, config: LinkSettings): Millis {
  return health.session ? session.wake(health.session, config) : NEVER;
}
