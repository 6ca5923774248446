// One link and the job that it follows, as an app would have it. In: which channel. Out: what comes
// of it, into the journal. A reload, or a link that is made anew, goes on where the last one was:
// the client keeps the position, the journal what was seen.

import type { Client, ConnectOptions, Message, QualityReport, Statistics } from "../src/index.js";
import type { Journal } from "./journal.js";

/** Makes a client; the page's own, or one of a test. */
export type Connect = (options: ConnectOptions) => Client;

/** So that the visitor need not wait long for what the link notices by itself. */
const HEARTBEAT_INTERVAL_MS = 5_000;

export class Watch {
  /** What people are to be told now. */
  notice: Message | null = null;
  private client: Client | undefined;
  private isOpen = false;
  private openedAt = 0;

  constructor(
    private readonly connect: Connect,
    private readonly options: ConnectOptions,
    private readonly journal: Journal,
    private readonly onChange: () => void,
    private readonly now: () => number,
  ) {}

  /** Whether there is a link at all. */
  get isLinked(): boolean {
    return this.isOpen;
  }

  quality(): QualityReport | undefined {
    return this.client?.quality;
  }

  /** For how long this link has been watched. */
  watchedMs(): number {
    return this.now() - this.openedAt;
  }

  /** In how long the link tries again, where that is planned. */
  nextAttemptInMs(): number | null {
    return this.isOpen ? (this.client?.nextAttemptInMs ?? null) : null;
  }

  statistics(): Statistics | undefined {
    return this.client?.getStatistics();
  }

  /** Makes a link, and follows the job on it. */
  open(): void {
    if (this.isOpen) return;
    this.isOpen = true;
    this.openedAt = this.now();
    const settings = { heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS };
    const client = this.connect({ ...this.options, settings });
    this.client = client;
    this.notice = null;
    client.onStateChange((state, _, reason) => {
      this.journal.enter(state, reason, this.now());
      this.onChange();
    });
    client.onNotice((notice) => {
      if (this.client !== client) return;
      this.notice = notice;
      this.onChange();
    });
    client.onQuality(() => this.onChange());
    if (!this.journal.isFinished) this.subscribe();
    this.onChange();
  }

  /** Somebody asks to try now. */
  retry(): void {
    this.client?.retry();
  }

  /** Ends the link. The job goes on without being watched. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.client?.close();
    this.notice = null;
    this.onChange();
  }

  /** Follows another job, or none. */
  follow(channel: string | null): void {
    this.leave();
    this.journal.follow(channel);
    this.subscribe();
    this.onChange();
  }

  private leave = (): void => {};

  private subscribe(): void {
    const { channel } = this.journal;
    if (channel === null || !this.client || !this.isOpen) return;
    const isNew = this.journal.entries.length === 0;
    const subscription = this.client.subscribe(channel, {
      // Where nothing was kept of it, the client's position would leave a list without a start.
      ...(isNew ? { since: "start" as const } : {}),
      onEvent: (event) => {
        this.journal.hand(event, this.now());
        this.onChange();
      },
      onGap: () => {
        this.journal.miss(this.now());
        this.onChange();
      },
      onFinished: () => {
        this.journal.finish();
        this.onChange();
      },
    });
    this.leave = () => subscription.unsubscribe();
  }
}
