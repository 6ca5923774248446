// Publishing from a link, as a plugin. An entry.

import type { Client } from "./client.js";
import { publishing as part } from "./parts/publishing.js";
import type { Plugin } from "./plugin.js";
import type { Position } from "./protocol/position.js";
import type { PublishOptions } from "./publish.js";
import { Tickets } from "./publish.js";

export type { PublishOptions };

/** What a client can publish. */
export interface PublishingApi {
  /**
   * Publishes an event where the token permits it. Resolves once the server has it, rejects with a
   * `SteadfastError`; without a session it waits for one.
   */
  publish(
    channel: string,
    event: string,
    data?: unknown,
    options?: PublishOptions,
  ): Promise<Position>;
}

/** Publishes from the link: in order, each event once, with bounds on what waits. */
export const publishing = (): Plugin<PublishingApi> => ({ parts: { publishing: part }, attach });

function attach(client: Client): { api: PublishingApi } {
  const tickets = new Tickets();
  client.takers.set("published", (notice) => tickets.answer(notice));
  client.takers.set("publish_failed", (notice) => tickets.answer(notice));
  return {
    api: {
      publish: (channel, event, data, options = {}) =>
        tickets.take(channel, event, data, options, (input) => client.feedOnceBegun(input)),
    },
  };
}
