// Twin of crates/client/src/network_io.rs. Everything of a link that touches the network: its
// sockets, polls, probes. In: what the link asks for. Out: its inputs. Decides nothing.

import { isOurs, retryAfterMs } from "./answer.js";
import type { Endpoint } from "./endpoint.js";
import { movedTo, pollManyBody, pollManyUrl, pollUrl, probeUrl, socketUrl } from "./endpoint.js";
import { SteadfastError, isSteadfastError } from "./errors.js";
import type { Input, PollFailure, Polled } from "./link/input.js";
import type { Output, Poll, ToEndpoint } from "./link/output.js";
import type { Report } from "./notices.js";
import * as close from "./protocol/close.js";
import { encodeClient, pollAnswer, serverFrame } from "./protocol/codec/json.js";
import type { Answer, Request, Socket, SocketHandlers, Transport } from "./transport.js";

/** The header that carries a token. */
const AUTHORIZATION = "Authorization";
/** The longest a poll may ask the server to wait, in seconds. */
const WAIT_MAX = 50;
/** How long an answer may take beyond the wait that was asked for. */
const ANSWER_TIMEOUT_MS = 10_000;
/** How long a probe may take. */
const PROBE_TIMEOUT_MS = 5_000;
/** The longest message that is taken, in UTF-16 units. */
const MESSAGE_MAX = 4 * 1024 * 1024;
/** What a server is told that broke the rules; browsers let no smaller code through. */
const FAULT = 4400;

/** What the link asks of the network. */
type Wish = Extract<
  Output,
  { kind: "open_socket" | "send" | "close_socket" | "poll" | "cancel_poll" | "probe" }
>;

/** How the server refused a link: in a sentence, and its code and words. */
interface Refusal {
  readonly text: string;
  readonly cause: { code?: number; status?: number; reason?: string | undefined };
}

/** The sockets and requests of one link. */
export class NetworkIo {
  /** The newest token, for polls. */
  token: string | null = null;
  /** How the server last refused the link, in words for developers. */
  refusal: Refusal | undefined;
  private readonly sockets = new Map<number, Socket>();
  private readonly polls = new Map<number, () => void>();

  constructor(
    private readonly transport: Transport,
    private readonly endpoints: readonly Endpoint[],
    private readonly feed: (input: Input) => void,
    private readonly report: Report,
  ) {}

  /** Does one thing. */
  perform(wish: Wish): void {
    switch (wish.kind) {
      case "open_socket":
        return this.open(wish.socket, wish.to, this.endpoint(wish));
      case "send":
        return this.attempt(() => this.sockets.get(wish.socket)?.send(encodeClient(wish.frame)));
      case "close_socket":
        return this.close(wish.socket, wish.code);
      case "poll":
        return this.poll(wish, this.endpoint(wish));
      case "cancel_poll":
        this.attempt(this.polls.get(wish.poll));
        this.polls.delete(wish.poll);
        return;
      case "probe":
        return this.probe(this.endpoint(wish));
      default:
        // A new kind does not compile until it has a case.
        wish satisfies never;
    }
  }

  private endpoint({ endpoint = 0 }: ToEndpoint): Endpoint {
    return this.endpoints[endpoint]!;
  }

  /** A platform's own complaints become those of the link, by what follows from them. */
  private attempt(act: (() => void) | undefined): void {
    try {
      act?.();
    } catch (cause) {
      this.report(dialFailed(cause));
    }
  }

  private open(socket: number, to: string | null, home: Endpoint): void {
    const url = socketUrl(to === null ? home : movedTo(home, to));
    try {
      this.sockets.set(socket, this.transport.openSocket(url, this.handlers(socket)));
    } catch (cause) {
      this.handlers(socket).onFail({ kind: "unreachable" }, dialFailed(cause));
    }
  }

  private handlers(socket: number): SocketHandlers {
    return {
      onOpen: () => {
        this.refusal = undefined;
        this.feed({ kind: "socket_opened", socket });
      },
      onText: (text) => this.hear(socket, text),
      onClose: (code, reason = "") => {
        this.refusal = { text: `closed with ${code} ${reason}`, cause: { code, reason } };
        this.sockets.delete(socket);
        this.feed({ kind: "socket_closed", socket, code });
      },
      onFail: (failure, error) => {
        if (error) this.report(error);
        this.sockets.delete(socket);
        this.feed({ kind: "socket_failed", socket, failure });
      },
    };
  }

  private hear(socket: number, text: string | null): void {
    // The same message would come again on the next socket: the link has to know.
    if (text !== null && text.length > MESSAGE_MAX) return this.fault(socket, close.TOO_BIG);
    const frame = text === null ? undefined : serverFrame(text);
    if (frame) this.feed({ kind: "socket_frame", socket, frame });
    else if (frame === null) this.feed({ kind: "socket_alive", socket });
    else this.fault(socket, close.ABNORMAL);
  }

  /** The server broke the rules; the link is told `code`. */
  private fault(socket: number, code: number): void {
    this.close(socket, FAULT);
    this.feed({ kind: "socket_closed", socket, code });
  }

  private close(socket: number, code: number): void {
    this.attempt(() => this.sockets.get(socket)?.close(code));
    this.sockets.delete(socket);
  }

  private poll({ poll, channels, waitMs }: Poll, home: Endpoint): void {
    const wait = Math.min(Math.ceil(waitMs / 1000), WAIT_MAX);
    const headers = this.token === null ? {} : { [AUTHORIZATION]: `Bearer ${this.token}` };
    const timeoutMs = wait * 1000 + ANSWER_TIMEOUT_MS;
    const isMany = channels.length > 1;
    const url = isMany ? pollManyUrl(home) : pollUrl(home, channels[0]!, wait);
    const body = isMany ? pollManyBody(channels, wait) : undefined;
    const cancel = this.ask({ url, headers, body, timeoutMs }, (answer) => {
      if (!this.polls.delete(poll)) return;
      const { status = 0, text: reason } = answer ?? {};
      if (status >= 400) {
        const text = `a poll was answered ${status} ${reason}`;
        this.refusal = { text, cause: { status, reason } };
      }
      this.feed(polled(poll, answer));
    });
    this.polls.set(poll, cancel);
  }

  private probe(home: Endpoint): void {
    this.ask({ url: probeUrl(home), headers: {}, timeoutMs: PROBE_TIMEOUT_MS }, (answer) =>
      this.feed({ kind: "probed", isOk: answer?.status === 204 && isOurs(answer) }),
    );
  }

  private ask(request: Request, done: (answer: Answer | undefined) => void): () => void {
    try {
      return this.transport.request(request, done);
    } catch (cause) {
      this.report(dialFailed(cause));
      // Not at once: whoever asks has to be ready first.
      const timer = setTimeout(done, 0, undefined);
      return () => clearTimeout(timer);
    }
  }
}

/** What a platform throws; an error of ours says more than a wrapper. */
const dialFailed = (cause: unknown): SteadfastError =>
  isSteadfastError(cause)
    ? cause
    : new SteadfastError("dial_failed", "the platform refused", true, cause);

function polled(poll: number, answer: Answer | undefined): Polled {
  const read = answer?.status === 200 ? pollAnswer(answer.text) : undefined;
  const kind = "polled";
  return read ? { kind, poll, answer: read } : { kind, poll, failure: failure(answer) };
}

/** What our server means by a status; all others are as good as no answer. */
const FAILURES = {
  400: "refused",
  401: "unauthorized",
  403: "refused",
  404: "refused",
  405: "refused",
  429: "busy",
  503: "busy",
} as const;

function failure(answer: Answer | undefined): PollFailure {
  const known = answer && isOurs(answer) && FAILURES[answer.status as keyof typeof FAILURES];
  if (known === "busy") return { kind: known, retry_after_ms: retryAfterMs(answer!) };
  return { kind: known || "unreachable" };
}
