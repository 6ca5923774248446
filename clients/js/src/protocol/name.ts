// Twin of crates/protocol/src/name.rs. Names that travel: channels, epochs, event names, replace
// keys, link ids, generations. In: text from anywhere. Out: whether it is such a name.

/** Segments of `[A-Za-z0-9_.-]` joined by `:`, 1 to 255 bytes. */
export type ChannelName = string;
/** One numbering of a channel: 1 to 64 bytes of `[A-Za-z0-9_-]`, compared and never read. */
export type Epoch = string;
/** `progress`, `result`, `complete`, `error` or the app's own word; see {@link isEventName}. */
export type EventName = string;
/** Events of one channel with the same key may replace each other; see {@link isEventName}. */
export type ReplaceKey = string;
/** A link's id, made at random by the client: 8 to 64 bytes of `[A-Za-z0-9_-]`. */
export type LinkId = string;
/** Which session of a link: 1 for the first, higher for every later one. */
export type Generation = number;

/** Whether a channel may have this name. */
export const isChannelName = (text: string): boolean =>
  text.length < 256 && /^(?!\.\.?$)[\w.-]+(:[\w.-]+)*$/.test(text);

/** Whether a numbering may have this name. */
export const isEpoch = (text: string): boolean => /^[\w-]{1,64}$/.test(text);

/** Whether an event or a replace key may have this name: 1 to 128 bytes, no control characters. */
export const isEventName = (text: string): boolean =>
  text !== "" && !/[\0-\x1f\x7f-\x9f]/.test(text) && utf8Length(text) <= 128;

/** Whether a link may have this id. */
export const isLinkId = (text: string): boolean => /^[\w-]{8,64}$/.test(text);

/** How many bytes a text takes on the wire. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
