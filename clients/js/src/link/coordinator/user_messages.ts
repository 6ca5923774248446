// Twin of crates/link/src/coordinator/user_messages.rs. What people are told of the link: the clues
// for it, gathered from what happens anyway. In: inputs, ends and outputs. Out: one notice for each
// change. Must not choose between messages.

import { type Millis, NEVER } from "../../machine/time.js";
import * as CloseCode from "../../protocol/close.js";
import type { Link } from "../coordinator.js";
import { isWanted } from "../credential.js";
import { type End, codeOf } from "../end.js";
import type { Input } from "../input.js";
import * as messages from "../message.js";
import { isStalled } from "../poller.js";

/** What people are told, and why a rejection would be. */
export interface UserMessages {
  readonly all: messages.Messages;
  /** What was wrong with the token when it was last refused. */
  tokenFault: messages.Clue;
}

/** Should this input end in a rejection, it is known why; an end may tell better. */
export function noteInput(
  link: Link,
  told: UserMessages,
  now: Millis,
  input: Input,
): void {
  const isUnauthorized = input.kind === "polled" && input.failure?.kind === "unauthorized";
  const hasToken = link.credential.token != null;
  if (isUnauthorized) told.tokenFault = hasToken ? "token_refused" : "token_missing";
  const isToken = isWanted(link.credential) || isUnauthorized;
  messages.onClue(told.all, now, isToken ? told.tokenFault : "refused");
}

/** An attempt or a session has ended. */
export function noteEnd(told: UserMessages, now: Millis, end: End): void {
  for (const clue of clues(end)) {
    messages.onClue(told.all, now, clue);
    const isToken = clue === "token_missing" || clue === "token_refused";
    if (isToken || clue === "clock_wrong") told.tokenFault = clue;
  }
}

/** Tells what is to be seen, where that has changed. */
export function tellMessage(link: Link, { all }: UserMessages, now: Millis): void {
  const { connector } = link;
  if (!link.settings.messages) return;
  if (link.out.some((output) => output.kind === "gap")) messages.onClue(all, now, "gap");
  messages.onClue(all, now, link.quality?.isPoor(now) ? "poor" : "not_poor");
  messages.onClue(all, now, isStalled(link.poller) ? "stalled" : "not_stalled");
  const nextTry = connector.attempt?.kind === "waiting" ? connector.attempt.at : undefined;
  if (!messages.review(all, now, nextTry)) return;
  link.tell({ kind: "message", message: messages.message(all) });
}

/** When that changes next. */
export const messageWake = (link: Link, { all }: UserMessages): Millis =>
  (link.settings.messages ? messages.wake(all) : undefined) ?? NEVER;

/** What an end says of the path or the server, and what a rejection by it is put down to. */
function clues(end: End): messages.Clue[] {
  switch (codeOf(end)) {
    case CloseCode.TRY_LATER:
    case CloseCode.BROKER_UNAVAILABLE:
      return ["busy"];
    case CloseCode.RESTART:
    case CloseCode.DRAINING:
      return ["leaving"];
    case CloseCode.TOKEN_MISSING:
      return ["no_word", "token_missing"];
    case CloseCode.DISCONNECTED:
      return ["no_word", "disconnected"];
    case CloseCode.REPLACED:
      return ["no_word", "replaced"];
    case CloseCode.TOKEN_NOT_YET_VALID:
      return ["no_word", "clock_wrong"];
  }
  switch (end.kind) {
    case "busy":
    case "portal":
      return [end.kind];
    case "left":
      return ["leaving"];
    case "refresh_token":
      return ["no_word", "token_refused"];
    case "refused":
    case "never":
      return ["no_word", "refused"];
    default:
      return ["no_word"];
  }
}
