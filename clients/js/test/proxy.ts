// A TCP proxy that does what networks do: cut, swallow everything, refuse, or let through all of
// HTTP but WebSockets.

import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

/**
 * What becomes of new connections: they go through; their upgrades are answered with 403, as by a
 * strict proxy, or with a page; whatever they ask, they are sent to sign in; they are reset.
 */
export type Mode = "pass" | "forbid" | "page" | "portal" | "refuse";

const ANSWERS: Partial<Record<Mode, string>> = {
  forbid: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
  page: "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 16\r\n\r\n<h1>Welcome</h1>",
  portal: "HTTP/1.1 302 Found\r\nLocation: http://sign.in/\r\nContent-Length: 0\r\n\r\n",
};

/** A path to a server. */
export class Proxy {
  mode: Mode = "pass";
  private isStalled = false;
  private readonly open = new Set<Socket>();
  private readonly held = new Set<() => void>();

  private constructor(
    private readonly listener: Server,
    private readonly target: number,
  ) {}

  /** In front of a port. */
  static async start(target: number): Promise<Proxy> {
    const listener = createServer({ allowHalfOpen: true });
    const proxy = new Proxy(listener, target);
    listener.on("connection", (near) => proxy.accept(near));
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.listener.address() as AddressInfo).port}`;
  }

  /** Cuts everything that is open. */
  cut(): void {
    for (const socket of this.open) socket.destroy();
  }

  /** Swallows everything, both ways, and tells nobody; or lets it flow again. */
  stall(isStalled: boolean): void {
    this.isStalled = isStalled;
    if (isStalled) return;
    for (const go of this.held) go();
    this.held.clear();
  }

  /** Cuts everything, for good. */
  end(): void {
    this.listener.close();
    this.cut();
  }

  private accept(near: Socket): void {
    this.keep(near);
    if (this.mode === "refuse") return void near.resetAndDestroy();
    let head = Buffer.alloc(0);
    const read = (part: Buffer): void => {
      head = Buffer.concat([head, part]);
      if (!head.includes("\r\n\r\n")) return;
      near.off("data", read).pause();
      this.whenFlowing(() => this.lead(near, head));
    };
    near.on("data", read);
  }

  private lead(near: Socket, head: Buffer): void {
    const isUpgrade = /^upgrade: websocket/im.test(head.toString("latin1"));
    const isInTheWay = isUpgrade || this.mode === "portal";
    const answer = isInTheWay ? ANSWERS[this.mode] : undefined;
    if (answer !== undefined) return void near.end(answer);
    const far = connect(this.target, "127.0.0.1");
    this.keep(far);
    far.write(head);
    this.pump(near, far);
    this.pump(far, near);
  }

  private pump(from: Socket, to: Socket): void {
    from.on("data", (part) => this.pass(from, () => to.write(part)));
    from.on("end", () => this.pass(from, () => to.end()));
    from.on("close", () => this.whenFlowing(() => to.destroy()));
    from.resume();
  }

  private pass(from: Socket, go: () => void): void {
    from.pause();
    this.whenFlowing(() => {
      go();
      from.resume();
    });
  }

  private whenFlowing(go: () => void): void {
    if (this.isStalled) this.held.add(go);
    else go();
  }

  private keep(socket: Socket): void {
    this.open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.open.delete(socket));
  }
}
