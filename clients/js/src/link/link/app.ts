// Twin of crates/link/src/link/app.rs. What the app asks: up, down, this channel, that token. In:
// its wishes. Out: what follows.

import type { Millis } from "../../machine/time.js";
import { type CloseCode, NORMAL } from "../../protocol/close.js";
import { TOO_MANY_CHANNELS } from "../../protocol/error.js";
import type { Token } from "../../protocol/frame/client.js";
import type { ChannelName } from "../../protocol/name.js";
import type { Since } from "../../protocol/position.js";
import { Effort } from "../effort.js";
import type { Link } from "../link.js";
import { wantedSocket } from "../phase.js";
import { ChannelPoll, due, underWay } from "../poll.js";
import type { Reason } from "../state.js";
import { joinIfReady, settle } from "./attempt.js";
import { enterConnecting, enterOffline, enterResting } from "./enter.js";
import { cancelPolls } from "./polls.js";

export function onConnect(link: Link, now: Millis): void {
  if (link.phase.kind !== "resting") return;
  link.hasConnected = false;
  if (link.isOnline) {
    enterConnecting(link, now, link.schedule.admitAsked(now, link.config), "asked");
  } else {
    enterOffline(link, now);
  }
}

export function onSubscribe(link: Link, now: Millis, channel: ChannelName, since: Since): void {
  const id = link.channels.add(channel, since);
  if (id === "known") return;
  if (id === "full") {
    const max = link.config.channelsMax;
    const message = `a link follows at most ${max} channels; leave one first`;
    return link.tell({ kind: "refused", channel, code: TOO_MANY_CHANNELS, message });
  }
  link.isFinishing = false;
  if (link.phase.kind === "polling") link.phase.polls.push(new ChannelPoll(id, now));
  subscribe(link, now, id);
}

export function onUnsubscribe(link: Link, now: Millis, channel: ChannelName): void {
  const subscription = link.channels.find(channel);
  if (!subscription) return;
  const { kind } = subscription.standing;
  leave(link, subscription.id);
  if (kind === "asked" || kind === "followed") sayUnsubscribe(link, channel);
  joinIfReady(link, now);
}

export function onToken(link: Link, now: Millis, token: Token): void {
  const wasWanted = link.credential.isWanted();
  link.credential.give(now, token);
  if (!wasWanted) return;
  const { phase } = link;
  if (phase.attempt && phase.attempt.kind === "wanting_token") {
    phase.attempt = { kind: "waiting", at: link.schedule.admit(now) };
  }
  if (phase.kind === "trying") phase.effort = new Effort(now);
  if (phase.kind === "polling") {
    for (const one of phase.polls) {
      if (one.turn.kind === "wanting_token") one.turn = due(now);
    }
  }
}

export function onNoToken(link: Link, now: Millis): void {
  if (link.credential.isWanted()) rest(link, now, "rejected");
}

export function onClose(link: Link, now: Millis): void {
  if (link.phase.kind !== "resting") rest(link, now, "closed");
}

/** Ends everything, for good or until the app asks again. */
export function rest(link: Link, now: Millis, reason: Reason): void {
  dropTransports(link, now, NORMAL);
  link.credential.rest();
  link.endpoint = null;
  enterResting(link, now, reason);
}

/** Gives up the socket and the polls, whatever they were at. */
export function dropTransports(link: Link, now: Millis, code: CloseCode): void {
  const wanted = wantedSocket(link.phase);
  if (wanted) link.out.push({ kind: "close_socket", socket: wanted[0], code });
  cancelPolls(link);
  link.gauge.giveUp();
  settle(link, now);
  link.record.fail();
}

/** Forgets a channel, and its poll. */
export function leave(link: Link, id: number): void {
  link.channels.remove(id);
  if (link.phase.kind !== "polling") return;
  const { polls } = link.phase;
  const own = polls.findIndex((one) => one.subscription === id);
  if (own < 0) return;
  for (const poll of underWay(polls.splice(own, 1))) link.out.push({ kind: "cancel_poll", poll });
}

/** Asks for a channel on the session, if there is one. */
export function subscribe(link: Link, now: Millis, id: number): void {
  const { session } = link.phase;
  const request = session && link.channels.ask(now, id);
  if (request) link.send(session.socket, { type: "subscribe", ...request });
}

/** Leaves a channel on the session, if there is one. */
export function sayUnsubscribe(link: Link, channel: ChannelName): void {
  const { session } = link.phase;
  if (!session) return;
  const id = link.channels.newRequest();
  link.send(session.socket, { type: "unsubscribe", id, channel });
}
