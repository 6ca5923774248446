// Twin of crates/link/src/poller.rs. Polls the channels while WebSocket does not get through: one
// request for up to 128 of them, or one for each at a server that knows no other. In: answers,
// failures, sessions beside the polls, the time. Out: which channels to ask for, and how; how long
// a session must live to end the polls. Must not know what the answers say.

import type { Rng } from "../machine/rng.js";
import { type Millis, NEVER, NOT_YET, type Span, seconds } from "../machine/time.js";
import { doubled, jittered } from "./backoff.js";
import type { LinkSettings } from "./config.js";
import type { PollId } from "./input.js";
import * as flapDamping from "./poller/flap_damping.js";
import {
  type ChannelPoll,
  type PollBatch,
  type PollRequest,
  isAwaitingToken,
  isLost as isChannelLost,
  isMissing,
  newPoll,
} from "./poller/poll.js";

/** How long an answer may take beyond what the server was allowed to wait. */
const ANSWER_TIMEOUT = seconds(10);
/** The least time from one poll to the next where the first brought nothing. */
export const EMPTY_PAUSE = seconds(1);
/**
 * Misses in a row after which an endpoint that has not answered a request for many channels is
 * asked for each alone: something in between may let nothing but `GET` through.
 */
const MISSES_GROUPED_MAX = 2;
/** The most channels of one request. */
const GROUP_MAX = 128;
/** How long no poll must have been answered before polling counts as lost. */
const SILENCE_MAX = seconds(10);
/** A session beside the polls that has lived so long needs no other proof. */
const RETURN_PROOF = seconds(20);

/** The polls of a link; there are none but while it polls. */
export interface Poller {
  /** One entry for each channel, in the same order. */
  channels: readonly ChannelPoll[];
  /** Those under way. */
  requests: readonly PollRequest[];
  /** The endpoints that have answered a request for many channels. */
  readonly grouped: Set<number>;
  /** The endpoints that are asked for each channel alone. */
  readonly single: Set<number>;
  lastPoll: PollId;
  /** When a poll last brought an answer, or polling began. */
  answeredAt: Millis;
  readonly flapDamping: flapDamping.FlapDamping;
  readonly settings: LinkSettings;
  /** The link's. */
  readonly rng: Rng;
}

/** Nothing is polled. */
export const newPoller = (settings: LinkSettings, rng: Rng): Poller => ({
  channels: [],
  requests: [],
  grouped: new Set(),
  single: new Set(),
  lastPoll: 0,
  answeredAt: NOT_YET,
  flapDamping: flapDamping.newFlapDamping(),
  settings,
  rng,
});

/** Begins to poll. */
export function start(poller: Poller, now: Millis): void {
  poller.grouped.clear();
  poller.single.clear();
  poller.answeredAt = now;
}

/** Ends polling. The requests have been given up. */
export function stop(poller: Poller): void {
  poller.channels = [];
}

/** Polls the channel of this subscription too, beginning at once. */
export function add(poller: Poller, subscription: number, now: Millis): void {
  poller.channels = [...poller.channels, newPoll(subscription, false, now)];
}

/**
 * Forgets the channel of this subscription. Returns the request that asked for no other, if there
 * is one.
 */
export function leave(poller: Poller, subscription: number): PollId | undefined {
  const asked = poller.channels.find((one) => one.subscription === subscription)?.asked;
  poller.channels = poller.channels.filter((one) => one.subscription !== subscription);
  if (asked === undefined || poller.channels.some((one) => one.asked === asked)) return undefined;
  poller.requests = poller.requests.filter(({ poll }) => poll !== asked);
  return asked;
}

/**
 * Looks at which channels have a position, by their subscriptions: the next poll of those may wait,
 * but where the last one had no answer. Whether there is one again is to be known soon.
 */
export function review({ channels }: Poller, hasPosition: (subscription: number) => boolean): void {
  for (const one of channels) one.isKnown = !isMissing(one) && hasPosition(one.subscription);
}

/** No endpoint is to be polled before `at`. */
export function putOff({ channels }: Poller, now: Millis, at: Millis): void {
  for (const one of channels) if (one.dueAt <= now) one.dueAt = Math.max(one.dueAt, at);
}

/**
 * The next request that is due at this endpoint. A channel whose position is known joins the
 * request that waits, which is sent anew with it; one that is new is asked for by a short request
 * beside that, one at a time.
 */
export function next(poller: Poller, now: Millis, endpoint: number): PollBatch | undefined {
  const { channels, requests, single } = poller;
  const due = channels.filter(({ asked, dueAt }) => asked === undefined && dueAt <= now);
  const [first] = due;
  if (single.has(endpoint)) {
    return first && { channels: [first], replaces: [], isLong: first.isKnown };
  }
  if (!hasShort(poller) && due.some(({ isKnown }) => !isKnown)) {
    return { channels: due.slice(0, GROUP_MAX), replaces: [], isLong: false };
  }
  const batch = new Set(due.filter(({ isKnown }) => isKnown).slice(0, GROUP_MAX));
  if (!batch.size) return undefined;
  const replaces = [];
  for (const one of requests) {
    if (!one.isLong || one.endpoint !== endpoint) continue;
    const theirs = channels.filter(({ asked }) => asked === one.poll);
    if (batch.size + theirs.length > GROUP_MAX) continue;
    for (const its of theirs) batch.add(its);
    replaces.push(one.poll);
  }
  return { channels: channels.filter((one) => batch.has(one)), replaces, isLong: true };
}

/** Sends a batch to this endpoint, where the server may wait so long. */
export function ask(
  poller: Poller,
  { channels, isLong }: PollBatch,
  now: Millis,
  wait: Span,
  endpoint: number,
  tokenVersion: number,
): PollId {
  const poll = ++poller.lastPoll;
  for (const one of channels) one.asked = poll;
  const until = now + wait + ANSWER_TIMEOUT;
  const isGrouped = channels.length > 1;
  const request = { poll, endpoint, at: now, until, isLong, isGrouped, tokenVersion };
  poller.requests = [...poller.requests, request];
  return poll;
}

/** The request under way with this id, which has come back, and its channels, which are due. */
export function take(
  poller: Poller,
  poll: PollId,
  now: Millis,
): [PollRequest, ChannelPoll[]] | undefined {
  const request = poller.requests.find((one) => one.poll === poll);
  if (!request) return undefined;
  poller.requests = poller.requests.filter((one) => one !== request);
  const asked = poller.channels.filter((one) => one.asked === poll);
  for (const one of asked) {
    one.asked = undefined;
    one.dueAt = now;
  }
  return [request, asked];
}

/** Gives up all requests. Their channels are due. */
export function takeAll(poller: Poller, now: Millis): PollId[] {
  const all = poller.requests.map(({ poll }) => poll);
  for (const poll of all) take(poller, poll, now);
  return all;
}

/** The app gave a token. */
export function onToken({ channels }: Poller, now: Millis): void {
  for (const one of channels) if (isAwaitingToken(one)) one.dueAt = now;
}

/**
 * No answer came for these channels. The next poll is sent at once, until each of so many endpoints
 * has failed.
 */
export function onMiss(
  { grouped, single, settings, rng }: Poller,
  now: Millis,
  { endpoint, isGrouped }: PollRequest,
  asked: readonly ChannelPoll[],
  endpoints: number,
): void {
  const row = Math.max(0, ...asked.map((one) => ++one.misses));
  if (isGrouped && !grouped.has(endpoint) && row >= MISSES_GROUPED_MAX) single.add(endpoint);
  let at = now;
  if (row % endpoints === 0) {
    const nth = Math.max(row / endpoints - 1, 0);
    const pause = doubled(settings.backoffMinMs, nth, settings.backoffMaxMs);
    at += jittered(pause, settings.jitterPercent, rng);
  }
  for (const one of asked) one.dueAt = at;
}

/** An answer came. */
export function onAnswer(poller: Poller, now: Millis, { isGrouped, endpoint }: PollRequest): void {
  poller.answeredAt = now;
  if (isGrouped) poller.grouped.add(endpoint);
}

/** Whether polls are answered, so that plain HTTP gets through. */
export const isAnswered = (
  { answeredAt, channels, settings }: Poller,
  now: Millis,
): boolean =>
  now - answeredAt <= settings.pollWaitMs + ANSWER_TIMEOUT &&
  channels.some((one) => one.hasAnswered);

/** Whether no channel's last poll was answered. */
export const isStalled = ({ channels }: Poller): boolean =>
  !!channels.length && channels.every(isMissing);

/** Whether no poll of any channel gets through any more. */
export const isLost = ({ answeredAt, channels }: Poller, now: Millis): boolean =>
  now - answeredAt >= SILENCE_MAX && !!channels.length && channels.every(isChannelLost);

/**
 * How long a session beside the polls must live to end them, if it has answered a heartbeat or not;
 * where sessions kept dying, until a path that is dead would have been noticed.
 */
export function proofSpan(poller: Poller, since: Millis, isAnswered: boolean): Span {
  const { heartbeatIntervalMs, heartbeatTimeoutMs } = poller.settings;
  const isHeld = flapDamping.isHeld(poller.flapDamping, since);
  if (isHeld) return heartbeatIntervalMs + heartbeatTimeoutMs;
  return isAnswered ? 0 : RETURN_PROOF;
}

/**
 * A session beside the polls was lost that had begun at `since`: a death, where polls were answered
 * as long as it lived.
 */
export function onSessionLost(poller: Poller, now: Millis, since: Millis): void {
  if (poller.answeredAt > since) flapDamping.recordEarlyLoss(poller.flapDamping, now);
}

/**
 * A session has ended without polls beside it. Returns whether it lived too short to be worth the
 * end of polling.
 */
export function isEarlyLoss(poller: Poller, lived: Span): boolean {
  const isEarly = flapDamping.isEarlyLoss(lived);
  if (!isEarly) flapDamping.clearEarlyLosses(poller.flapDamping);
  return isEarly;
}

/** When something will be due. */
export function nextDeadline(poller: Poller, endpoint: number): Millis {
  // A new channel waits for the short request that is under way.
  const isHeld = hasShort(poller) && !poller.single.has(endpoint);
  return Math.min(
    NEVER,
    ...poller.channels.map(({ asked, dueAt, isKnown }) =>
      asked !== undefined || (isHeld && !isKnown) ? NEVER : dueAt,
    ),
    ...poller.requests.map(({ until }) => until),
  );
}

const hasShort = ({ requests }: Poller): boolean => requests.some(({ isLong }) => !isLong);
