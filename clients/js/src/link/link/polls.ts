// Twin of crates/link/src/link/polls.rs. Plain HTTP: seeing whether it gets through, and carrying
// events while WebSocket does not. In: answers and failures. Out: probes, polls, notices, and the
// way back when polls fail too.

import { type Millis, NEVER, NOT_YET, seconds } from "../../machine/time.js";
import { FORBIDDEN } from "../../protocol/error.js";
import type { PollAnswer } from "../../protocol/poll.js";
import { accept, refuse as refuseToken } from "../credential.js";
import * as effort from "../effort.js";
import { failHttp } from "../endpoints.js";
import { addDeath, isHeld } from "../flaps.js";
import type { Input, PollFailure, Polled } from "../input.js";
import type { Link } from "../link.js";
import { isBlocked, isSuspected, sight } from "../memory.js";
import type { Polling } from "../phase.js";
import * as poll from "../poll.js";
import { echo } from "../session.js";
import type { Subscription } from "../subscription.js";
import { tryAnew, wantToken } from "./attempt.js";
import { rest } from "./ending.js";
import { enterLive, enterPolling, enterReconnecting } from "./enter.js";
import { finish, refuse } from "./frame.js";
import { say } from "./gauge.js";
import { usualTime } from "./plan.js";

/** How long a probe may take. */
const PROBE_TIMEOUT = seconds(5);
/** A session beside the polls that has lived so long needs no other proof. */
const RETURN_PROOF = seconds(20);
/** How long no poll must have been answered before polling counts as lost. */
const SILENCE_MAX = seconds(10);

/** Sees whether plain HTTP gets through, unless that is being seen to. */
export function probePath(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind !== "trying" || phase.effort.isServerBusy || link.probingUntil > now) return;
  if (link.channels.isEmpty()) return;
  // The last one was never answered.
  if (link.probingUntil > NOT_YET) {
    failHttp(link.endpoints);
    effort.disprove(phase.effort);
  }
  link.probingUntil = now + PROBE_TIMEOUT;
  link.out.push({ kind: "probe", endpoint: link.endpoints.http || undefined });
}

export function onProbed(link: Link, now: Millis, { isOk }: Input & { kind: "probed" }): void {
  const { phase } = link;
  const isInTime = now <= link.probingUntil;
  link.probingUntil = NOT_YET;
  if (!isOk) {
    failHttp(link.endpoints);
    if (phase.kind === "trying") effort.disprove(phase.effort);
  } else if (isInTime) {
    provePath(link, now);
  }
}

function provePath(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind !== "trying") return;
  const isFirst = effort.prove(phase.effort, now, link.config);
  if (effort.confirmLostReturn(phase.effort)) addDeath(link.flaps, now);
  if (isFirst) tryAnew(link, now);
  fallBackIfWanted(link, now);
}

/** Begins to poll if all speaks for it. The attempt goes on beside it. */
export function fallBackIfWanted(link: Link, now: Millis): void {
  const { phase, channels } = link;
  if (phase.kind !== "trying" || channels.isEmpty()) return;
  const { attempt } = phase;
  const isSuspect = isSuspected(link.memory, now);
  if (!effort.wantsFallback(phase.effort, now, isSuspect, link.config)) return;
  // A socket that opened speaks for a path that is slow rather than blocked.
  const isThrough = attempt.kind === "greeting" && !isSuspect;
  if (attempt.kind === "wanting_token" || isThrough) return;
  const polls = channels.iter().map((one) => poll.newPoll(one.id, now));
  const isDark = phase.effort.isDark && attempt.kind === "opening";
  const way = { attempt, session: undefined, returns: 0, isDark };
  if (effort.isProven(phase.effort, now)) sight(link.memory, now);
  enterPolling(link, now, { kind: "polling", polls, ...way, answeredAt: now });
}

/** Sends the polls that are due, and gives up those that have taken too long. */
export function runPolls(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind !== "polling") return;
  for (const one of phase.polls) {
    const { asked } = one;
    if (asked && asked.until <= now) {
      link.out.push({ kind: "cancel_poll", poll: asked.poll });
      poll.missed(one, now, link.config, link.rng);
    }
    if (!one.asked && one.dueAt <= now) ask(link, now, one);
  }
  giveUpPollingIfLost(link, now, phase);
}

function ask(link: Link, now: Millis, one: poll.ChannelPoll): void {
  const subscription = link.channels.byId(one.subscription);
  if (!subscription) return;
  const since = subscription.since();
  // The first poll of a channel is to learn where it stands: it does not wait.
  const isLong = !!subscription.position();
  const waitMs = isLong ? link.config.pollWaitMs : 0;
  const id = ++link.lastPoll;
  const until = now + waitMs + poll.ANSWER_TIMEOUT;
  const tokenVersion = link.credential.version;
  one.asked = { poll: id, since, at: now, until, isLong, tokenVersion };
  const { channel } = subscription;
  const endpoint = link.endpoints.http || undefined;
  link.out.push({ kind: "poll", poll: id, channel, since, waitMs, endpoint });
}

export function onPolled(link: Link, now: Millis, polled: Polled): void {
  const { phase } = link;
  if (phase.kind !== "polling") return;
  const taken = poll.take(phase.polls, polled.poll, now);
  const subscription = taken && link.channels.byId(taken[0].subscription);
  if (!subscription) return;
  const [one, asked] = taken;
  if (polled.answer) onAnswer(link, now, phase, one, subscription, asked, polled.answer);
  else onPollFailure(link, now, one, subscription, asked, polled.failure);
}

function onPollFailure(
  link: Link,
  now: Millis,
  one: poll.ChannelPoll,
  subscription: Subscription,
  asked: poll.Asked,
  failure: PollFailure,
): void {
  switch (failure.kind) {
    case "unreachable":
      return poll.missed(one, now, link.config, link.rng);
    case "busy":
      return poll.putOff(one, now, failure.retry_after_ms);
    case "unauthorized":
      // It may have been its age: the answer does not say.
      switch (refuseToken(link.credential, asked.tokenVersion, asked.at, "age")) {
        case "again":
          return;
        case "renew":
          one.dueAt = NEVER;
          return wantToken(link);
        case "stop":
          return rest(link, now, "rejected");
      }
      return;
    case "refused": {
      const message = "the server does not let this link poll the channel";
      return refuse(link, now, subscription, FORBIDDEN, message);
    }
  }
}

function onAnswer(
  link: Link,
  now: Millis,
  polling: Polling,
  one: poll.ChannelPoll,
  subscription: Subscription,
  asked: poll.Asked,
  answer: PollAnswer,
): void {
  const { id, channel } = subscription;
  if (answer.channel !== channel) return poll.missed(one, now, link.config, link.rng);
  accept(link.credential, asked.tokenVersion);
  polling.answeredAt = now;
  poll.answered(one, now, asked, !answer.events.length, answer.next_poll_ms);
  const isTaken = subscription.onAnswer(answer, asked.since, !one.isTold, link.tell);
  one.isTold ||= isTaken;
  if (isTaken && answer.final) finish(link, now, id, channel);
}

/** What is to speak for polling from now on. */
export const freshEffort = ({ memory }: Link, now: Millis): effort.Effort =>
  effort.newEffort(now, isBlocked(memory, now));

/** A session beside the polls is asked for a sign of life, which ends them. */
export function proveReturn(link: Link, now: Millis): void {
  const { kind, session } = link.phase;
  if (kind !== "polling" || !session) return;
  say(link, now, session.socket, echo(session, now, link.config, link.gauge.rtt));
  joinIfReady(link, now);
}

/**
 * Once the session follows every channel and has shown that it lives, polling has done its work;
 * where sessions kept dying, not before this one has held out.
 */
export function joinIfReady(link: Link, now: Millis): void {
  const { session } = link.phase;
  if (!session || joinAt(link) > now) return;
  cancelPolls(link);
  enterLive(link, now, session, true);
}

/** When the session beside the polls will have proven itself, if nothing else is heard. */
export function joinAt({ phase, channels, flaps, config }: Link): Millis {
  const { kind, session } = phase;
  if (kind !== "polling" || !session || !channels.allFollowed()) return NEVER;
  const { since } = session;
  // By then a path that is dead would have been noticed.
  if (isHeld(flaps, since)) return since + config.heartbeatIntervalMs + config.heartbeatTimeoutMs;
  return session.pulse.isAnswered ? since : since + RETURN_PROOF;
}

/** Gives up the polls under way. */
export function cancelPolls(link: Link): void {
  if (link.phase.kind !== "polling") return;
  for (const id of poll.underWay(link.phase.polls)) {
    link.out.push({ kind: "cancel_poll", poll: id });
  }
}

/** Where no poll of any channel gets through any more, there is nothing to fall back on. */
function giveUpPollingIfLost(link: Link, now: Millis, polling: Polling): void {
  const { attempt, polls } = polling;
  const isSilent = now - polling.answeredAt >= SILENCE_MAX;
  const allLost = polls.length && polls.every(poll.isLost);
  if (!attempt || !isSilent || !allLost) return;
  cancelPolls(link);
  failHttp(link.endpoints);
  // Whatever is remembered of the network, polls do no better there.
  enterReconnecting(link, now, attempt, effort.newEffort(now, false), "lost");
  if (attempt.kind === "waiting") attempt.at = usualTime(link, now);
}
