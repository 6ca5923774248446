// The client under test, in Node, with all that it tells written down.

import { WebSocket } from "ws";
import type { Client, SteadfastError } from "../../src/node.js";
import { type NodeOptions, connect } from "../../src/node.js";
import type { Message } from "../../src/link/message.js";
import type { ChannelEvent, Gap, SubscribeOptions, Subscription } from "../../src/node.js";
import { Told } from "../server.js";

/** Short delays, so that a test need not wait for what is proven in virtual time. */
export const HURRY = { delayFloorMs: 20, backoffMinMs: 20, returnMinMs: 300 };

/** A client and what it told. */
export interface Subject {
  readonly client: Client;
  /** `new (was old): reason`. */
  readonly states: Told<string>;
  readonly notices: Told<Message | null>;
  readonly errors: Told<SteadfastError>;
}

const all: Client[] = [];

/** Closes every client, so that none outlives its test. */
export const closeAll = (): void => all.splice(0).forEach((client) => client.close());

export function subject(url: string | string[], options: Partial<NodeOptions> = {}): Subject {
  const [states, notices] = [new Told<string>(), new Told<Message | null>()];
  const errors = new Told<SteadfastError>();
  const settings = { ...HURRY, ...options.settings };
  const onError = errors.push;
  const client = connect({ WebSocket, onError, ...options, url, settings });
  all.push(client);
  client.onStateChange((state, old, reason) => states.push(`${state} (was ${old}): ${reason}`));
  client.onNotice(notices.push);
  return { client, states, notices, errors };
}

/** A channel and what was told of it. */
export interface Followed {
  readonly subscription: Subscription;
  readonly events: Told<ChannelEvent>;
  readonly gaps: Told<Gap>;
  /** Positions, and whether all after the one asked for comes. */
  readonly subscribed: Told<{ position: { epoch: string; offset: number }; isRecovered: boolean }>;
  readonly errors: Told<SteadfastError>;
}

export function follow(client: Client, channel: string, more: SubscribeOptions = {}): Followed {
  const [events, gaps] = [new Told<ChannelEvent>(), new Told<Gap>()];
  const subscribed: Followed["subscribed"] = new Told();
  const errors = new Told<SteadfastError>();
  const subscription = client.subscribe(channel, {
    onEvent: events.push,
    onGap: gaps.push,
    onSubscribed: subscribed.push,
    onError: errors.push,
    ...more,
  });
  return { subscription, events, gaps, subscribed, errors };
}

/** The offsets of what came. */
export const offsets = ({ events }: Pick<Followed, "events">): number[] =>
  events.all.map(({ offset }) => offset);

/** 1 to `count`. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);
