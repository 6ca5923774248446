// Twin of crates/link/src/message.rs. What people are told of a link, and when. In: states, clues
// and the time. Out: at most one message, the most severe that is true: silent for 3 s, small until
// 10 s, a banner after that. One that is no longer true is taken down at once; another goes up no
// sooner than 5 s after the last, but for the word that all is well again. Must not know a text or
// a language.

import { type Millis, NOT_YET, type Span } from "../machine/time.js";
import { type MessageCode, ROWS, SEVERITIES, type Severity } from "./message/code.js";
import type { LinkState, Reason } from "./state.js";

export type { MessageCode, Severity };

/** An outage that may heal by itself is told as a banner after this, in milliseconds. */
const BANNER_AFTER = 10_000;
/** How long it is said that all is well again. */
const RECOVERED_SPAN = 2000;
/** How long it is said that events are missing. */
const GAP_SPAN = 30_000;
/** A message goes up no sooner than this after the last one did. */
const PACE = 5000;
/** A promise of the next attempt is never shorter. */
const RETRY_MIN = 1000;
/** The places in `SEVERITIES` of what is small, and of a banner. */
const INFO = 1;
const WARN = 2;
/** When something was that is not so. */
const NEVER = Infinity;
/** Some places in `ROWS`. */
const GAP_LOST = 3;
const SRV_BUSY = 5;
const POLICY = 9;

/** A message that is to be seen. */
export interface Message {
  /** Which. */
  readonly code: MessageCode;
  /** How loudly: softer at first than the code's own severity. */
  readonly severity: Severity;
  /** Within how many milliseconds from now the link tries again, where the text says so. */
  readonly retryInMs: Span | null;
}

/** What a rejection is put down to, in the order of the codes from `POLICY` on. */
const BLAMED = [
  "refused",
  "disconnected",
  "replaced",
  "clock_wrong",
  "token_missing",
  "token_refused",
] as const;

/** What speaks for one message and against another. */
export type Clue =
  /** An attempt or session ended without a word on why. */
  | "no_word"
  /** The server said that it is full for now. */
  | "busy"
  /** The server said that it leaves. */
  | "leaving"
  /** The network answered in the server's place, and sent the link to a page of its own. */
  | "portal"
  /** If the link is rejected now, then because of this. */
  | (typeof BLAMED)[number]
  /** The app was told of a gap. */
  | "gap"
  /** Whether the network is poor. */
  | "poor"
  | "not_poor"
  /** Whether polls go unanswered. */
  | "stalled"
  | "not_stalled";

/** A code by its place in `ROWS`, and how loudly it is said by its place in `SEVERITIES`. */
type Shown = readonly [rank: number, severity: number, retryAt: Millis | undefined];

/** Something that is so, and when it is worth saying. */
interface Truth {
  readonly rank: number;
  readonly from: Millis;
  readonly until: Millis;
}

/**
 * Chooses what is to be seen. Feed it with `enter` and `hear`, then call `review`, at the latest
 * when `wake` says. Time never goes back. At first it is that of a link at rest that was never
 * asked to connect.
 */
export interface Messages {
  state: LinkState;
  reason: Reason;
  /** Since when events come by polling. */
  polledSince: Millis;
  /** Since when no events have come, while they are wanted. */
  drySince: Millis;
  poorSince: Millis;
  gapAt: Millis;
  recoveredAt: Millis;
  isBusy: boolean;
  isLeaving: boolean;
  isPortal: boolean;
  /** What a rejection would be put down to. */
  blamed: number;
  /** What the last rejection was put down to. */
  verdict: number;
  /** When the link tries again, as it last said. */
  nextTry: Millis | undefined;
  /** Whether people have seen a banner since events last flowed. */
  hadBanner: boolean;
  shown: Shown | undefined;
  putUpAt: Millis;
  reviewedAt: Millis;
}

/** Those of a link at rest that was never asked to connect. */
export const newMessages = (): Messages => ({
  state: "disconnected",
  reason: "closed",
  polledSince: NEVER,
  drySince: NEVER,
  poorSince: NEVER,
  gapAt: NEVER,
  recoveredAt: NEVER,
  isBusy: false,
  isLeaving: false,
  isPortal: false,
  blamed: POLICY,
  verdict: POLICY,
  nextTry: undefined,
  hadBanner: false,
  shown: undefined,
  putUpAt: NOT_YET,
  reviewedAt: 0,
});

/** The link's state changed. */
export function enter(messages: Messages, now: Millis, state: LinkState, reason: Reason): void {
  messages.state = state;
  messages.reason = reason;
  if (state === "connected") {
    messages.recoveredAt = messages.hadBanner ? now : NEVER;
    flow(messages, now);
  } else if (state === "fallback") {
    flow(messages, now);
    messages.polledSince = now;
  } else if (state !== "disconnected") {
    dryUp(messages, now, reason);
  } else if (reason === "closed" || reason === "finished") {
    rest(messages, reason);
  } else if (reason === "rejected") {
    messages.verdict = messages.blamed;
    stop(messages);
  } else {
    dryUp(messages, now, reason);
  }
}

/** There is a clue. What an attempt ended with is heard before the state that follows. */
export function onClue(messages: Messages, now: Millis, clue: Clue): void {
  const blamed = (BLAMED as readonly Clue[]).indexOf(clue);
  if (blamed >= 0) {
    messages.blamed = POLICY + blamed;
  } else if (clue === "gap") {
    messages.gapAt = now;
  } else if (clue === "poor") {
    messages.poorSince = Math.min(messages.poorSince, now);
  } else if (clue === "stalled" || clue === "not_stalled") {
    if (messages.state === "fallback") stall(messages, now, clue === "stalled");
  } else if (clue === "not_poor") {
    messages.poorSince = NEVER;
  } else {
    messages.isBusy = clue === "busy";
    messages.isPortal = clue === "portal";
    messages.isLeaving ||= clue === "leaving";
  }
}

/** The device slept that long until now: no outage grew older. */
export function sleep(messages: Messages, slept: Span): void {
  messages.polledSince += slept;
  messages.drySince += slept;
  messages.poorSince += slept;
  messages.gapAt += slept;
}

/**
 * Chooses anew. `nextTry` is when the link tries again, while that is planned. Whether what is to
 * be seen has changed; see `message`.
 */
export function review(messages: Messages, now: Millis, nextTry: Millis | undefined): boolean {
  messages.nextTry = nextTry ?? messages.nextTry;
  messages.reviewedAt = now;
  const shown = due(messages, now);
  if (isSame(shown, messages.shown)) return false;
  if (shown) {
    messages.putUpAt = now;
    messages.hadBanner ||= shown[1] >= WARN && shown[0] !== GAP_LOST;
  }
  messages.shown = shown;
  return true;
}

/** What is to be seen, as of the last review; `null` for nothing. */
export function message(messages: Messages): Message | null {
  if (!messages.shown) return null;
  const [rank, severity, retryAt] = messages.shown;
  return {
    code: ROWS[rank]![0],
    severity: SEVERITIES[severity]!,
    retryInMs: retryAt === undefined ? null : Math.max(retryAt - messages.reviewedAt, RETRY_MIN),
  };
}

/** When what is to be seen changes next, if nothing else happens. */
export function wake(messages: Messages): Millis | undefined {
  const times = [messages.drySince + BANNER_AFTER, messages.putUpAt + PACE];
  truths(messages).forEach(({ from, until }) => times.push(from, until));
  return times
    .sort((one, other) => one - other)
    .find(
      (at) =>
        at > messages.reviewedAt && at < NEVER && !isSame(due(messages, at), messages.shown),
    );
}

/** A network that was poor while nothing flowed may be better now. */
function flow(messages: Messages, now: Millis): void {
  if (Math.max(messages.drySince, messages.poorSince) < NEVER) messages.poorSince = now;
  messages.drySince = NEVER;
  messages.hadBanner = false;
  forgetHints(messages);
}

/** While it polls nothing comes once polls go unanswered, and until one is answered again. */
function stall(messages: Messages, now: Millis, isStalled: boolean): void {
  if (isStalled) messages.drySince = Math.min(messages.drySince, now);
  else if (messages.drySince < NEVER) flow(messages, now);
}

/** What was said before the network came back, or before the app asked anew, is old. */
function dryUp(messages: Messages, now: Millis, reason: Reason): void {
  messages.recoveredAt = NEVER;
  messages.drySince = Math.min(messages.drySince, now);
  if (reason === "asked" || reason === "network_restored" || reason === "offline") {
    forgetHints(messages);
  }
}

/** Nothing is wanted any more. What was lost on the way to the end is still worth saying. */
function rest(messages: Messages, reason: Reason): void {
  stop(messages);
  messages.hadBanner = false;
  if (reason === "closed") messages.gapAt = NEVER;
}

function stop(messages: Messages): void {
  messages.polledSince = messages.drySince = messages.recoveredAt = messages.poorSince = NEVER;
  forgetHints(messages);
}

function forgetHints(messages: Messages): void {
  messages.isBusy = messages.isLeaving = messages.isPortal = false;
}

/** What is to be seen at that time, no later clue given. */
function due(messages: Messages, at: Millis): Shown | undefined {
  const { shown } = messages;
  const due = truths(messages).filter(({ from, until }) => from <= at && at < until);
  let best: Shown | undefined;
  for (const { rank } of due) {
    const one = show(messages, rank, at);
    if (!best || one[1] >= best[1]) best = one;
  }
  const isPaced = at < messages.putUpAt + PACE;
  // Of those to be seen only the first, of good news, never waits.
  if (!best || isSame(shown, best) || !isPaced || !best[0]) return best;
  return shown && due.some(({ rank }) => rank === shown[0]) ? shown : undefined;
}

function show(messages: Messages, rank: number, at: Millis): Shown {
  const [, severity, , heals] = ROWS[rank]!;
  const isSmall = heals && at < messages.drySince + BANNER_AFTER;
  const retryAt = rank === SRV_BUSY ? messages.nextTry : undefined;
  return [rank, isSmall ? INFO : severity, retryAt];
}

/** Everything that is so, the most severe last, whether or not it is time to say it. */
function truths(messages: Messages): Truth[] {
  const { state } = messages;
  const when = (is: boolean, since: Millis): Millis => (is ? since : NEVER);
  const isPolling = state === "fallback";
  const isPolled = isPolling && messages.drySince === NEVER;
  const isFlowing = state === "connected" || isPolled;
  const isAtRest = state === "disconnected";
  const stalled = when(isPolling, messages.drySince);
  const trying = when(!isFlowing && !isAtRest && !isPolling, messages.drySince);
  const sinces = [
    messages.recoveredAt,
    when(isFlowing, messages.poorSince),
    when(isPolled, messages.polledSince),
    messages.gapAt,
    Math.min(trying, stalled),
    when(messages.isBusy, trying),
    when(messages.isLeaving, trying),
    when(isAtRest, messages.drySince),
    when(messages.isPortal, trying),
  ];
  if (isAtRest && messages.reason === "rejected") sinces[messages.verdict] = 0;
  return sinces.map((since, rank) => {
    const from = since + ROWS[rank]![2];
    return { rank, from, until: from + (WORTH[rank] ?? NEVER) };
  });
}


/** How long it is worth saying, by the place in `ROWS`, where that is not as long as it is so. */
const WORTH = [RECOVERED_SPAN, , , GAP_SPAN];

const isSame = (one: Shown | undefined, other: Shown | undefined): boolean =>
  `${one}` === `${other}`;
