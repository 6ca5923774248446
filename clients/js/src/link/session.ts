// Twin of crates/link/src/session.rs. One welcomed socket: its heartbeat, its idle time, and when
// the server wants it gone. In: signs of life, the time. Out: frames to send, and the verdict that
// it has ended. Must not know channels, nor what follows when it ends.

import { type Millis, type Span, since } from "../machine/time.js";
import { type Wake, earlier } from "../machine/wake.js";
import type { ClientFrame, Heartbeat } from "../protocol/frame/client.js";
import type { Welcome } from "../protocol/frame/server.js";
import type { LinkSettings } from "./config.js";
import type { End } from "./end.js";
import { type Patience, Pulse, newPatience } from "./heartbeat.js";
import type { SocketId } from "./input.js";
import { type Rtt, pathAfter } from "./rtt.js";
import type { Why } from "./wake.js";

/** The share of what the path allows that may pass in silence, in percent. */
const PATH_SHARE = 80;

/** What is due: say this; an answer is overdue, so ask again with this; the session is over. */
export type Due =
  | { readonly kind: "say" | "doubt"; readonly frame: ClientFrame }
  | { readonly kind: "end"; readonly end: End };

/** A live session. */
export class Session {
  readonly pulse: Pulse;
  /** After a loss without a word, attempts are spread over this. */
  readonly crashWindow: Span;
  /** When to leave, as the server asked. */
  leaveAt: Millis | undefined;
  /** How long the path in front of the server lets a session be silent. */
  private readonly pathLimit: Span | undefined;
  private heardAt: Millis;
  /** The same, or the end of a sleep: from when on silence counts. */
  private countedFrom: Millis;
  private isPinged = false;

  /** A session that was welcomed at `since`. */
  constructor(
    readonly socket: SocketId,
    welcome: Welcome,
    readonly since: Millis,
  ) {
    this.pulse = new Pulse(welcome.heartbeat, since);
    this.crashWindow = welcome.crash_window_ms;
    this.pathLimit = welcome.path_idle_limit_ms ?? undefined;
    this.heardAt = this.countedFrom = since;
  }

  /** The next thing that is due; to be asked until there is none. */
  due(now: Millis, config: LinkSettings, rtt: Rtt): Due | undefined {
    if (this.leaveAt !== undefined && this.leaveAt <= now) return over("left");
    const patience = this.patience(now, config, rtt);
    const beat = this.pulse.due(now, patience);
    if (!beat) return this.look(now, config, patience);
    if (beat.kind === "dead") return over("silent");
    return { kind: beat.kind === "send" ? "say" : "doubt", frame: beat.frame };
  }

  /** A heartbeat at once, with little patience; none while one is already waited for. */
  probe(now: Millis, config: LinkSettings): Heartbeat | undefined {
    return this.pulse.probe(now, this.probePatience(config));
  }

  /** A heartbeat right behind an answer. */
  echo(now: Millis, config: LinkSettings, rtt: Rtt): Heartbeat {
    return this.pulse.beat(now, this.patience(now, config, rtt));
  }

  /** Something came. */
  hear(now: Millis): void {
    this.heardAt = this.countedFrom = now;
    this.isPinged = false;
    this.pulse.hear();
  }

  /** How long nothing has come. */
  idle(now: Millis): Span {
    return since(now, this.heardAt);
  }

  /** The device slept: silence until now tells nothing. */
  renew(now: Millis): void {
    this.countedFrom = now;
    this.isPinged = false;
    this.pulse.renew(now);
  }

  /** As {@link Session.renew}, where an answer is waited for; whether it is. */
  excuse(now: Millis): boolean {
    const isWaiting = this.isPinged || this.pulse.isWaiting() || this.pulse.isTiming();
    if (isWaiting) this.renew(now);
    return isWaiting;
  }

  /** Nobody looks, or somebody does again: heartbeats come more rarely, or as agreed. */
  pace(now: Millis, isBackground: boolean, config: LinkSettings): void {
    const limit = this.pathLimit;
    const most = limit === undefined ? Infinity : Math.floor(limit / 100) * PATH_SHARE;
    const isSlow = isBackground && config.detection === "adaptive";
    this.pulse.pace(now, isSlow ? Math.min(most, config.backgroundIntervalMs) : 0);
  }

  /** When something will be due. */
  wake(config: LinkSettings): Wake<Why> {
    const leave: Wake<Why> | undefined =
      this.leaveAt === undefined ? undefined : { at: this.leaveAt, why: "leave" };
    const health: Wake<Why> = { at: this.healthAt(config), why: "health" };
    return earlier(earlier(this.pulse.wake(), health), leave)!;
  }

  /** How long the answer to a heartbeat that is sent now is waited for. */
  private patience(now: Millis, config: LinkSettings, rtt: Rtt): Patience {
    if (this.pulse.isProbeDue) return this.probePatience(config);
    const { timeout } = this.pulse;
    if (config.detection === "fixed") return { soft: undefined, hard: timeout };
    const path = pathAfter(this.idle(now));
    return newPatience(rtt.soft(path), rtt.hard(path), timeout);
  }

  private probePatience(config: LinkSettings): Patience {
    const patience = newPatience(config.probeSoftMs, config.probeHardMs, this.pulse.timeout);
    return config.detection === "fixed" ? { soft: undefined, hard: patience.hard } : patience;
  }

  /** Looks at how long nothing has come. */
  private look(now: Millis, config: LinkSettings, patience: Patience): Due | undefined {
    if (this.healthAt(config) > now) return undefined;
    if (this.isPinged) return over("silent");
    this.isPinged = true;
    if (config.detection === "fixed") return { kind: "say", frame: { type: "ping" } };
    // A heartbeat that is waited for asks the same.
    if (this.pulse.isWaiting()) return undefined;
    return { kind: "say", frame: this.pulse.beat(now, patience) };
  }

  /**
   * The first look at health that will find anything. Looks come every interval from the welcome
   * on; those that would find nothing need no waking.
   */
  private healthAt(config: LinkSettings): Millis {
    const idle = this.isPinged ? config.idleCloseMs : config.idlePingMs;
    const interval = config.healthIntervalMs;
    const looks = Math.ceil((this.countedFrom + idle - this.since) / interval);
    return this.since + interval * looks;
  }
}

const over = (kind: "left" | "silent"): Due => ({ kind: "end", end: { kind } });
