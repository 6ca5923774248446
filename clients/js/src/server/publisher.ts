// Publishes from a backend to the internal port. In: events. Out: where they stand. The sockets and
// clocks of the other files of this folder; every repeat of a request has the same Idempotency-Key.

import { randomBytes } from "node:crypto";
import { Clock } from "../clock.js";
import { SteadfastError } from "../errors.js";
import { badName } from "../names.js";
import { isChannelName, isEventName, utf8Length } from "../protocol/name.js";
import { VERSION } from "../version.js";
import { type Entry, publishBatch } from "./batch.js";
import { Exchange, type Io, type NoResponse, type Request } from "./exchange.js";
import { type Receipt, type Response, parsed, readReceipt } from "./problem.js";
import { type RetryPolicy, policyOf } from "./retry.js";

/** Where the key is, where none is given. */
const KEY_VARIABLE = "STEADFAST_KEY";
/** The largest answer that is read, in bytes. */
const ANSWER_MAX = 4 * 1024 * 1024;
/** As many printable characters may a key have. */
const IDEMPOTENCY_KEY = /^[ -~]{1,255}$/;
/** With these a request has reached nobody. */
const UNSENT = [
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  // One that `fetch` refuses to go to; it has no code.
  "bad port",
];

/** How to reach the internal port. */
export interface PublisherOptions {
  /** Its address. Default `http://127.0.0.1:8081`. */
  readonly url?: string;
  /** `internal.key` of the server. Default: `STEADFAST_KEY` of the environment, if it is there. */
  readonly key?: string;
  /** How long to go on trying. */
  readonly retry?: Partial<RetryPolicy>;
}

/** What may be said of an event. */
export interface PublishOptions {
  /** It ends its channel. */
  readonly final?: boolean;
  /** A reader that is behind may be given only the newest event with the same key. */
  readonly replace?: string;
  /** Names this event over repeats: 1 to 255 printable characters. Default: one is made up. */
  readonly idempotencyKey?: string;
}

/** An event of a batch. */
export interface Publication extends PublishOptions {
  readonly channel: string;
  readonly event: string;
  /** Default null. */
  readonly data?: unknown;
}

/** Publishes events. One is enough for a process, and many calls may use it at once. */
export class Publisher {
  private readonly url: string;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly retry: Partial<RetryPolicy> | undefined;
  private readonly io: Io;

  /** Throws where the address, the key or a time cannot be used. */
  constructor({ url = "http://127.0.0.1:8081", key, retry }: PublisherOptions = {}) {
    this.url = addressOf(url);
    this.retry = retry;
    policyOf(retry);
    const secret = keyOf(key ?? process.env[KEY_VARIABLE]);
    this.headers = {
      "User-Agent": `steadfast-js/${VERSION}`,
      "Content-Type": "application/json",
      ...(secret && { Authorization: `Bearer ${secret}` }),
    };
    const clock = new Clock();
    this.io = {
      post: (request) => this.post(request),
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      now: () => clock.now(),
      wall: () => clock.wall(),
      random: () => Math.random(),
    };
  }

  /** Publishes one event. Rejects with a `PublishError`, or where it cannot be published at all. */
  async publish(
    channel: string,
    event: string,
    data?: unknown,
    options: PublishOptions & { readonly retry?: Partial<RetryPolicy> } = {},
  ): Promise<Receipt> {
    const policy = policyOf(this.retry, options.retry);
    const { fields, key } = checked({ ...options, channel, event, data });
    const exchange = new Exchange(this.io, policy);
    const path = `/v1/channels/${channel}/events`;
    const { status, text } = await exchange.send(path, JSON.stringify(fields), key);
    const receipt = readReceipt(parsed(text));
    if (!receipt) throw exchange.badAnswer(`HTTP ${status} without a position`, status);
    return receipt;
  }

  /**
   * Publishes many events in few requests, in order. Rejects with a `BatchError`, which has one
   * result for each.
   */
  async publishMany(
    events: Iterable<Publication>,
    { retry }: { readonly retry?: Partial<RetryPolicy> } = {},
  ): Promise<Receipt[]> {
    const policy = policyOf(this.retry, retry);
    const entries = Array.from(events, (one): Entry => {
      const { fields, key: idempotency_key } = checked(one);
      const { channel } = one;
      const body = JSON.stringify({ channel, ...fields, idempotency_key });
      return { channel, body, bytes: utf8Length(body) };
    });
    return publishBatch(this.io, policy, entries);
  }

  private async post(request: Request): Promise<Response | NoResponse> {
    const { path, body, idempotencyKey, timeoutMs } = request;
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), timeoutMs);
    const own = idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey };
    try {
      const answer = await fetch(this.url + path, {
        method: "POST",
        headers: { ...this.headers, ...own },
        body,
        redirect: "manual",
        signal: giveUp.signal,
      });
      const text = await textOf(answer);
      if (text === undefined) return { why: "the answer is too large", wasSent: true };
      return { status: answer.status, retryAfter: answer.headers.get("Retry-After"), text };
    } catch (error) {
      if (giveUp.signal.aborted) return { why: "the answer took too long", wasSent: true };
      return noResponse(error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** An event as it travels, and its key. */
function checked(one: Publication): { fields: object; key: string } {
  const { channel, event, replace, data = null, final: isFinal } = one;
  if (!isChannelName(channel)) throw badName(channel);
  for (const name of [event, replace ?? event]) if (!isEventName(name)) throw badName(name);
  const key = one.idempotencyKey ?? randomBytes(16).toString("base64url");
  if (!IDEMPOTENCY_KEY.test(key)) {
    const text = "an idempotency key has 1 to 255 printable ASCII characters";
    throw new SteadfastError("bad_idempotency_key", text);
  }
  const fields = { event, data: jsonOf(data), final: isFinal || undefined, replace };
  return { fields, key };
}

/** What the app changes while the request is on its way is not what it published. */
function jsonOf(data: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(data));
  } catch (cause) {
    throw new SteadfastError("bad_data", "the data cannot be written as JSON", false, cause);
  }
}

/** The address of a port, without its last slash. */
function addressOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (!url || !isHttp || url.username || url.password || url.search || url.hash) {
    // The text is not repeated: it may hold a secret.
    const help = "no address of an internal port: write http://host:8081, and the key as `key`";
    throw new SteadfastError("bad_url", help);
  }
  return url.href.replace(/\/+$/, "");
}

/** A key as one header can carry it. */
function keyOf(text: string | undefined): string | undefined {
  const key = text?.replace(/^\uFEFF|[\r\n]+$/g, "");
  if (!key) return undefined;
  if (!/^[!-~]+$/.test(key)) {
    throw new SteadfastError("bad_key", "the key has characters that no header can carry");
  }
  return key;
}

/** The text of an answer; nothing where it is too long. */
async function textOf(answer: globalThis.Response): Promise<string | undefined> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const body = (answer.body ?? []) as unknown as AsyncIterable<Uint8Array>;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > ANSWER_MAX) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

/** What an error of `fetch` means: was the request on its way? */
function noResponse(error: unknown): NoResponse {
  const { cause } = error as { cause?: { code?: string; message?: string } };
  const { code, message = "" } = cause ?? {};
  return { why: message || String(error), wasSent: !UNSENT.includes(code ?? message) };
}
