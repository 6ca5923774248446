// The client for browsers, with everything.

import type { ConnectOptions } from "./client.js";
import { FullClient } from "./full_client.js";
import { page } from "./page.js";

export * from "./api.js";

/** Starts a client: it connects, and keeps connecting, until it is closed. */
export const connect = (options: ConnectOptions): FullClient => new FullClient(options, page());
