// What an answer of the internal port means. In: status, headers and text. Out: where an event
// stands; or a code, a text, whether the same request may succeed later, and when. Answers of
// proxies, which are no problem documents, count too.

/** Those that may be another answer later. */
const RETRIED = [408, 425, 429, 500, 502, 503, 504, 507];
/** How much is quoted of an answer that is no problem document. */
const QUOTED_MAX = 200;

/** Where an event stands. */
export interface Receipt {
  readonly channel: string;
  readonly epoch: string;
  readonly offset: number;
  /** Whether an earlier request with the same key put it there. */
  readonly isRepeated: boolean;
}

/** Why a request failed. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly retryAfterMs: number | undefined;
}

/** An answer, whatever its status. */
export interface Response {
  readonly status: number;
  /** The header `Retry-After`. */
  readonly retryAfter: string | null;
  readonly text: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Whether the same request may succeed later. */
export const isRetryable = ({ status, code }: Problem): boolean =>
  RETRIED.includes(status) || code === "no_answer";

/** Reads an answer that is no success; `now` is the date, for a `Retry-After` that is one. */
export function readProblem({ status, retryAfter, text }: Response, now: number): Problem {
  const hint = hintOf(retryAfter, now);
  const document = fieldsOf(parsed(text));
  if (document?.code !== undefined) return problemOf(document, status, hint);
  const quoted = JSON.stringify(text.replace(/\s+/g, " ").slice(0, QUOTED_MAX));
  const detail = `HTTP ${status} without a problem document: ${quoted}`;
  return { status, code: `http_${status}`, detail, retryAfterMs: hint };
}

/** Reads where the server put an event; nothing where the answer does not say. */
export function readReceipt(answer: unknown): Receipt | undefined {
  const { channel, epoch, offset, repeated } = fieldsOf(answer) ?? {};
  const isRead =
    typeof channel === "string" && typeof epoch === "string" && typeof offset === "number";
  return isRead ? { channel, epoch, offset, isRepeated: repeated === true } : undefined;
}

/** Reads one result for each event of a batch; nothing where the answer does not have them. */
export function readResults(text: string, count: number): (Receipt | Problem)[] | undefined {
  const results = fieldsOf(parsed(text))?.results;
  if (!Array.isArray(results) || results.length !== count) return undefined;
  const read = results.map((one: unknown) => {
    const error = fieldsOf(fieldsOf(one)?.error);
    return error ? problemOf(error, 0, undefined) : readReceipt(one);
  });
  return read.every((one) => one !== undefined) ? read : undefined;
}

/** JSON, or nothing. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemOf(document: Fields, status: number, hint: number | undefined): Problem {
  const { retry_after_s: own, status: ownStatus, code, detail, title } = document;
  const isHint = typeof own === "number" && own >= 0 && own < Infinity;
  const said = detail ?? title;
  return {
    status: typeof ownStatus === "number" ? ownStatus : status,
    code: typeof code === "string" ? code : `http_${status}`,
    detail: typeof said === "string" ? said : "the answer gives no reason",
    retryAfterMs: hint ?? (isHint ? own * 1000 : undefined),
  };
}

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === "object" && value !== null ? (value as Fields) : undefined;

/** `Retry-After`: whole seconds, or a date. */
function hintOf(header: string | null, now: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0);
}
