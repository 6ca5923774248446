// Twin of crates/link/src/publisher.rs. What the app has published and the server has not
// answered: bounded, in order, each with a key of its own, so that sending it again makes no second
// event. In: publishes, answers, sessions that end, the time. Out: what to send next, and what has
// failed. Must not know sockets.

import type { Rng } from "../machine/rng.js";
import { type Millis, NEVER } from "../machine/time.js";
import type { PublishFrame } from "../protocol/frame/client.js";
import { utf8Length } from "../protocol/name.js";
import { doubled, jittered } from "./backoff.js";
import type { Config } from "./config.js";
import type { PublishFailure } from "./output.js";

/** Publishes under way at once, at most. */
export const IN_FLIGHT_MAX = 16;
/** Their bytes, so that signs of life get through beside them; a larger one goes alone. */
export const IN_FLIGHT_BYTES_MAX = 32 * 1024;
/**
 * How long after it was first sent a publish may be sent again. The server knows its key for five
 * minutes.
 */
const UNCERTAIN_AFTER = 240_000;
/** How often the server may say "later" to one publish before the app is told. */
export const TRIES_MAX = 5;
/** The pause after the first such answer; doubled for each further one. */
const RETRY_MIN = 1000;
/** The longest such pause. */
const RETRY_MAX = 8000;
/** The pace in the long run, below what servers take from one session. */
const PACE = 25;
/** How far a burst may run ahead of it: 40 publishes. */
const PACE_AHEAD = 1000;
/** What a frame takes beyond its names and its data, at most. */
export const FRAME_BYTES = 192;

/** One publish. */
interface PendingPublish {
  readonly ticket: number;
  readonly frame: PublishFrame;
  /** What it counts: its names and its data. */
  readonly bytes: number;
  /** With which id it was sent on the session of the moment, if it was. */
  request: number | undefined;
  /** It is to be sent no sooner than this, because the server could not take it for now. */
  at: Millis;
  /** When it was first sent, while the server may have it and has not said so. */
  doubtedSince: Millis;
  /** How often it was sent since then. */
  sent: number;
  /** Whether nobody knows how long ago that was, so that it is never sent again. */
  isTimeless: boolean;
  tries: number;
}

/** What is to be done with the next publish: send it, or tell the app that it has failed. */
export type PublisherStep =
  | { readonly kind: "send"; readonly frame: PublishFrame }
  | { readonly kind: "fail"; readonly ticket: number; readonly failure: PublishFailure };

/**
 * What an error of the server leads to: it is about no publish; the publish is sent again later;
 * the app is to be told, and the publish is forgotten. The server may yet have it, from a time that
 * it was not answered.
 */
export type ErrorOutcome =
  | "other"
  | "again"
  | { readonly ticket: number; readonly isUncertain: boolean };

/** The publishes of a link that wait or are under way. */
export interface Publisher {
  readonly all: PendingPublish[];
  bytes: number;
  lastSequence: number;
  /** Before this the pace permits nothing, but for `PACE_AHEAD`. */
  pacedTo: Millis;
  /** The largest message that the server takes. */
  messageBytesMax: number;
}

/** Nothing published yet. */
export const newPublisher = (): Publisher => ({
  all: [],
  bytes: 0,
  lastSequence: 0,
  pacedTo: 0,
  messageBytesMax: Infinity,
});

/** Takes a publish, if there is room. */
export function add(
  publisher: Publisher,
  ticket: number,
  frame: PublishFrame,
  config: Config,
): PublishFailure | undefined {
  const bytes = count(frame);
  const max = config.publishBytesMax;
  if (bytes > max) return "too_large";
  if (publisher.all.length >= config.publishMessagesMax || publisher.bytes + bytes > max) {
    return "outbox_full";
  }
  publisher.bytes += bytes;
  publisher.all.push({
    ticket,
    frame: { ...frame, idempotency_key: `${++publisher.lastSequence}` },
    bytes,
    request: undefined,
    at: 0,
    doubtedSince: NEVER,
    sent: 0,
    isTimeless: false,
    tries: 0,
  });
  return undefined;
}

export function isEmpty(publisher: Publisher): boolean {
  return !publisher.all.length;
}

/** A session has begun, whose server takes messages of so many bytes. */
export function onWelcome(publisher: Publisher, messageBytesMax: number): void {
  publisher.messageBytesMax = messageBytesMax;
}

/** The session is gone, and with it the answers that were on their way. */
export function onSessionLost(publisher: Publisher): void {
  for (const entry of publisher.all) entry.request = undefined;
}

/** The device slept for a time that nobody may have counted. */
export function onResumed(publisher: Publisher): void {
  for (const entry of publisher.all) entry.isTimeless ||= entry.doubtedSince < NEVER;
}

/** The next thing to do on a session; to be asked until there is none. */
export function next(
  publisher: Publisher,
  now: Millis,
  newRequest: () => number,
): PublisherStep | undefined {
  const due = first(publisher);
  if (!due || due.at > now) return undefined;
  const { entry } = due;
  const failure = entry.isTimeless
    ? "uncertain"
    : frameBytes(entry) > publisher.messageBytesMax && "too_large";
  if (failure) return { kind: "fail", ticket: take(publisher, entry), failure };
  entry.request = newRequest();
  entry.at = 0;
  entry.doubtedSince = Math.min(entry.doubtedSince, now);
  entry.sent++;
  publisher.pacedTo = Math.max(publisher.pacedTo, now) + PACE;
  return { kind: "send", frame: { ...entry.frame, id: entry.request } };
}

/** Takes out a publish that was sent too long ago to be sent again. */
export function takeOverdue(publisher: Publisher, now: Millis): number | undefined {
  return take(publisher, publisher.all.find((one) => overdueAt(one) <= now));
}

/** Takes out the publish that the server has answered. */
export function takeAnswered(publisher: Publisher, request: number): number | undefined {
  return take(publisher, sent(publisher, request));
}

/** The server did not take the publish that was sent with this id. */
export function refuse(
  publisher: Publisher,
  now: Millis,
  request: number,
  isRetryable: boolean,
  jitterPercent: number,
  rng: Rng,
): ErrorOutcome {
  const entry = sent(publisher, request);
  if (!entry) return "other";
  const tries = ++entry.tries;
  const isUncertain = entry.sent > 1;
  if (!isRetryable || tries >= TRIES_MAX) return { ticket: take(publisher, entry), isUncertain };
  if (!isUncertain) {
    entry.doubtedSince = NEVER;
    entry.isTimeless = false;
    entry.sent = 0;
  }
  entry.request = undefined;
  entry.at = now + jittered(doubled(RETRY_MIN, tries - 1, RETRY_MAX), jitterPercent, rng);
  return "again";
}

/** Takes out the first of all, in whatever state it is, and says how it has failed. */
export function giveUp(
  publisher: Publisher,
): { ticket: number; failure: PublishFailure } | undefined {
  const entry = publisher.all[0];
  if (!entry) return undefined;
  const failure = entry.doubtedSince < NEVER ? "uncertain" : "closed";
  return { ticket: take(publisher, entry), failure };
}

/** When something will be due; `openAt` is from when on a session, if there is one, may speak. */
export function nextDeadline(publisher: Publisher, openAt: Millis | undefined): Millis {
  const next = openAt === undefined ? undefined : first(publisher);
  const nextAt = next && openAt !== undefined ? Math.max(next.at, openAt) : NEVER;
  return Math.min(nextAt, ...publisher.all.map(overdueAt));
}

/**
 * The publish to be sent next, and when. Of a channel only the oldest is ever under way, so that
 * one which has to be sent again still comes before the later ones.
 */
function first(publisher: Publisher): { entry: PendingPublish; at: Millis } | undefined {
  const inFlight = publisher.all.filter((one) => one.request);
  if (inFlight.length >= IN_FLIGHT_MAX) return undefined;
  const channels = new Set<string>();
  let due: { entry: PendingPublish; at: Millis } | undefined;
  for (const entry of publisher.all) {
    const { channel } = entry.frame;
    const at = Math.max(entry.at, publisher.pacedTo - PACE_AHEAD);
    if (!entry.request && !channels.has(channel) && !(due && due.at <= at)) due = { entry, at };
    channels.add(channel);
  }
  if (!due) return undefined;
  const bytes = inFlight.reduce((sum, one) => sum + one.bytes, 0);
  return !bytes || bytes + due.entry.bytes <= IN_FLIGHT_BYTES_MAX ? due : undefined;
}

function sent(publisher: Publisher, request: number): PendingPublish | undefined {
  return publisher.all.find((one) => one.request === request);
}

function take(publisher: Publisher, entry: PendingPublish): number;
function take(publisher: Publisher, entry: PendingPublish | undefined): number | undefined;
function take(publisher: Publisher, entry: PendingPublish | undefined): number | undefined {
  if (!entry) return undefined;
  publisher.all.splice(publisher.all.indexOf(entry), 1);
  publisher.bytes -= entry.bytes;
  return entry.ticket;
}


const overdueAt = (entry: PendingPublish): Millis => entry.doubtedSince + UNCERTAIN_AFTER;

/** In words, for a developer. */
export const message = (failure: PublishFailure, config: Config): string => {
  const { publishMessagesMax, publishBytesMax } = config;
  switch (failure) {
    case "outbox_full":
      return (
        `${publishMessagesMax} publishes or ${publishBytesMax} bytes wait to be ` +
        "answered already; wait for some of them"
      );
    case "too_large":
      return (
        `a publish has at most ${publishBytesMax} bytes, ` +
        "and no more than the server takes in one message"
      );
    case "closed":
      return "the link is at rest; it was not sent";
    case "uncertain":
      return "it was sent and not answered in time; the server may or may not have it";
  }
};

/** What a publish counts: its names and its data. */
const count = ({ channel, event, replace, data }: PublishFrame): number =>
  utf8Length(channel + event + (replace ?? "") + JSON.stringify(data ?? null));

/** What it takes on the wire, at most: a name may be all quotes. */
const frameBytes = ({ bytes, frame }: PendingPublish): number =>
  FRAME_BYTES + bytes + utf8Length(frame.event + (frame.replace ?? ""));
