// What people are to be told of the link, as a plugin. Their texts are in `steadfast/texts`. An
// entry.

import type { Client } from "./client.js";
import type { Message } from "./link/message.js";
import { Listeners } from "./notices.js";
import { messages as part } from "./parts/messages.js";
import type { Plugin } from "./plugin.js";

export type { Message };

/** What a client has for people. */
export interface MessagesApi {
  /** What people are to be told now, if anything: its text is in `steadfast/texts`. */
  readonly notices: Message | null;
  /** Calls back whenever something else is to be told to people, or nothing any more. */
  onNotice(listener: (notice: Message | null) => unknown): () => void;
}

/** Chooses what people are told; of a poor network where `quality` is loaded as well. */
export const messages = (): Plugin<MessagesApi> => ({ parts: { messages: part }, attach });

function attach(client: Client): { api: MessagesApi } {
  const listeners = new Listeners<[Message | null]>(client.report);
  let notices: Message | null = null;
  client.takers.set("message", ({ message }) => listeners.tell((notices = message)));
  return {
    api: {
      get notices() {
        return notices;
      },
      onNotice: (listener) => listeners.add(listener),
    },
  };
}
