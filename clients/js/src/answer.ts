// Twin of crates/client/src/answer.rs. What every HTTP answer has in common. In: a status, headers.
// Out: whether our server wrote them, when it wants to be asked again, and what an answer to an
// upgrade means.

import type { Answer, DialFailure } from "./transport.js";

/** The header that every answer of a Steadfast server has. P-75 */
const NODE_HEADER = "Steadfast-Node";
/** Busy, without a word when to come back: this long, in seconds. */
const RETRY_AFTER_DEFAULT = 5;
/** The longest hint that is followed, in seconds. */
const RETRY_AFTER_MAX = 3_600;

type Head = Omit<Answer, "text">;

/** Whether a Steadfast server answered. */
export const isOurs = (answer: Head): boolean => answer.header(NODE_HEADER) !== null;

/** How long to stay away, in milliseconds. */
export function retryAfterMs(answer: Head): number {
  const text = answer.header("Retry-After") ?? "";
  const seconds = /^\d+$/.test(text) ? Number(text) : RETRY_AFTER_DEFAULT;
  return Math.min(seconds, RETRY_AFTER_MAX) * 1000;
}

/** What it means that `host` answered an upgrade in this way, for platforms that tell. */
export function refusal(answer: Head, host: string): DialFailure {
  const { status } = answer;
  if (!isOurs(answer)) return { kind: isPortal(answer, host) ? "portal" : "blocked" };
  if (status === 503 || status === 429) {
    return { kind: "busy", retry_after_ms: retryAfterMs(answer) };
  }
  // Our server saw no upgrade in what was one: something in between took it out.
  if (status === 426) return { kind: "blocked" };
  return { kind: status >= 400 && status < 500 ? "refused" : "unreachable" };
}

/**
 * Whether something else asks for a sign-in: by the status made for it, or by sending the link to
 * another site for now. A site that moves about its own names is no portal.
 */
function isPortal({ status, header }: Head, host: string): boolean {
  if (status === 511) return true;
  const to = /^https?:\/\/([^/:?#]+)/i.exec(header("Location") ?? "")?.[1];
  const isElsewhere = to !== undefined && !to.endsWith(host) && !host.endsWith(to);
  return (status === 302 || status === 303 || status === 307) && isElsewhere;
}
