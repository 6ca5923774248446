// When the server is asked again: every two seconds while somebody looks, seldom in a hidden tab,
// and ever later while it cannot be reached. In: what asks, and whether it succeeded. Out: calls.

const EVERY_MS = 2_000;
const HIDDEN_EVERY_MS = 10_000;
const LATER_MAX_MS = 15_000;
const SECOND_MS = 1_000;

export class Pace {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isRunning = false;
  private isAsking = false;
  /** Something was asked for while an answer was waited for. */
  private isWanted = false;
  private failures = 0;

  constructor(
    private readonly ask: () => Promise<boolean>,
    /** Told in how many seconds the next attempt comes; null once the server answers. */
    private readonly tell: (seconds: number | null) => void,
    private readonly isHidden = () => document.visibilityState === "hidden",
  ) {}

  start(): void {
    this.isRunning = true;
    this.now();
  }

  stop(): void {
    this.isRunning = false;
    clearTimeout(this.timer);
    this.failures = 0;
    this.tell(null);
  }

  /** Asks at once. */
  now(): void {
    if (!this.isRunning) return;
    if (this.isAsking) this.isWanted = true;
    else void this.turn();
  }

  private async turn(): Promise<void> {
    clearTimeout(this.timer);
    this.isAsking = true;
    this.isWanted = false;
    const isGood = await this.ask().catch(() => false);
    this.isAsking = false;
    if (!this.isRunning) return;
    this.failures = isGood ? 0 : this.failures + 1;
    if (this.isWanted && isGood) return this.turn();
    const later = Math.min(SECOND_MS * 2 ** (this.failures - 1), LATER_MAX_MS);
    if (!isGood) return this.countDown(later);
    this.tell(null);
    const wait = this.isHidden() ? HIDDEN_EVERY_MS : EVERY_MS;
    this.timer = setTimeout(() => void this.turn(), wait);
  }

  private countDown(leftMs: number): void {
    if (leftMs <= 0) return void this.turn();
    this.tell(Math.ceil(leftMs / SECOND_MS));
    this.timer = setTimeout(() => this.countDown(leftMs - SECOND_MS), SECOND_MS);
  }
}
