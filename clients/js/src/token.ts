// Twin of crates/client/src/token.rs. Where tokens come from. In: what the app gave, a text or a
// function that gets a fresh one. Out: a token, or none within the time allowed. Never looks
// inside one.

import type { Report } from "./notices.js";
import { call } from "./notices.js";

/** How long the app may take to give a token. */
const TOKEN_TIMEOUT_MS = 30_000;

/** Why a token is wanted. */
export type TokenWish = "first" | "refused";

/** The app's way of giving tokens. */
export type TokenSource =
  string | ((why: TokenWish) => string | null | Promise<string | null>) | undefined;

/** Gets a token; a fixed one is given once, and a bug of the app's is an answer too. */
export async function askToken(
  source: TokenSource,
  why: TokenWish,
  report: Report,
): Promise<string | null> {
  if (typeof source !== "function") return why === "first" ? (source ?? null) : null;
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, TOKEN_TIMEOUT_MS, null);
    const answer = (token: string | null): void => {
      clearTimeout(timer);
      resolve(token);
    };
    call(report, async () => {
      let token: string | null = null;
      try {
        token = (await source(why)) ?? null;
      } finally {
        answer(token);
      }
    });
  });
}
