// Twin of crates/machine/src/time.rs. Time as a machine sees it: whole milliseconds since a start
// that only the shell knows. Must not know: what time it is.

/** An instant: milliseconds since the shell's own zero. Never a date. */
export type Millis = number;

/** A length of time in milliseconds. */
export type Span = number;

/** The instant of what will not happen; later than any other. */
export const NEVER: Millis = Infinity;

/** The instant of what has not happened; earlier than any other. */
export const NOT_YET: Millis = -Infinity;

/** The time from `earlier` until `now`; nothing if `earlier` is later. */
export const since = (now: Millis, earlier: Millis): Span => less(now, earlier);

/** A span of whole seconds. */
export const seconds = (count: number): Span => count * 1000;

/** `span` without `other`, never less than nothing. */
export const less = (span: Span, other: Span): Span => Math.max(span - other, 0);
