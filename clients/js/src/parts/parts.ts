// The parts of a link that a page may do without. Out: the table from which a link makes those
// that it is given, and what its core calls on each. Types alone: the core imports this file and no
// part, so that a bundler leaves out what an app leaves out. In Rust all of them are always there.

import type { Millis, Span } from "../machine/time.js";
import type { Event } from "../protocol/event.js";
import type { HeartbeatStats } from "../protocol/frame/client.js";
import type { ErrorFrame, Published } from "../protocol/frame/server.js";
import type { Connector } from "../link/connector.js";
import type { Endpoints } from "../link/connector/endpoints.js";
import type { NetworkKey, NetworkRecord } from "../link/connector/network_history.js";
import type { Link } from "../link/coordinator.js";
import type { End, Evidence } from "../link/end.js";
import type { Rtt } from "../link/health/rtt.js";
import type { Input, Publish } from "../link/input.js";
import type { Clue } from "../link/message.js";
import type { QualityReport } from "../link/quality.js";
import type { LinkState, Reason } from "../link/state.js";
import type { Statistics } from "../link/statistics.js";

/** How to make each part; a part that is left out is not made. */
export interface Parts {
  readonly messages?: () => MessagesPart;
  readonly networks?: (saved: readonly NetworkRecord[]) => NetworksPart;
  readonly publishing?: () => PublishingPart;
  readonly quality?: () => QualityPart;
  readonly racing?: () => RacingPart;
  readonly statistics?: () => StatisticsPart;
}

/** Chooses what people are told: `coordinator/user_messages.ts` and `message.ts`. */
export interface MessagesPart {
  noteInput(link: Link, now: Millis, input: Input): void;
  noteEnd(link: Link, now: Millis, end: End): void;
  onClue(now: Millis, clue: Clue): void;
  enter(now: Millis, state: LinkState, reason: Reason): void;
  sleep(slept: Span): void;
  tell(link: Link, now: Millis): void;
  wake(link: Link): Millis;
}

/** Remembers which networks block WebSocket: `connector/network_history.ts`. */
export interface NetworksPart {
  enter(key: NetworkKey): void;
  recordFailure(connector: Connector, now: Millis, evidence: Evidence, isPolled: boolean): void;
  recordFallback(now: Millis): void;
  clear(): void;
  isSuspected(now: Millis): boolean;
  isBlocked(now: Millis): boolean;
  records(now: Millis): NetworkRecord[];
}

/** Publishes from the link: `coordinator/publishes.ts` and `publisher.ts`. */
export interface PublishingPart {
  onPublish(link: Link, now: Millis, input: Publish): void;
  run(link: Link, now: Millis): void;
  onPublished(link: Link, frame: Published): void;
  /** Whether the error was about a publish. */
  onError(link: Link, now: Millis, frame: ErrorFrame): boolean;
  giveUp(link: Link): void;
  isEmpty(): boolean;
  onWelcome(messageBytesMax: number): void;
  onSessionLost(): void;
  onResumed(): void;
  nextDeadline(openAt: Millis | undefined): Millis;
}

/** Grades the path: `quality.ts`, and what health measures for it alone. */
export interface QualityPart {
  onAnswer(now: Millis, rtt: Span): void;
  onMiss(now: Millis): void;
  onDelay(microseconds: number): void;
  onDisconnect(now: Millis, isPlanned: boolean): void;
  onWeak(now: Millis, isWeak: boolean): void;
  onSleep(from: Millis, to: Millis): void;
  /** The device woke from a sleep that the link's clock may not show. */
  onResumed(now: Millis): void;
  /** An answer came that was timed, and has the server's time. */
  onServerTime(now: Millis, rtt: Span, serverTime: string): void;
  onEvent(link: Link, now: Millis, event: Event): void;
  /** What operators are told, now and then; nothing without statistics. */
  tell(now: Millis, rtt: Rtt, statistics: Statistics | undefined): HeartbeatStats | undefined;
  update(link: Link, now: Millis): void;
  isPoor(now: Millis): boolean;
  report(link: Link, now: Millis): QualityReport;
}

/** Dials a second endpoint beside the first: `connector/endpoints.ts`, `connector/dialing.ts`. */
export interface RacingPart {
  /** When to dial another endpoint beside this one. */
  raceAt(endpoints: Endpoints, now: Millis, endpoint: number): Millis;
  race(link: Link, now: Millis): void;
  onOpened(connector: Connector, took: Span): void;
}

/** Keeps an account of the link: `statistics.ts`. */
export interface StatisticsPart {
  turn(now: Millis, state: LinkState, reason: Reason): void;
  sleep(from: Millis, to: Millis): void;
  begin(isReconnect: boolean): void;
  succeed(now: Millis): void;
  fail(): void;
  withdraw(): void;
  answer(rtt: Span): void;
  /** The numbers at `now`; the device has slept since `sleptFrom`, where it has. */
  at(now: Millis, sleptFrom?: Millis): Statistics;
}
