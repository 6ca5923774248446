// What is remembered of networks that block WebSocket, as a plugin: on such a network a link begins
// with polling. An entry.

import type { Client } from "./client.js";
import { networks as part } from "./parts/networks.js";
import type { Attached, Plugin } from "./plugin.js";
import { loadNetworks, saveNetworks } from "./storage.js";

/** Where that is stored. */
const KEY = "steadfast:networks";

/** Remembers networks for a day, over a reload where the platform has a storage. */
export const networks = (): Plugin => ({ parts: { networks: part }, attach });

function attach(client: Client): Attached {
  const { clock, memory } = client;
  return {
    networks: loadNetworks(memory, KEY, clock.wall()),
    save: () => {
      const records = client.link.connector.networks!.records(clock.now());
      saveNetworks(memory, KEY, clock.wall(), records);
    },
  };
}
