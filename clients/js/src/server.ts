// For backends in Node: publishing to the internal port, tokens for clients. An entry.

export { SteadfastError, isSteadfastError } from "./errors.js";
export { BatchError, PublishError } from "./server/errors.js";
export { Publisher } from "./server/publisher.js";
export type { Publication, PublisherOptions, PublishOptions } from "./server/publisher.js";
export type { Receipt } from "./server/problem.js";
export type { RetryPolicy } from "./server/retry.js";
export { makeToken } from "./server/token.js";
export type { Algorithm, TokenOptions } from "./server/token.js";
