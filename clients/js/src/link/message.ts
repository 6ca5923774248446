// Twin of crates/link/src/message.rs. What people are told of a link, and when. In: states, clues
// and the time. Out: at most one message, the most severe that is true: silent for 3 s, small until
// 10 s, a banner after that. One that is no longer true is taken down at once; another goes up no
// sooner than 5 s after the last, but for the word that all is well again. Must not know a text or
// a language.

import type { Millis, Span } from "../machine/time.js";
import { type MessageCode, ROWS, SEVERITIES, type Severity } from "./message/code.js";
import type { LinkState, Reason } from "./state.js";

export type { MessageCode, Severity };

/** An outage that may heal by itself is told as a banner after this, in milliseconds. */
const BANNER_AFTER = 10_000;
/** How long it is said that all is well again. */
const RECOVERED_SPAN = 2000;
/** How long it is said that events are missing. */
const GAP_SPAN = 30_000;
/** A message goes up no sooner than this after the last one did. */
const PACE = 5000;
/** A promise of the next attempt is never shorter. */
const RETRY_MIN = 1000;
/** The places in `SEVERITIES` of what is small, and of a banner. */
const INFO = 1;
const WARN = 2;
/** When something was that is not so. */
const NEVER = Infinity;
/** Some places in `ROWS`. */
const GAP_LOST = 3;
const SRV_BUSY = 5;
const POLICY = 9;

/** A message that is to be seen. */
export interface Message {
  /** Which. */
  readonly code: MessageCode;
  /** How loudly: softer at first than the code's own severity. */
  readonly severity: Severity;
  /** Within how many milliseconds from now the link tries again, where the text says so. */
  readonly retryInMs: Span | null;
}

/** What a rejection is put down to, in the order of the codes from `POLICY` on. */
const BLAMED = [
  "refused",
  "disconnected",
  "replaced",
  "clock_wrong",
  "token_missing",
  "token_refused",
] as const;

/** What speaks for one message and against another. */
export type Clue =
  /** An attempt or session ended without a word on why. */
  | "no_word"
  /** The server said that it is full for now. */
  | "busy"
  /** The server said that it leaves. */
  | "leaving"
  /** The network answered in the server's place, and sent the link to a page of its own. */
  | "portal"
  /** If the link is rejected now, then because of this. */
  | (typeof BLAMED)[number]
  /** The app was told of a gap. */
  | "gap"
  /** Whether the network is poor. */
  | "poor"
  | "not_poor"
  /** Whether polls go unanswered. */
  | "stalled"
  | "not_stalled";

/** A code by its place in `ROWS`, and how loudly it is said by its place in `SEVERITIES`. */
type Shown = readonly [rank: number, severity: number, retryAt: Millis | undefined];

/** Something that is so, and when it is worth saying. */
interface Truth {
  readonly rank: number;
  readonly from: Millis;
  readonly until: Millis;
}

/**
 * Chooses what is to be seen. Feed it with `enter` and `hear`, then call `review`, at the latest
 * when `wake` says. Time never goes back. At first it is that of a link at rest that was never
 * asked to connect.
 */
export class Messages {
  private state: LinkState = "disconnected";
  private reason: Reason = "closed";
  /** Since when events come by polling. */
  private polledSince: Millis = NEVER;
  /** Since when no events have come, while they are wanted. */
  private drySince: Millis = NEVER;
  private poorSince: Millis = NEVER;
  private gapAt: Millis = NEVER;
  private recoveredAt: Millis = NEVER;
  private isBusy = false;
  private isLeaving = false;
  private isPortal = false;
  /** What a rejection would be put down to. */
  private blamed = POLICY;
  /** What the last rejection was put down to. */
  private verdict = POLICY;
  /** When the link tries again, as it last said. */
  private nextTry: Millis | undefined;
  /** Whether people have seen a banner since events last flowed. */
  private hadBanner = false;
  private shown: Shown | undefined;
  private putUpAt: Millis = -NEVER;
  private reviewedAt: Millis = 0;

  /** The link's state changed. */
  enter(now: Millis, state: LinkState, reason: Reason): void {
    this.state = state;
    this.reason = reason;
    if (state === "connected") {
      this.recoveredAt = this.hadBanner ? now : NEVER;
      this.flow(now);
    } else if (state === "fallback") {
      this.flow(now);
      this.polledSince = now;
    } else if (state !== "disconnected") {
      this.dryUp(now, reason);
    } else if (reason === "closed" || reason === "finished") {
      this.rest(reason);
    } else if (reason === "rejected") {
      this.verdict = this.blamed;
      this.stop();
    } else {
      this.dryUp(now, reason);
    }
  }

  /** There is a clue. What an attempt ended with is heard before the state that follows. */
  onClue(now: Millis, clue: Clue): void {
    const blamed = (BLAMED as readonly Clue[]).indexOf(clue);
    if (blamed >= 0) {
      this.blamed = POLICY + blamed;
    } else if (clue === "gap") {
      this.gapAt = now;
    } else if (clue === "poor") {
      this.poorSince = Math.min(this.poorSince, now);
    } else if (clue === "stalled" || clue === "not_stalled") {
      if (this.state === "fallback") this.stall(now, clue === "stalled");
    } else if (clue === "not_poor") {
      this.poorSince = NEVER;
    } else {
      this.isBusy = clue === "busy";
      this.isPortal = clue === "portal";
      this.isLeaving ||= clue === "leaving";
    }
  }

  /** The device slept that long until now: no outage grew older. */
  sleep(slept: Span): void {
    this.polledSince += slept;
    this.drySince += slept;
    this.poorSince += slept;
    this.gapAt += slept;
  }

  /**
   * Chooses anew. `nextTry` is when the link tries again, while that is planned. Whether what is to
   * be seen has changed; see `message`.
   */
  review(now: Millis, nextTry: Millis | undefined): boolean {
    this.nextTry = nextTry ?? this.nextTry;
    this.reviewedAt = now;
    const due = this.due(now);
    if (isSame(due, this.shown)) return false;
    if (due) {
      this.putUpAt = now;
      this.hadBanner ||= due[1] >= WARN && due[0] !== GAP_LOST;
    }
    this.shown = due;
    return true;
  }

  /** What is to be seen, as of the last review; `null` for nothing. */
  message(): Message | null {
    if (!this.shown) return null;
    const [rank, severity, retryAt] = this.shown;
    return {
      code: ROWS[rank]![0],
      severity: SEVERITIES[severity]!,
      retryInMs: retryAt === undefined ? null : Math.max(retryAt - this.reviewedAt, RETRY_MIN),
    };
  }

  /** When what is to be seen changes next, if nothing else happens. */
  wake(): Millis | undefined {
    const times = [this.drySince + BANNER_AFTER, this.putUpAt + PACE];
    this.truths().forEach(({ from, until }) => times.push(from, until));
    return times
      .sort((one, other) => one - other)
      .find((at) => at > this.reviewedAt && at < NEVER && !isSame(this.due(at), this.shown));
  }

  /** A network that was poor while nothing flowed may be better now. */
  private flow(now: Millis): void {
    if (Math.max(this.drySince, this.poorSince) < NEVER) this.poorSince = now;
    this.drySince = NEVER;
    this.hadBanner = false;
    this.forgetHints();
  }

  /** While it polls nothing comes once polls go unanswered, and until one is answered again. */
  private stall(now: Millis, isStalled: boolean): void {
    if (isStalled) this.drySince = Math.min(this.drySince, now);
    else if (this.drySince < NEVER) this.flow(now);
  }

  /** What was said before the network came back, or before the app asked anew, is old. */
  private dryUp(now: Millis, reason: Reason): void {
    this.recoveredAt = NEVER;
    this.drySince = Math.min(this.drySince, now);
    if (reason === "asked" || reason === "network_restored" || reason === "offline") {
      this.forgetHints();
    }
  }

  /** Nothing is wanted any more. What was lost on the way to the end is still worth saying. */
  private rest(reason: Reason): void {
    this.stop();
    this.hadBanner = false;
    if (reason === "closed") this.gapAt = NEVER;
  }

  private stop(): void {
    this.polledSince = this.drySince = this.recoveredAt = this.poorSince = NEVER;
    this.forgetHints();
  }

  private forgetHints(): void {
    this.isBusy = this.isLeaving = this.isPortal = false;
  }

  /** What is to be seen at that time, no later clue given. */
  private due(at: Millis): Shown | undefined {
    const { shown } = this;
    const truths = this.truths().filter(({ from, until }) => from <= at && at < until);
    let best: Shown | undefined;
    for (const { rank } of truths) {
      const one = this.show(rank, at);
      if (!best || one[1] >= best[1]) best = one;
    }
    const isPaced = at < this.putUpAt + PACE;
    // Of those to be seen only the first, of good news, never waits.
    if (!best || isSame(shown, best) || !isPaced || !best[0]) return best;
    return shown && truths.some(({ rank }) => rank === shown[0]) ? shown : undefined;
  }

  private show(rank: number, at: Millis): Shown {
    const [, severity, , heals] = ROWS[rank]!;
    const isSmall = heals && at < this.drySince + BANNER_AFTER;
    const retryAt = rank === SRV_BUSY ? this.nextTry : undefined;
    return [rank, isSmall ? INFO : severity, retryAt];
  }

  /** Everything that is so, the most severe last, whether or not it is time to say it. */
  private truths(): Truth[] {
    const { state } = this;
    const when = (is: boolean, since: Millis): Millis => (is ? since : NEVER);
    const isPolling = state === "fallback";
    const isPolled = isPolling && this.drySince === NEVER;
    const isFlowing = state === "connected" || isPolled;
    const isAtRest = state === "disconnected";
    const stalled = when(isPolling, this.drySince);
    const trying = when(!isFlowing && !isAtRest && !isPolling, this.drySince);
    const sinces = [
      this.recoveredAt,
      when(isFlowing, this.poorSince),
      when(isPolled, this.polledSince),
      this.gapAt,
      Math.min(trying, stalled),
      when(this.isBusy, trying),
      when(this.isLeaving, trying),
      when(isAtRest, this.drySince),
      when(this.isPortal, trying),
    ];
    if (isAtRest && this.reason === "rejected") sinces[this.verdict] = 0;
    return sinces.map((since, rank) => {
      const from = since + ROWS[rank]![2];
      return { rank, from, until: from + (WORTH[rank] ?? NEVER) };
    });
  }
}

/** How long it is worth saying, by the place in `ROWS`, where that is not as long as it is so. */
const WORTH = [RECOVERED_SPAN, , , GAP_SPAN];

const isSame = (one: Shown | undefined, other: Shown | undefined): boolean =>
  `${one}` === `${other}`;
