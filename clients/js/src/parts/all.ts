// Every part of a link: what the package's main entry loads, and what traces are replayed on.

import { messages } from "./messages.js";
import { networks } from "./networks.js";
import type { Parts } from "./parts.js";
import { publishing } from "./publishing.js";
import { quality } from "./quality.js";
import { racing } from "./racing.js";
import { statistics } from "./statistics.js";

/** All of them. */
export const ALL: Parts = { messages, networks, publishing, quality, racing, statistics };
