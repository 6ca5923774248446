// Twin of crates/link/src/poll.rs. The polls of a link while it polls: one request for up to 128
// channels, or one for each channel at a server that knows no other. In: answers, failures, the
// time. Out: which channels are to be asked for, and how. Must not know what the answers say.

import { type Millis, NEVER, seconds } from "../machine/time.js";
import type { Since } from "../protocol/position.js";
import type { PollId } from "./input.js";

/** How long an answer may take beyond what the server was allowed to wait. */
export const ANSWER_TIMEOUT = seconds(10);
/** The least time from one poll to the next where the first brought nothing. */
export const EMPTY_PAUSE = seconds(1);
/** The longest pause that a server may ask for. */
export const PAUSE_MAX = seconds(60);
/** Misses in a row after which a channel counts as unreachable. */
const MISSES_MAX = 3;
/**
 * Misses in a row after which an endpoint that has not answered a request for many channels is
 * asked for each alone: something in between may let nothing but `GET` through.
 */
const MISSES_GROUPED_MAX = 2;
/** The most channels of one request. */
const GROUP_MAX = 128;

/** All polls of a link. */
export interface Polls {
  /** One entry for each channel, in the same order. */
  readonly channels: ChannelPoll[];
  /** Those under way. */
  requests: readonly PollRequest[];
  /** The endpoints that have answered a request for many channels. */
  readonly grouped: Set<number>;
  /** The endpoints that are asked for each channel alone. */
  readonly single: Set<number>;
}

/** The polls of one channel. */
export interface ChannelPoll {
  /** The id of its subscription. */
  readonly subscription: number;
  /** The request under way that it is part of, if any, … */
  asked: PollId | undefined;
  /** … and from where. */
  since: Since | undefined;
  /** Else when the next one is sent; never while the server wants another token. */
  dueAt: Millis;
  /** Whether its position is known and its last poll had an answer, so that the next may wait. */
  isKnown: boolean;
  /** Whether a poll of it has brought an answer. */
  hasAnswered: boolean;
  misses: number;
}

/** A request under way. */
export interface PollRequest {
  readonly poll: PollId;
  readonly endpoint: number;
  readonly at: Millis;
  readonly until: Millis;
  /** Whether the server was asked to wait for an event. */
  readonly isLong: boolean;
  /** Whether it asks for more than one channel. */
  readonly isGrouped: boolean;
  readonly tokenVersion: number;
}

/** What is to be asked for next. */
export interface PollBatch {
  /** Its channels, in order. */
  readonly channels: readonly ChannelPoll[];
  /** The requests under way whose channels are among them, and which it replaces. */
  readonly replaces: readonly PollId[];
  /** Whether the server may wait for an event. */
  readonly isLong: boolean;
}

/** To be polled at once. */
export const newPoll = (subscription: number, isKnown: boolean, now: Millis): ChannelPoll => ({
  subscription,
  asked: undefined,
  since: undefined,
  dueAt: now,
  isKnown,
  hasAnswered: false,
  misses: 0,
});

/** Something came back, and the next poll is sent at this time. */
export function answered(one: ChannelPoll, at: Millis): void {
  one.misses = 0;
  one.dueAt = at;
}

/** Whether it has missed often enough to count as unreachable. */
export const isLost = ({ misses }: ChannelPoll): boolean => misses >= MISSES_MAX;

/** Whether the last one that came to an end had no answer. */
export const isMissing = ({ misses }: ChannelPoll): boolean => misses > 0;

/** Of these channels; nothing is under way. */
export const newPolls = (channels: ChannelPoll[]): Polls => ({
  channels,
  requests: [],
  grouped: new Set(),
  single: new Set(),
});

/** The request under way with this id, which has come back, and its channels, which are due. */
export function take(
  polls: Polls,
  poll: PollId,
  now: Millis,
): [PollRequest, ChannelPoll[]] | undefined {
  const request = polls.requests.find((one) => one.poll === poll);
  if (!request) return undefined;
  polls.requests = polls.requests.filter((one) => one !== request);
  const asked = polls.channels.filter((one) => one.asked === poll);
  for (const one of asked) {
    one.asked = undefined;
    one.dueAt = now;
  }
  return [request, asked];
}

/** Gives up all requests. Their channels are due. */
export function takeAll(polls: Polls, now: Millis): PollId[] {
  const all = polls.requests.map(({ poll }) => poll);
  for (const poll of all) take(polls, poll, now);
  return all;
}

/** No endpoint is to be polled before `at`. */
export function putOff({ channels }: Polls, now: Millis, at: Millis): void {
  for (const one of channels) if (one.dueAt <= now) one.dueAt = Math.max(one.dueAt, at);
}

/** Forgets the channel of this subscription; the request that asked for no other, if any. */
export function leave(polls: Polls, subscription: number): PollId | undefined {
  const place = polls.channels.findIndex((one) => one.subscription === subscription);
  if (place < 0) return undefined;
  const { asked } = polls.channels.splice(place, 1)[0]!;
  if (asked === undefined || polls.channels.some((one) => one.asked === asked)) return undefined;
  polls.requests = polls.requests.filter(({ poll }) => poll !== asked);
  return asked;
}

/** No answer came for these channels: how many times in a row. */
export function missed(
  polls: Polls,
  { endpoint, isGrouped }: PollRequest,
  asked: readonly ChannelPoll[],
): number {
  const row = Math.max(0, ...asked.map((one) => ++one.misses));
  const isUnproven = isGrouped && !polls.grouped.has(endpoint);
  if (isUnproven && row >= MISSES_GROUPED_MAX) polls.single.add(endpoint);
  return row;
}

/** The endpoint knows requests for many channels, or does not. */
export function learn(polls: Polls, { isGrouped, endpoint }: PollRequest, isKnown: boolean): void {
  if (isGrouped) (isKnown ? polls.grouped : polls.single).add(endpoint);
}

/**
 * The next request that is due at this endpoint. A channel whose position is known joins the
 * request that waits, which is sent anew with it; one that is new is asked for by a short request
 * beside that, one at a time.
 */
export function next(polls: Polls, now: Millis, endpoint: number): PollBatch | undefined {
  const due = polls.channels.filter(({ asked, dueAt }) => asked === undefined && dueAt <= now);
  const [first] = due;
  if (polls.single.has(endpoint)) {
    return first && { channels: [first], replaces: [], isLong: first.isKnown };
  }
  if (!hasShort(polls) && due.some(({ isKnown }) => !isKnown)) {
    return { channels: due.slice(0, GROUP_MAX), replaces: [], isLong: false };
  }
  const batch = new Set(due.filter(({ isKnown }) => isKnown).slice(0, GROUP_MAX));
  if (!batch.size) return undefined;
  const replaces = [];
  for (const one of polls.requests) {
    if (!one.isLong || one.endpoint !== endpoint) continue;
    const theirs = polls.channels.filter(({ asked }) => asked === one.poll);
    if (batch.size + theirs.length > GROUP_MAX) continue;
    for (const its of theirs) batch.add(its);
    replaces.push(one.poll);
  }
  return { channels: polls.channels.filter((one) => batch.has(one)), replaces, isLong: true };
}

/** When something will be due. */
export function wake(polls: Polls, endpoint: number): Millis {
  // A new channel waits for the short request that is under way.
  const isHeld = hasShort(polls) && !polls.single.has(endpoint);
  return Math.min(
    NEVER,
    ...polls.channels.map(({ asked, dueAt, isKnown }) =>
      asked !== undefined || (isHeld && !isKnown) ? NEVER : dueAt,
    ),
    ...polls.requests.map(({ until }) => until),
  );
}

const hasShort = ({ requests }: Polls): boolean => requests.some(({ isLong }) => !isLong);

/** The server wants another token first. */
export const isAwaitingToken = ({ asked, dueAt }: ChannelPoll): boolean =>
  asked === undefined && dueAt === NEVER;
