// Twin of crates/link/src/message/code.rs. The codes of everything that people are told, from the
// least severe to the most. A code is stable; its texts are in `messages/catalogue.json`, and none
// of them is here.

/** How loudly a message is said: not at all, in passing, by a banner, by one that stays. */
export const SEVERITIES = ["silent", "info", "warn", "block"] as const;
export type Severity = (typeof SEVERITIES)[number];

/**
 * Every code, the least severe first, with how loudly it is said at most (its place in
 * `SEVERITIES`), how long it must have been so before it is said, and whether it goes away without
 * people doing anything.
 */
export const ROWS = [
  // Events flow again, after an outage that people were told of loudly.
  ["RECOVERED", 1, 0, true],
  // The network has been poor for a while.
  ["LINK_SLOW", 1, 30_000, true],
  // Events arrive by polling.
  ["LINK_FALLBACK", 1, 3000, true],
  // Events are missing that cannot be given any more.
  ["GAP_LOST", 2, 0, false],
  // A session is being got.
  ["LINK_RECONNECTING", 2, 3000, true],
  // The server has no room now and said so.
  ["SRV_BUSY", 2, 3000, true],
  // The server left by plan, and is not back yet.
  ["SRV_MAINT", 2, 10_000, true],
  // The device reports no network.
  ["NET_OFFLINE", 2, 3000, true],
  // The network sends everything to a page of its own.
  ["CAPTIVE", 3, 3000, false],
  // The server will not have this link, or none of its channels.
  ["POLICY", 3, 0, false],
  // An operator of the server ended this link.
  ["DISCONNECTED", 3, 0, false],
  // A newer session of the same link took over.
  ["REPLACED", 3, 0, false],
  // The token's times do not fit the server's clock.
  ["CLOCK_SKEW", 3, 0, false],
  // The server wants a token, and the app has none.
  ["AUTH_REQUIRED", 3, 0, false],
  // The token was refused, and the app had no better one.
  ["AUTH_EXPIRED", 3, 0, false],
] as const;

/** What people are told. */
export type MessageCode = (typeof ROWS)[number][0];

/** Every code, the least severe first. */
export const ALL: readonly MessageCode[] = /* @__PURE__ */ ROWS.map((row) => row[0]);
