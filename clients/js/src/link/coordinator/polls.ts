// Twin of crates/link/src/coordinator/polls.rs. Polls of the channels while WebSocket does not get
// through. In: answers and failures of polls, the time. Out: polls, notices, and the way back to
// attempts when polls fail too.

import { type Millis, type Span, NEVER, seconds } from "../../machine/time.js";
import { FORBIDDEN } from "../../protocol/error.js";
import {
  type PollAnswer,
  type PollPage,
  type PollRefusal,
  emptyPage,
} from "../../protocol/poll.js";
import { HINT_MAX, doubled, jittered } from "../backoff.js";
import type { Link } from "../coordinator.js";
import { accept, refuse as refuseToken } from "../credential.js";
import { failHttp, holdHttp, seekHttp } from "../endpoints.js";
import * as policy from "../fallback_policy.js";
import type { Polled } from "../input.js";
import type { Polling } from "../phase.js";
import * as poll from "../poll.js";
import { wantToken } from "./dials.js";
import { finish, refuse } from "./frame.js";
import { usualTime } from "./planning.js";
import { rest } from "./reconnect.js";
import { cancelPolls } from "./returning.js";
import { enterReconnecting } from "./transitions.js";

/** How long a channel is left alone that the server cannot serve for now. */
const REFUSED_PAUSE = seconds(5);
/** How long no poll must have been answered before polling counts as lost. */
const SILENCE_MAX = seconds(10);

/** Sends the polls that are due, and gives up those that have taken too long. */
export function runPolls(link: Link, now: Millis): void {
  const { phase, endpoints } = link;
  if (phase.kind !== "polling") return;
  const { polls } = phase;
  for (const one of polls.channels) {
    // Whether there is an answer again is to be known soon.
    one.isKnown = !poll.isMissing(one) && !!link.subscriptions.byId(one.subscription)?.position();
  }
  for (const { poll: id, until } of polls.requests) {
    if (until > now) continue;
    link.out.push({ kind: "cancel_poll", poll: id });
    onPolled(link, now, { kind: "polled", poll: id, failure: { kind: "unreachable" } });
  }
  poll.putOff(polls, now, seekHttp(endpoints, now));
  for (let batch; (batch = poll.next(polls, now, endpoints.http)); ) {
    for (const id of batch.replaces) {
      poll.take(polls, id, now);
      link.out.push({ kind: "cancel_poll", poll: id });
    }
    sendPoll(link, now, polls, batch);
  }
  giveUpPollingIfLost(link, now, phase);
}

function sendPoll(link: Link, now: Millis, polls: poll.Polls, batch: poll.PollBatch): void {
  const id = ++link.lastPoll;
  const { http } = link.endpoints;
  const channels = batch.channels.map((one) => {
    const subscription = link.subscriptions.byId(one.subscription)!;
    const since = subscription.since();
    one.asked = id;
    one.since = since;
    return { channel: subscription.channel, since };
  });
  const { isLong } = batch;
  // The first poll of a channel is to learn where it stands: it does not wait.
  const waitMs = isLong ? link.settings.pollWaitMs : 0;
  const until = now + waitMs + poll.ANSWER_TIMEOUT;
  const isGrouped = channels.length > 1;
  const tokenVersion = link.credential.version;
  const request = { poll: id, endpoint: http, at: now, until, isLong, isGrouped, tokenVersion };
  polls.requests = [...polls.requests, request];
  link.out.push({ kind: "poll", poll: id, channels, waitMs, endpoint: http || undefined });
}

export function onPolled(link: Link, now: Millis, polled: Polled): void {
  const { phase, endpoints } = link;
  if (phase.kind !== "polling") return;
  const taken = poll.take(phase.polls, polled.poll, now);
  if (!taken) return;
  const [request, asked] = taken;
  const { answer, failure } = polled;
  if (answer) return onAnswer(link, now, phase, request, asked, answer);
  switch (failure.kind) {
    case "unreachable":
      return onMiss(link, now, phase, request, asked);
    case "busy": {
      const hint = Math.min(Math.max(failure.retry_after_ms, poll.EMPTY_PAUSE), HINT_MAX);
      holdHttp(endpoints, request.endpoint, now + hint);
      const at = seekHttp(endpoints, now);
      for (const one of asked) poll.answered(one, at);
      return;
    }
    case "unauthorized":
      // It may have been its age: the answer does not say.
      switch (refuseToken(link.credential, request.tokenVersion, request.at, "age")) {
        case "again":
          return;
        case "renew":
          for (const one of asked) one.dueAt = NEVER;
          return wantToken(link);
        case "stop":
          return rest(link, now, "rejected");
      }
      return;
    case "refused": {
      // A server of an older version; or one that says by which channel it is.
      if (request.isGrouped) return poll.learn(phase.polls, request, false);
      const message = "the server does not let this link poll the channel";
      for (const one of asked) refusePoll(link, now, one, FORBIDDEN, message);
    }
  }
}

/** No answer came, and the next poll goes to another endpoint: at once, until each has failed. */
function onMiss(
  link: Link,
  now: Millis,
  { polls }: Polling,
  request: poll.PollRequest,
  asked: readonly poll.ChannelPoll[],
): void {
  const { endpoints, settings, rng } = link;
  const row = poll.missed(polls, request, asked);
  if (endpoints.http === request.endpoint) failHttp(endpoints);
  let at = now;
  if (row % endpoints.count === 0) {
    const nth = Math.max(row / endpoints.count - 1, 0);
    const pause = doubled(settings.backoffMinMs, nth, settings.backoffMaxMs);
    at += jittered(pause, settings.jitterPercent, rng);
  }
  for (const one of asked) one.dueAt = at;
}

function onAnswer(
  link: Link,
  now: Millis,
  polling: Polling,
  request: poll.PollRequest,
  asked: readonly poll.ChannelPoll[],
  answer: PollAnswer,
): void {
  const { pages, refused } = answer;
  const pageOf = (one: poll.ChannelPoll): PollPage | undefined => {
    const channel = link.subscriptions.byId(one.subscription)?.channel;
    return pages.find((page) => page.channel === channel);
  };
  if (!request.isGrouped && !asked.every(pageOf)) {
    return onMiss(link, now, polling, request, asked);
  }
  accept(link.credential, request.tokenVersion);
  polling.answeredAt = now;
  poll.learn(polling.polls, request, true);
  const isEmpty = pages.every(({ events }) => !events.length);
  const floor = isEmpty ? request.at + poll.EMPTY_PAUSE : now;
  const at = timeOfNextPoll(link, now, request, floor, answer.next_poll_ms);
  for (const one of asked) {
    const { since } = one;
    const subscription = link.subscriptions.byId(one.subscription);
    if (!subscription) continue;
    const { channel } = subscription;
    const page = pageOf(one);
    const refusal = refused.find((refusal) => refusal.channel === channel);
    if (page) onPage(link, now, one, page, at);
    else if (refusal) onRefusal(link, now, one, refusal, at);
    // It stands where it stood.
    else if (typeof since === "object") onPage(link, now, one, emptyPage(channel, since), at);
    else poll.answered(one, Math.max(at, floor));
  }
}

/**
 * When to poll again after an answer, and where: an endpoint that names a pause to a poll that was
 * to wait leaves, and is left at once where there is another.
 */
function timeOfNextPoll(
  { endpoints }: Link,
  now: Millis,
  { isLong, endpoint }: poll.PollRequest,
  floor: Millis,
  pause: Span,
): Millis {
  // The pause after a short poll is for who goes on with short ones; the next one waits.
  if (!isLong) return now;
  // A server that did not wait though it was asked to would be asked again at once, for ever.
  const at = Math.max(now, floor);
  if (!pause) return at;
  holdHttp(endpoints, endpoint, Math.max(at, now + Math.min(pause, poll.PAUSE_MAX)));
  return seekHttp(endpoints, now);
}

function onPage(
  link: Link,
  now: Millis,
  one: poll.ChannelPoll,
  page: PollPage,
  at: Millis,
): void {
  const subscription = link.subscriptions.byId(one.subscription);
  if (link.phase.kind !== "polling" || !subscription) return;
  poll.answered(one, at);
  const isTaken = subscription.onPage(page, one.since!, !one.hasAnswered, link.tell);
  one.hasAnswered ||= isTaken;
  if (isTaken && page.final) finish(link, now, subscription.id, subscription.channel);
}

/** One entry of a poll is not served: for good, or for now. */
function onRefusal(
  link: Link,
  now: Millis,
  one: poll.ChannelPoll,
  { code, detail }: PollRefusal,
  at: Millis,
): void {
  if (code === FORBIDDEN || code.startsWith("bad_")) refusePoll(link, now, one, code, detail);
  else poll.answered(one, Math.max(at, now + REFUSED_PAUSE));
}

function refusePoll(
  link: Link,
  now: Millis,
  one: poll.ChannelPoll,
  code: string,
  message: string,
): void {
  const subscription = link.subscriptions.byId(one.subscription);
  if (subscription) refuse(link, now, subscription, code, message);
}

/** Where no poll of any channel gets through any more, there is nothing to fall back on. */
function giveUpPollingIfLost(link: Link, now: Millis, polling: Polling): void {
  const { attempt, polls } = polling;
  const isSilent = now - polling.answeredAt >= SILENCE_MAX;
  const allLost = polls.channels.length && polls.channels.every(poll.isLost);
  if (!attempt || !isSilent || !allLost) return;
  cancelPolls(link);
  // Whatever is remembered of the network, polls do no better there.
  enterReconnecting(link, now, attempt, policy.newFallbackPolicy(now, false), "lost");
  if (attempt.kind === "waiting") attempt.at = usualTime(link, now);
}
