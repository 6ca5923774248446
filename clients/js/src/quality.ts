// How good the link is, as a plugin: a score, a word, and what takes points off. An entry.

import type { Client } from "./client.js";
import type { QualityReport } from "./link/quality.js";
import { Listeners } from "./notices.js";
import { quality as part } from "./parts/quality.js";
import type { Plugin } from "./plugin.js";

export type { QualityReport };

/** What a client can say of its quality. */
export interface QualityApi {
  /** How good the link is at this instant. */
  readonly quality: QualityReport;
  /** Calls back whenever its grade changes. */
  onQuality(listener: (quality: QualityReport) => unknown): () => void;
}

/** Grades the link's quality; operators are told of it where `statistics` is loaded as well. */
export const quality = (): Plugin<QualityApi> => ({ parts: { quality: part }, attach });

function attach(client: Client): { api: QualityApi } {
  const listeners = new Listeners<[QualityReport]>(client.report);
  client.takers.set("quality", ({ kind: _, ...report }) => listeners.tell(report));
  return {
    api: {
      get quality() {
        return client.link.quality!.report(client.link, client.clock.now());
      },
      onQuality: (listener) => listeners.add(listener),
    },
  };
}
