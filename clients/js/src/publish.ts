// Twin of crates/client/src/publish.rs. Publishing from a link. In: events of the app. Out: each
// one's position, or why it has none. Answers find their way by ticket; how and when an event is
// sent is the link's business.

import { SteadfastError } from "./errors.js";
import type { Publish } from "./link/input.js";
import type { Notice } from "./link/output.js";
import { badName } from "./names.js";
import { isChannelName, isEventName } from "./protocol/name.js";
import type { Position } from "./protocol/position.js";

/** What may be said of an event that is published. */
export interface PublishOptions {
  /** It ends its channel. */
  final?: boolean;
  /** It may stand in for older events of the channel with the same key. */
  replace?: string;
}

/** Where a publish is waited for. */
interface Waiting {
  resolve(position: Position): void;
  reject(error: SteadfastError): void;
}

type Answer = Extract<Notice, { ticket: number }>;

/** The publishes whose fate is not known. The link bounds how many there are. */
export class Tickets {
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;

  /** Makes an input of what is published; the promise is of its answer. */
  take(
    channel: string,
    event: string,
    data: unknown,
    { final: isFinal, replace }: PublishOptions,
    send: (input: Publish) => void,
  ): Promise<Position> {
    const answer = new Promise<Position>((resolve, reject) => {
      if (!isChannelName(channel)) throw badName(channel);
      for (const name of [event, replace ?? event]) if (!isEventName(name)) throw badName(name);
      const ticket = ++this.last;
      const input = { kind: "publish", ticket, channel, event, isFinal, replace } as const;
      const copy = copied(data ?? null);
      this.waiting.set(ticket, { resolve, reject });
      send({ ...input, data: copy });
    });
    // Whoever waits for it still sees it fail; nobody has to.
    answer.catch(() => {});
    return answer;
  }

  /** Tells whoever waits. */
  answer(notice: Answer): void {
    const waiting = this.waiting.get(notice.ticket);
    this.waiting.delete(notice.ticket);
    if (notice.kind === "published") {
      waiting?.resolve({ epoch: notice.epoch, offset: notice.offset });
    } else {
      waiting?.reject(new SteadfastError(notice.code, notice.message, notice.isRetryable));
    }
  }
}

/** What the app changes later is not what it published. */
function copied(data: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(data));
  } catch (cause) {
    throw new SteadfastError("bad_data", "the data cannot be written as JSON", false, cause);
  }
}
