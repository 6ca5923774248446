// Twin of crates/link/src/coordinator/polls.rs. Polls of the channels while WebSocket does not get
// through. In: answers and failures of polls, the time. Out: polls, notices, and the way back to
// attempts when polls fail too.

import { type Millis, NEVER, type Span, seconds } from "../../machine/time.js";
import { FORBIDDEN } from "../../protocol/error.js";
import {
  type PollAnswer,
  type PollPage,
  type PollRefusal,
  emptyPage,
} from "../../protocol/poll.js";
import { HINT_MAX } from "../backoff.js";
import { connect } from "../connector.js";
import { failHttp, holdHttp, seekHttp } from "../connector/endpoints.js";
import { usualTime } from "../connector/timing.js";
import type { Link } from "../coordinator.js";
import { accept, refuse as refuseToken } from "../credential.js";
import type { Polled } from "../input.js";
import * as poller from "../poller.js";
import {
  type ChannelPoll,
  type PollBatch,
  type PollRequest,
  answered,
} from "../poller/poll.js";
import * as subscriptions from "../subscriptions.js";
import { onPage as onSubscriptionPage, since } from "../subscriptions/subscription.js";
import { wantToken } from "./dials.js";
import { finish, refuse } from "./frame.js";
import { rest } from "./reconnect.js";
import { cancelPolls } from "./returning.js";
import { enterReconnecting } from "./transitions.js";

/** The longest pause that a server may ask for. */
const PAUSE_MAX = seconds(60);
/** How long a channel is left alone that the server cannot serve for now. */
const REFUSED_PAUSE = seconds(5);

/** Sends the polls that are due, and gives up those that have taken too long. */
export function runPolls(link: Link, now: Millis): void {
  const { poller: polls } = link;
  const { endpoints } = link.connector;
  if (link.phase !== "polling") return;
  poller.review(polls, (id) => !!subscriptions.byId(link.subscriptions, id)?.position);
  for (const { poll, until } of polls.requests) {
    if (until > now) continue;
    link.out.push({ kind: "cancel_poll", poll });
    onPolled(link, now, { kind: "polled", poll, failure: { kind: "unreachable" } });
  }
  poller.putOff(polls, now, seekHttp(endpoints, now));
  for (let batch; (batch = poller.next(polls, now, endpoints.http)); ) {
    for (const poll of batch.replaces) {
      poller.take(polls, poll, now);
      link.out.push({ kind: "cancel_poll", poll });
    }
    sendPoll(link, now, batch);
  }
  giveUpPollingIfLost(link, now);
}

function sendPoll(link: Link, now: Millis, batch: PollBatch): void {
  const { http } = link.connector.endpoints;
  const channels = batch.channels.map((one) => {
    const subscription = subscriptions.byId(link.subscriptions, one.subscription)!;
    return { channel: subscription.channel, since: (one.since = since(subscription)) };
  });
  // The first poll of a channel is to learn where it stands: it does not wait.
  const waitMs = batch.isLong ? link.settings.pollWaitMs : 0;
  const { version } = link.credential;
  const poll = poller.ask(link.poller, batch, now, waitMs, http, version);
  link.out.push({ kind: "poll", poll, channels, waitMs, endpoint: http || undefined });
}

export function onPolled(link: Link, now: Millis, polled: Polled): void {
  const { endpoints } = link.connector;
  const taken = poller.take(link.poller, polled.poll, now);
  if (!taken) return;
  const [request, asked] = taken;
  const { answer, failure } = polled;
  if (answer) return onAnswer(link, now, request, asked, answer);
  switch (failure.kind) {
    case "unreachable":
      return onMiss(link, now, request, asked);
    case "busy": {
      const hint = Math.min(Math.max(failure.retry_after_ms, poller.EMPTY_PAUSE), HINT_MAX);
      holdHttp(endpoints, request.endpoint, now + hint);
      const at = seekHttp(endpoints, now);
      for (const one of asked) answered(one, at);
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
      if (request.isGrouped) {
        link.poller.single.add(request.endpoint);
        return;
      }
      const message = "the server does not let this link poll the channel";
      for (const one of asked) refusePoll(link, now, one, FORBIDDEN, message);
    }
  }
}

/** No answer came, and the next poll goes to another endpoint. */
function onMiss(
  link: Link,
  now: Millis,
  request: PollRequest,
  asked: readonly ChannelPoll[],
): void {
  const { endpoints } = link.connector;
  if (endpoints.http === request.endpoint) failHttp(endpoints);
  poller.onMiss(link.poller, now, request, asked, endpoints.count);
}

function onAnswer(
  link: Link,
  now: Millis,
  request: PollRequest,
  asked: readonly ChannelPoll[],
  answer: PollAnswer,
): void {
  const { pages, refused } = answer;
  const pageOf = (one: ChannelPoll): PollPage | undefined => {
    const channel = subscriptions.byId(link.subscriptions, one.subscription)?.channel;
    return pages.find((page) => page.channel === channel);
  };
  if (!request.isGrouped && !asked.every(pageOf)) {
    return onMiss(link, now, request, asked);
  }
  accept(link.credential, request.tokenVersion);
  poller.onAnswer(link.poller, now, request);
  const isEmpty = pages.every(({ events }) => !events.length);
  const floor = isEmpty ? request.at + poller.EMPTY_PAUSE : now;
  const at = timeOfNextPoll(link, now, request, floor, answer.next_poll_ms);
  for (const one of asked) {
    const { since } = one;
    const subscription = subscriptions.byId(link.subscriptions, one.subscription);
    if (!subscription) continue;
    const { channel } = subscription;
    const page = pageOf(one);
    const refusal = refused.find((refusal) => refusal.channel === channel);
    if (page) onPage(link, now, one, page, at);
    else if (refusal) onRefusal(link, now, one, refusal, at);
    // It stands where it stood.
    else if (typeof since === "object") onPage(link, now, one, emptyPage(channel, since), at);
    else answered(one, Math.max(at, floor));
  }
}

/**
 * When to poll again after an answer, and where: an endpoint that names a pause to a poll that was
 * to wait leaves, and is left at once where there is another.
 */
function timeOfNextPoll(
  { connector: { endpoints } }: Link,
  now: Millis,
  { isLong, endpoint }: PollRequest,
  floor: Millis,
  pause: Span,
): Millis {
  // The pause after a short poll is for who goes on with short ones; the next one waits.
  if (!isLong) return now;
  // A server that did not wait though it was asked to would be asked again at once, for ever.
  const at = Math.max(now, floor);
  if (!pause) return at;
  holdHttp(endpoints, endpoint, Math.max(at, now + Math.min(pause, PAUSE_MAX)));
  return seekHttp(endpoints, now);
}

function onPage(
  link: Link,
  now: Millis,
  one: ChannelPoll,
  page: PollPage,
  at: Millis,
): void {
  const subscription = subscriptions.byId(link.subscriptions, one.subscription);
  if (link.phase !== "polling" || !subscription) return;
  answered(one, at);
  const isTaken = onSubscriptionPage(subscription, page, one.since!, !one.hasAnswered, link.tell);
  one.hasAnswered ||= isTaken;
  if (isTaken && page.final) finish(link, now, subscription.id, subscription.channel);
}

/** One entry of a poll is not served: for good, or for now. */
function onRefusal(
  link: Link,
  now: Millis,
  one: ChannelPoll,
  { code, detail }: PollRefusal,
  at: Millis,
): void {
  if (code === FORBIDDEN || code.startsWith("bad_")) refusePoll(link, now, one, code, detail);
  else answered(one, Math.max(at, now + REFUSED_PAUSE));
}

function refusePoll(
  link: Link,
  now: Millis,
  one: ChannelPoll,
  code: string,
  message: string,
): void {
  const subscription = subscriptions.byId(link.subscriptions, one.subscription);
  if (subscription) refuse(link, now, subscription, code, message);
}

/** Where no poll of any channel gets through any more, there is nothing to fall back on. */
function giveUpPollingIfLost(link: Link, now: Millis): void {
  const { connector } = link;
  if (!poller.isLost(link.poller, now) || link.health.session) return;
  cancelPolls(link);
  connect(connector, now, false);
  enterReconnecting(link, now, "lost");
  const { attempt } = connector;
  if (attempt?.kind === "waiting") attempt.at = usualTime(connector, now);
}
