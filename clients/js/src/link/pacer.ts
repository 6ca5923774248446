// Twin of crates/link/src/pacer.rs. How fast a session may speak: within what the server
// takes, so that it never closes a link for speaking too fast. In: what the server said, frames.
// Out: what may be sent now, in order, and when the next one may. Must not know sockets.

import { type Millis, NEVER, type Span } from "../machine/time.js";
import type { ClientFrame } from "../protocol/frame/client.js";
import type { Welcome } from "../protocol/frame/server.js";

/** What a server takes that does not say: as those do that are in the field. */
const PER_SECOND = 50;
const BURST = 200;

/** A frame that may wait for its turn. */
type Request = Extract<ClientFrame, { type: "subscribe" | "unsubscribe" }>;

interface QueuedRequest {
  readonly request: Request;
  /** Whether the server may follow the channel already. */
  readonly isKnown: boolean;
}

/**
 * The pace of a session: four fifths of the frames a second that its server takes, three quarters
 * of the burst. The rest is for what cannot wait: signs of life are sent at once, and counted.
 */
export interface FramePacer {
  waiting: QueuedRequest[];
  /** The least time from one frame to the next, in the long run. */
  pause: Span;
  /** How far a burst may run ahead of that. */
  ahead: Span;
  pacedTo: Millis;
}

/** No session yet. */
export const newFramePacer = (): FramePacer => ({ waiting: [], pause: 1, ahead: 0, pacedTo: 0 });

/** A session has begun. */
export function onWelcome(
  pacer: FramePacer,
  now: Millis,
  { frames_per_second, frames_burst }: Welcome["limits"],
): void {
  const [perSecond, burst] = [frames_per_second ?? PER_SECOND, frames_burst ?? BURST];
  pacer.pause = Math.max(Math.ceil(1250 / Math.max(perSecond, 1)), 1);
  pacer.ahead = pacer.pause * Math.max(Math.floor((Math.max(burst, 1) * 3) / 4) - 1, 0);
  pacer.pacedTo = now;
  pacer.waiting = [];
}

/** The session is gone. */
export function onSessionLost(pacer: FramePacer): void {
  pacer.waiting = [];
}

/** A frame is sent. */
export function onSent(pacer: FramePacer, now: Millis): void {
  pacer.pacedTo = Math.max(pacer.pacedTo, now) + pacer.pause;
}

/** When the next frame may be sent that can wait, behind so many others. */
export function openAt(pacer: FramePacer, behind = 0): Millis {
  return Math.max(pacer.pacedTo + pacer.pause * behind - pacer.ahead, 0);
}

/** When a request will be sent that is made now. */
export function requestAt(pacer: FramePacer, now: Millis): Millis {
  return Math.max(now, openAt(pacer, pacer.waiting.length));
}

/**
 * Takes a request, which is sent in its turn. One to leave a channel that the server was not told
 * of yet takes back the one to follow it, and that is all.
 */
export function push(pacer: FramePacer, request: Request, isKnown: boolean): void {
  const same = pacer.waiting.findIndex(
    ({ request: { type, channel } }) => type === "subscribe" && channel === request.channel,
  );
  const [old] = same < 0 ? [] : pacer.waiting.splice(same, 1);
  const isUndone = request.type === "unsubscribe" && old && !old.isKnown;
  if (!isUndone) pacer.waiting.push({ request, isKnown });
}

/** The next request, where one may be sent. */
export function next(pacer: FramePacer, now: Millis): Request | undefined {
  return openAt(pacer) <= now ? pacer.waiting.shift()?.request : undefined;
}

/** When a request may be sent. */
export function nextDeadline(pacer: FramePacer): Millis {
  return pacer.waiting.length ? openAt(pacer) : NEVER;
}

