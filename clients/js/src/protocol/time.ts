// Twin of crates/protocol/src/time.rs. Dates on the wire: RFC 3339 in UTC with milliseconds.
// In: text. Out: milliseconds since 1970. Must not know: what day it is.

/** A date, in milliseconds since 1970-01-01T00:00:00Z. */
export type Timestamp = number;

/**
 * Reads a date exactly as a server writes it: 24 characters, in UTC, to the millisecond. Nothing
 * for any other text.
 */
export function parseTimestamp(text: string): Timestamp | undefined {
  const time = Date.parse(text);
  return time >= 0 && new Date(time).toISOString() === text ? time : undefined;
}
