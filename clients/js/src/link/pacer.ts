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
export class FramePacer {
  private waiting: QueuedRequest[] = [];
  /** The least time from one frame to the next, in the long run. */
  private pause: Span = 1;
  /** How far a burst may run ahead of that. */
  private ahead: Span = 0;
  private pacedTo: Millis = 0;

  /** A session has begun. */
  onWelcome(now: Millis, { frames_per_second, frames_burst }: Welcome["limits"]): void {
    const [perSecond, burst] = [frames_per_second ?? PER_SECOND, frames_burst ?? BURST];
    this.pause = Math.max(Math.ceil(1250 / Math.max(perSecond, 1)), 1);
    this.ahead = this.pause * Math.max(Math.floor((Math.max(burst, 1) * 3) / 4) - 1, 0);
    this.pacedTo = now;
    this.waiting = [];
  }

  /** The session is gone. */
  onSessionLost(): void {
    this.waiting = [];
  }

  /** A frame is sent. */
  onSent(now: Millis): void {
    this.pacedTo = Math.max(this.pacedTo, now) + this.pause;
  }

  /** When the next frame may be sent that can wait, behind so many others. */
  openAt(behind = 0): Millis {
    return Math.max(this.pacedTo + this.pause * behind - this.ahead, 0);
  }

  /** When a request will be sent that is made now. */
  requestAt(now: Millis): Millis {
    return Math.max(now, this.openAt(this.waiting.length));
  }

  /**
   * Takes a request, which is sent in its turn. One to leave a channel that the server was not told
   * of yet takes back the one to follow it, and that is all.
   */
  push(request: Request, isKnown: boolean): void {
    const same = this.waiting.findIndex(
      ({ request: { type, channel } }) => type === "subscribe" && channel === request.channel,
    );
    const [old] = same < 0 ? [] : this.waiting.splice(same, 1);
    const isUndone = request.type === "unsubscribe" && old && !old.isKnown;
    if (!isUndone) this.waiting.push({ request, isKnown });
  }

  /** The next request, where one may be sent. */
  next(now: Millis): Request | undefined {
    return this.openAt() <= now ? this.waiting.shift()?.request : undefined;
  }

  /** When a request may be sent. */
  nextDeadline(): Millis {
    return this.waiting.length ? this.openAt() : NEVER;
  }
}
