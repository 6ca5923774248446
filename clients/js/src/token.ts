// Twin of crates/client/src/token.rs. Where tokens come from. In: what the app gave, a text or a
// function that gets a fresh one. Out: a token, or that there is none, or that nobody can say now.
// Never looks inside one.

import { SteadfastError } from "./errors.js";
import type { Report } from "./notices.js";

/** How long the app may take to give a token. */
const TOKEN_TIMEOUT_MS = 30_000;

/** Why a token is wanted: there is none yet, the last one was refused, or it will soon end. */
export type TokenWish = "first" | "refused" | "expiring";

/** The app's way of giving tokens. */
export type TokenSource =
  string | ((why: TokenWish) => string | null | Promise<string | null>) | undefined;

/**
 * Gets a token; a fixed one is given once. Null where there is none; undefined where nobody can say
 * now: the app's function threw, took too long, or gave something that is no token.
 */
export async function askToken(
  source: TokenSource,
  why: TokenWish,
  report: Report,
): Promise<string | null | undefined> {
  if (typeof source !== "function") return why === "first" ? (source ?? null) : null;
  let giveUp!: (why: string) => void;
  const late = new Promise<never>((_, reject) => (giveUp = reject));
  const timer = setTimeout(() => giveUp("it took over 30 s"), TOKEN_TIMEOUT_MS);
  try {
    const token: unknown = await Promise.race([source(why), late]);
    if (token === null || (typeof token === "string" && token)) return token;
    throw "it gave neither a token nor null";
  } catch (cause) {
    const text = `\`token\` failed, and is called again: ${cause}`;
    report(new SteadfastError("token_unavailable", text, true, cause));
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
