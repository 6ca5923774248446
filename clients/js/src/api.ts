// What every entry with the whole client exports beside its own `connect`.

export type { ConnectOptions } from "./client.js";
export * from "./core_api.js";
export { FullClient as Client } from "./full_client.js";
export type { Message } from "./link/message.js";
export type { QualityReport } from "./link/quality.js";
export type { PublishOptions } from "./publish.js";
export type { Statistics } from "./statistics.js";
export { VERSION } from "./version.js";
