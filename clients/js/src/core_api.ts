// What every entry exports beside its own `connect` and client.

export type { ErrorCode } from "./errors.js";
export { SteadfastError, isSteadfastError } from "./errors.js";
export type { DeviceInput, Lifecycle, NetworkKind } from "./lifecycle.js";
export type { LinkSettings } from "./link/config.js";
export type { LinkState, Reason } from "./link/state.js";
export type { Gap, Position, Since } from "./protocol/position.js";
export type { PositionStorage } from "./storage.js";
export type { ChannelEvent, SubscribeOptions } from "./subscription.js";
export { Subscription } from "./subscription.js";
export type { TokenSource, TokenWish } from "./token.js";
export type {
  Answer,
  DialFailure,
  Request,
  Socket,
  SocketHandlers,
  Transport,
} from "./transport.js";
