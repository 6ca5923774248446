// Twin of crates/protocol/src/codec/json.rs. Text to frames and back: the only place that knows
// JSON. In: one text message, or the body of a poll's answer. Out: a frame whose fields are what
// its type says, or the verdict that it is none.

import type { ClientFrame } from "../frame/client.js";
import type { ServerFrame } from "../frame/server.js";
import { INTEGER_MAX } from "../limits.js";
import type { PollAnswer, PollPage } from "../poll.js";

/** What a value must be: a letter for a plain one, an object for fields, a list for all alike. */
type Shape = "n" | "s" | "b" | "id" | Fields | readonly [Shape];
/** The shape of each field; one of a name with `?` behind it may be missing or null. */
interface Fields {
  readonly [field: string]: Shape;
}

const ID: Fields = { "id?": "id" };
const PLACE: Fields = { epoch: "s", offset: "n" };
const GAP: Fields = { from: PLACE, to: PLACE };
const EVENT: Fields = { offset: "n", event: "s", time: "s" };
const CHANNEL: Fields = { channel: "s" };

const FRAMES: Fields = {
  welcome: {
    heartbeat: { interval: "n", timeout: "n" },
    limits: { message_bytes: "n", "frames_per_second?": "n", "frames_burst?": "n" },
    crash_window_ms: "n",
    "path_idle_limit_ms?": "n",
    "token_expires_in_ms?": "n",
    server_time: "s",
  },
  subscribed: { ...ID, ...CHANNEL, ...PLACE, "head?": "n", recovered: "b", "gap?": GAP },
  event: { ...CHANNEL, "epoch?": "s", ...EVENT },
  superseded: { ...CHANNEL, from: "n", to: "n" },
  finished: CHANNEL,
  published: { ...ID, ...PLACE, "repeated?": "b" },
  refreshed: { ...ID, "expires_in_ms?": "n" },
  heartbeat_ack: { ...ID, server_time: "s" },
  pong: ID,
  ping: ID,
  go_away: { after_ms: "n", spread_ms: "n", "to?": "s" },
  error: { ...ID, "channel?": "s", code: "s", message: "s", retry: "b" },
};

const PAGE: Fields = { ...CHANNEL, ...PLACE, events: [EVENT], final: "b", "gap?": GAP };
const PAUSE: Fields = { next_poll_ms: "n" };
const ONE: Fields = { ...PAGE, ...PAUSE };
const REFUSAL: Fields = { ...CHANNEL, code: "s", detail: "s" };
const MANY: Fields = { pages: [PAGE], refused: [REFUSAL], ...PAUSE };

/** What a server said; null for a type that is not known, to be ignored; undefined for no frame. */
export function serverFrame(text: string): ServerFrame | null | undefined {
  const frame = parse(text) as ServerFrame | undefined;
  const type: unknown = frame?.type;
  if (typeof type !== "string") return undefined;
  if (!Object.keys(FRAMES).includes(type)) return null;
  return fits(frame, FRAMES[type]!) ? frame : undefined;
}

/** The answer to a poll of many channels or of one; undefined where it is none. */
export function pollAnswer(text: string): PollAnswer | undefined {
  const answer = parse(text);
  if (fits(answer, MANY)) return answer as PollAnswer;
  if (!fits(answer, ONE)) return undefined;
  const page = answer as PollPage & Pick<PollAnswer, "next_poll_ms">;
  return { pages: [page], refused: [], next_poll_ms: page.next_poll_ms };
}

/** Writes what a client says. */
export const encodeClient = (frame: ClientFrame): string => JSON.stringify(frame);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fits(value: unknown, shape: Shape): boolean {
  switch (shape) {
    case "n":
      return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= INTEGER_MAX;
    case "s":
      return typeof value === "string";
    case "b":
      return typeof value === "boolean";
    case "id":
      return typeof value === "string" || typeof value === "number";
    default:
      return shape instanceof Array
        ? value instanceof Array && value.every((one) => fits(one, shape[0]))
        : hasFields(value, shape as Fields);
  }
}

function hasFields(value: unknown, fields: Fields): boolean {
  if (typeof value !== "object" || !value) return false;
  return Object.entries(fields).every(([name, shape]) => {
    const isOptional = name.endsWith("?");
    const field = (value as Record<string, unknown>)[isOptional ? name.slice(0, -1) : name];
    return (isOptional && field == null) || fits(field, shape);
  });
}
