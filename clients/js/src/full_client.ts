// The client with every plugin, which the main entries make. In: what a client is made with. Out:
// the client, and what the plugins add to it.

import { Client, type ConnectOptions, type Platform } from "./client.js";
import { type MessagesApi, messages } from "./messages.js";
import { networks } from "./networks.js";
import { type PublishingApi, publishing } from "./publishing.js";
import { type QualityApi, quality } from "./quality.js";
import { racing } from "./racing.js";
import { type StatisticsApi, statistics } from "./statistics.js";

/** One link, kept alive until it is closed. */
export class FullClient extends Client {
  /** For entries alone: apps call `connect`. */
  constructor(options: ConnectOptions, platform: Platform) {
    super(options, platform, [
      messages(),
      networks(),
      publishing(),
      quality(),
      racing(),
      statistics(),
    ]);
  }
}

export interface FullClient extends MessagesApi, PublishingApi, QualityApi, StatisticsApi {}
