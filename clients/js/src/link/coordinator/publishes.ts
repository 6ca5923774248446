// Twin of crates/link/src/coordinator/publishes.rs. What the app publishes: kept until the server
// has answered it, sent while there is a session, told when its fate is known. In: publishes,
// answers, ends. Out: frames, and one notice for each ticket.

import type { Millis } from "../../machine/time.js";
import type { PublishFrame } from "../../protocol/frame/client.js";
import type { ErrorFrame, Published } from "../../protocol/frame/server.js";
import type { Link } from "../coordinator.js";
import type { Publish } from "../input.js";
import { type PublishFailure, isRetryable } from "../output.js";
import { openAt } from "../pacer.js";
import * as publisher from "../publisher.js";
import type { Publisher } from "../publisher.js";
import { newRequest, readNumber } from "../subscriptions.js";

export function onPublish(link: Link, all: Publisher, input: Publish): void {
  const { ticket, channel, event, data } = input;
  const replace = input.replace ?? undefined;
  const final = input.isFinal || undefined;
  const isResting = link.phase === "resting";
  const frame: PublishFrame = { type: "publish", channel, event, data, final, replace };
  const failure = isResting
    ? "closed"
    : publisher.add(all, ticket, frame, link.settings);
  if (failure) tellFailed(link, ticket, failure);
}

/** Sends what may be sent, and tells of what has waited for an answer for too long. */
export function runPublishes(link: Link, all: Publisher, now: Millis): void {
  let ticket;
  while ((ticket = publisher.takeOverdue(all, now)) !== undefined) {
    tellFailed(link, ticket, "uncertain");
  }
  const { session } = link.health;
  let next;
  const newId = (): number => newRequest(link.subscriptions);
  const isOpen = (): boolean => openAt(link.pacer) <= now;
  while (session && isOpen() && (next = publisher.next(all, now, newId))) {
    if ("frame" in next) link.send(session.socket, next.frame);
    else tellFailed(link, next.ticket, next.failure);
  }
}

export function onPublished(
  link: Link,
  all: Publisher,
  { id, epoch, offset }: Published,
): void {
  const request = readNumber(id);
  const isOurs = request !== undefined;
  const ticket = isOurs ? publisher.takeAnswered(all, request) : undefined;
  if (ticket !== undefined) link.tell({ kind: "published", ticket, epoch, offset });
}

/** Whether the error was about a publish. */
export function onPublishError(
  link: Link,
  all: Publisher,
  now: Millis,
  frame: ErrorFrame,
): boolean {
  const request = readNumber(frame.id);
  if (request === undefined) return false;
  const { code, message, retry } = frame;
  const { jitterPercent } = link.settings;
  const refused = publisher.refuse(all, now, request, retry, jitterPercent, link.rng);
  if (refused === "other") return false;
  if (refused === "again") return true;
  const { ticket } = refused;
  if (refused.isUncertain) tellFailed(link, ticket, "uncertain");
  else link.tell({ kind: "publish_failed", ticket, code, message, isRetryable: retry });
  return true;
}

/** At rest nothing is sent any more. */
export function giveUpPublishes(link: Link, all: Publisher): void {
  let lost;
  while ((lost = publisher.giveUp(all))) tellFailed(link, lost.ticket, lost.failure);
}

function tellFailed(link: Link, ticket: number, failure: PublishFailure): void {
  link.tell({
    kind: "publish_failed",
    ticket,
    code: failure,
    message: publisher.message(failure, link.settings),
    isRetryable: isRetryable(failure),
  });
}
