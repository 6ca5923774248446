// Twin of crates/client/src/driver.rs. The loop around a link. In: inputs, the time. Out: what the
// link asks for, one thing after the other, to whoever performs it. What comes in while the link's
// outputs are being performed waits for its turn, so that callbacks may ask for anything.

import type { Clock } from "./clock.js";
import type { Input } from "./link/input.js";
import type { Output } from "./link/output.js";

/** How long the loop sleeps at most while the link waits: how soon sleep is noticed. */
const LOOK_MS = 5_000;

/** A link, or anything that behaves like one. */
export interface Machine {
  handle(now: number, input: Input): void;
  poll(): Output | undefined;
  wake(): { readonly at: number } | undefined;
}

/** Drives a machine. */
export class Driver {
  private readonly waiting: Input[] = [];
  private isRunning = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private timerAt = 0;

  constructor(
    private readonly machine: Machine,
    private readonly clock: Clock,
    /** Must not throw. */
    private readonly perform: (output: Output) => void,
  ) {}

  /** Hands in an input, and does all that follows from it. */
  feed(input: Input): void {
    this.waiting.push(input);
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      if (this.clock.hasSlept()) this.waiting.unshift({ kind: "resumed" });
      this.drain();
    } finally {
      this.isRunning = false;
      this.arm();
    }
  }

  private drain(): void {
    for (let input; (input = this.waiting.shift());) {
      this.machine.handle(this.clock.now(), input);
      for (let output; (output = this.machine.poll());) this.perform(output);
    }
  }

  /** One timer, never later than needed; one that is early looks again. */
  private arm(): void {
    const wake = this.machine.wake();
    const now = this.clock.now();
    const at = wake ? Math.min(Math.max(wake.at, now), now + LOOK_MS) : Infinity;
    if (this.timer !== undefined && this.timerAt <= at && wake) return;
    if (this.timer !== undefined) clearTimeout(this.timer);
    this.timerAt = at;
    this.timer = wake && setTimeout(() => this.look(), at - now);
  }

  private look(): void {
    this.timer = undefined;
    const wake = this.machine.wake();
    if (wake && wake.at <= this.clock.now()) this.feed({ kind: "tick" });
    else if (this.clock.hasSlept()) this.feed({ kind: "resumed" });
    else this.arm();
  }
}
