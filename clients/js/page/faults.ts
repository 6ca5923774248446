// A way to servers that can be broken on purpose. In: another transport, and what is to be wrong.
// Out: the same transport, with that wrong. What is cut vanishes without a word, and a socket that
// was cut stays dead, as when a device moves to another network. What is stalled comes late.

import type { Answer, Request, Socket, SocketHandlers, Transport } from "../src/index.js";

/** Things that may wait in a stall; what comes beyond them breaks the sockets. */
export const HELD_MAX = 1_000;
/** How a socket that broke without a close frame looks from above. */
const BROKEN = 1006;
/** How one that is of no use is ended below. */
const UNUSED = 1000;

/** A socket as the link sees it, and the one below. */
interface Line {
  readonly handlers: SocketHandlers;
  /** None where nothing was let out when it was opened. */
  inner: Socket | undefined;
  /** It has lost something, and can never be right again. */
  isLost: boolean;
  /** Neither side is to hear of it any more. */
  isOver: boolean;
}

export class Faults implements Transport {
  private readonly lines = new Set<Line>();
  private held: (() => void)[] = [];
  private cutNow = false;
  private stalledNow = false;

  constructor(private readonly below: Transport) {}

  get isCut(): boolean {
    return this.cutNow;
  }

  /** Whether there is a socket that a crash would break. */
  get hasSocket(): boolean {
    return [...this.lines].some((line) => !line.isOver && !line.isLost);
  }

  get isStalled(): boolean {
    return this.stalledNow;
  }

  /** Lets nothing through, or lets new sockets and requests through again. */
  cut(isCut: boolean): void {
    this.cutNow = isCut;
    for (const line of this.lines) {
      if (isCut) line.isLost = true;
      // What the network kept from the server it now hears at last.
      else if (line.isLost) this.drop(line);
    }
  }

  /** Holds everything, or lets go of what was held. */
  stall(isStalled: boolean): void {
    this.stalledNow = isStalled;
    if (isStalled) return;
    const held = this.held;
    this.held = [];
    for (const act of held) act();
  }

  /** Breaks all sockets that there are. */
  crash(): void {
    for (const line of [...this.lines]) {
      if (line.isOver || line.isLost) continue;
      this.end(line, UNUSED);
      line.handlers.onClose(BROKEN);
    }
  }

  openSocket(url: string, handlers: SocketHandlers): Socket {
    const line: Line = { handlers, inner: undefined, isLost: this.cutNow, isOver: false };
    this.lines.add(line);
    if (!line.isLost) line.inner = this.below.openSocket(url, this.handlers(line));
    return {
      send: (text) => this.pass(line, () => line.inner?.send(text)),
      close: (code) => {
        line.isOver = true;
        // A goodbye over a dead path reaches nobody before the path is back.
        if (!line.isLost || !this.cutNow) this.end(line, code);
      },
    };
  }

  request(request: Request, done: (answer: Answer | undefined) => void): () => void {
    let isOver = false;
    const tell = (answer: Answer | undefined): void => {
      clearTimeout(timer);
      if (!isOver) done(answer);
      isOver = true;
    };
    const timer = setTimeout(tell, request.timeoutMs, undefined);
    const isLost = this.cutNow;
    const cancel = isLost
      ? undefined
      : this.below.request(request, (answer) => {
          this.hold(() => {
            if (!this.cutNow) tell(answer);
          });
        });
    return () => {
      isOver = true;
      clearTimeout(timer);
      cancel?.();
    };
  }

  private handlers(line: Line): SocketHandlers {
    return {
      onOpen: () => this.pass(line, () => line.handlers.onOpen()),
      onText: (text) => this.pass(line, () => line.handlers.onText(text)),
      onClose: (code) => {
        this.pass(line, () => {
          this.forget(line);
          line.handlers.onClose(code);
        });
      },
      onFail: (failure, error) => {
        this.pass(line, () => {
          this.forget(line);
          line.handlers.onFail(failure, error);
        });
      },
    };
  }

  /** Does it, now or once nothing is held, unless the line has lost something by then. */
  private pass(line: Line, act: () => void): void {
    this.hold(() => {
      if (!line.isLost && !line.isOver) act();
    });
  }

  private hold(act: () => void): void {
    if (!this.stalledNow) return act();
    if (this.held.length < HELD_MAX) {
      this.held.push(act);
      return;
    }
    this.held = [];
    this.crash();
  }

  /** Ends the socket below of one that was lost. */
  private drop(line: Line): void {
    const { inner } = line;
    line.inner = undefined;
    inner?.close(UNUSED);
    if (line.isOver) this.lines.delete(line);
  }

  private end(line: Line, code: number): void {
    this.forget(line);
    line.inner?.close(code);
  }

  private forget(line: Line): void {
    line.isOver = true;
    this.lines.delete(line);
  }
}
