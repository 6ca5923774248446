// Twin of crates/link/src/message.rs. What people are told of a link, and when. In: states, clues
// and the time. Out: at most one message, the most severe that is true: silent for 3 s, small until
// 10 s, a banner after that. One that is no longer true is taken down at once; another goes up no
// sooner than 5 s after the last, but for the word that all is well again. Must not know a text or
// a language.

import { type Millis, type Span, since } from "../machine/time.js";
import {
  type MessageCode,
  type Severity,
  SEVERITIES,
  heals,
  rank,
  severity,
  showAfter,
} from "./message/code.js";
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

/** A message that is to be seen. */
export interface Message {
  /** Which. */
  readonly code: MessageCode;
  /** How loudly: softer at first than the code's own severity. */
  readonly severity: Severity;
  /** Within how many milliseconds from now the link tries again, where the text says so. */
  readonly retryInMs: Span | null;
}

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
  /** If the link is rejected now, then for one of these reasons. */
  | Blamed
  /** The app was told of a gap. */
  | "gap"
  /** Whether the network is poor. */
  | "poor"
  | "not_poor";

/** What a rejection is put down to: a newer session took the link's place, … */
type Blamed = "token_refused" | "clock_wrong" | "replaced" | "refused";

interface Shown {
  readonly code: MessageCode;
  /** Its place in `SEVERITIES`. */
  readonly severity: number;
  readonly retryAt: Millis | undefined;
}

/** Something that is so, from when it is worth saying until it no longer is. */
interface Truth {
  readonly code: MessageCode;
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
  /** Since when no session has been live, while one is wanted. */
  private lostAt: Millis | undefined;
  /** Since when no events have come, while they are wanted. */
  private drySince: Millis | undefined;
  private poorSince: Millis | undefined;
  private gapAt: Millis | undefined;
  private recoveredAt: Millis | undefined;
  private isBusy = false;
  private isLeaving = false;
  private isPortal = false;
  /** What a rejection would be put down to. */
  private blamed: MessageCode = "POLICY";
  /** What the last rejection was put down to. */
  private verdict: MessageCode = "POLICY";
  /** When the link tries again, as it last said. */
  private nextTry: Millis | undefined;
  /** Whether people have seen a banner since events last flowed. */
  private hadBanner = false;
  private shown: Shown | undefined;
  private putUpAt: Millis | undefined;
  private reviewedAt: Millis = 0;

  /** The link's state changed. */
  enter(now: Millis, state: LinkState, reason: Reason): void {
    this.state = state;
    this.reason = reason;
    if (state === "connected") {
      this.recoveredAt = this.hadBanner ? now : undefined;
      this.flow(now);
      this.lostAt = undefined;
    } else if (state === "fallback") {
      this.flow(now);
      this.lostAt ??= now;
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
  hear(now: Millis, clue: Clue): void {
    switch (clue) {
      case "no_word":
      case "busy":
      case "leaving":
      case "portal":
        this.isBusy = clue === "busy";
        this.isPortal = clue === "portal";
        this.isLeaving ||= clue === "leaving";
        break;
      case "token_refused":
        this.blamed = "AUTH_EXPIRED";
        break;
      case "clock_wrong":
        this.blamed = "CLOCK_SKEW";
        break;
      case "replaced":
        this.blamed = "REPLACED";
        break;
      case "refused":
        this.blamed = "POLICY";
        break;
      case "gap":
        this.gapAt = now;
        break;
      case "poor":
        this.poorSince ??= now;
        break;
      case "not_poor":
        this.poorSince = undefined;
    }
  }

  /** The device slept that long until now: no outage grew older. */
  sleep(slept: Span): void {
    const later = (at: Millis | undefined) => (at === undefined ? at : at + slept);
    this.lostAt = later(this.lostAt);
    this.drySince = later(this.drySince);
    this.poorSince = later(this.poorSince);
    this.gapAt = later(this.gapAt);
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
      this.hadBanner ||= due.severity >= WARN && due.code !== "GAP_LOST";
    }
    this.shown = due;
    return true;
  }

  /** What is to be seen, as of the last review; `null` for nothing. */
  message(): Message | null {
    const { shown } = this;
    if (!shown) return null;
    const { code, retryAt } = shown;
    const retryInMs =
      retryAt === undefined ? null : Math.max(since(retryAt, this.reviewedAt), RETRY_MIN);
    return { code, severity: SEVERITIES[shown.severity] ?? "info", retryInMs };
  }

  /** When what is to be seen changes next, if nothing else happens. */
  wake(): Millis | undefined {
    const times = [(this.drySince ?? Infinity) + BANNER_AFTER, (this.putUpAt ?? Infinity) + PACE];
    for (const truth of this.truths()) times.push(truth.from, truth.until);
    const changes = (at: Millis) =>
      at > this.reviewedAt && at < Infinity && !isSame(this.due(at), this.shown);
    return times.sort((one, other) => one - other).find(changes);
  }

  /** A network that was poor while nothing flowed may be better now. */
  private flow(now: Millis): void {
    if (this.drySince !== undefined && this.poorSince !== undefined) this.poorSince = now;
    this.drySince = undefined;
    this.hadBanner = false;
    this.forgetHints();
  }

  /** What was said before the network came back, or before the app asked anew, is old. */
  private dryUp(now: Millis, reason: Reason): void {
    this.recoveredAt = undefined;
    this.lostAt ??= now;
    this.drySince ??= now;
    if (reason === "asked" || reason === "network_restored" || reason === "offline") {
      this.forgetHints();
    }
  }

  /** Nothing is wanted any more. What was lost on the way to the end is still worth saying. */
  private rest(reason: Reason): void {
    this.stop();
    this.hadBanner = false;
    if (reason === "closed") this.gapAt = undefined;
  }

  private stop(): void {
    this.lostAt = this.drySince = this.recoveredAt = this.poorSince = undefined;
    this.forgetHints();
  }

  private forgetHints(): void {
    this.isBusy = this.isLeaving = this.isPortal = false;
  }

  /** What is to be seen at that time, no later clue given. */
  private due(at: Millis): Shown | undefined {
    const truths = this.truths().filter((truth) => truth.from <= at && at < truth.until);
    let best: Shown | undefined;
    for (const { code } of truths) {
      const shown = this.show(code, at);
      if (!best || outdoes(shown, best)) best = shown;
    }
    const { shown, putUpAt } = this;
    const isPaced = putUpAt !== undefined && at < putUpAt + PACE;
    if (!best || isSame(shown, best) || !isPaced || best.code === "RECOVERED") return best;
    return truths.some(({ code }) => code === shown?.code) ? shown : undefined;
  }

  private show(code: MessageCode, at: Millis): Shown {
    const isEarly = this.drySince !== undefined && at < this.drySince + BANNER_AFTER;
    const most = severity(code);
    return {
      code,
      severity: isEarly && heals(code) ? Math.min(most, INFO) : most,
      retryAt: code === "SRV_BUSY" ? this.nextTry : undefined,
    };
  }

  /** Everything that is so, whether or not it is time to say it. */
  private truths(): Truth[] {
    const { state, drySince } = this;
    const isTrying = state === "connecting" || state === "reconnecting";
    const isFlowing = state === "connected" || state === "fallback";
    const isRejected = state === "disconnected" && this.reason === "rejected";
    const all: Truth[] = [];
    const tell = (code: MessageCode, at: Millis | undefined, is = true, worth = Infinity) => {
      if (!is || at === undefined) return;
      const from = at + showAfter(code);
      all.push({ code, from, until: from + worth });
    };
    tell("RECOVERED", this.recoveredAt, true, RECOVERED_SPAN);
    tell("LINK_SLOW", this.poorSince, isFlowing);
    tell("LINK_FALLBACK", this.lostAt, state === "fallback");
    tell("GAP_LOST", this.gapAt, true, GAP_SPAN);
    tell("LINK_RECONNECTING", drySince, isTrying);
    tell("SRV_BUSY", drySince, isTrying && this.isBusy);
    tell("SRV_MAINT", drySince, isTrying && this.isLeaving);
    tell("NET_OFFLINE", drySince, state === "disconnected");
    tell("CAPTIVE", drySince, isTrying && this.isPortal);
    tell(this.verdict, 0, isRejected);
    return all;
  }
}

const isSame = (one: Shown | undefined, other: Shown | undefined): boolean =>
  one?.code === other?.code &&
  one?.severity === other?.severity &&
  one?.retryAt === other?.retryAt;

const outdoes = (one: Shown, other: Shown): boolean =>
  (one.severity - other.severity || rank(one.code) - rank(other.code)) > 0;
