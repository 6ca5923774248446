// What people are to be told, as a part of a link. In: clues. Out: notices. Without `quality` a
// poor network is not among them.

import { enter, newMessages, onClue, sleep } from "../link/message.js";
import * as userMessages from "../link/coordinator/user_messages.js";
import type { MessagesPart } from "./parts.js";

/** Makes the part. */
export function messages(): MessagesPart {
  const all = newMessages();
  const told: userMessages.UserMessages = { all, tokenFault: "token_refused" };
  return {
    noteInput: (link, now, input) => userMessages.noteInput(link, told, now, input),
    noteEnd: (_link, now, end) => userMessages.noteEnd(told, now, end),
    onClue: (now, clue) => onClue(all, now, clue),
    enter: (now, state, reason) => enter(all, now, state, reason),
    sleep: (slept) => sleep(all, slept),
    tell: (link, now) => userMessages.tellMessage(link, told, now),
    wake: (link) => userMessages.messageWake(link, told),
  };
}
