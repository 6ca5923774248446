// The race between two endpoints, as a plugin: where the first takes long to open, the next one is
// dialled beside it. An entry.

import { racing as part } from "./parts/racing.js";
import type { Plugin } from "./plugin.js";

/** Races endpoints. Without it the next one is dialled once the first has failed. */
export const racing = (): Plugin => ({ parts: { racing: part } });
