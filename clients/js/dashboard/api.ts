// The server, as the dashboard asks it. In: a key, paths. Out: JSON, or an error that says what a
// person can do. The key travels in the `Authorization` header and nowhere else.

import type {
  ChannelInfo,
  ChannelPage,
  Connection,
  ConnectionPage,
  EventPage,
  Health,
  KeyInfo,
  Stats,
} from "./model.js";

/** How long an answer is waited for. */
const PATIENCE_MS = 10_000;

/** A request that the server refused, or that never reached it. */
export class ApiError extends Error {
  constructor(
    /** 0 where there was no answer. */
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }

  /** Whether another key is needed. */
  get isKey(): boolean {
    return this.status === 401;
  }

  /** Whether the server cannot be reached, or cannot answer for now. */
  get isLost(): boolean {
    return this.status === 0 || this.status >= 502;
  }
}

export class Api {
  constructor(private readonly key: string | null) {}

  readonly self = (): Promise<KeyInfo> => this.read("/v1/key");
  readonly stats = (): Promise<Stats> => this.read("/v1/stats");

  readonly connections = (query: URLSearchParams): Promise<ConnectionPage> =>
    this.read(`/v1/connections?${query}`);

  readonly connection = (id: string): Promise<Connection> =>
    this.read(`/v1/connections/${encodeURIComponent(id)}`);

  readonly channels = (after: string | null, limit: number): Promise<ChannelPage> => {
    const query = new URLSearchParams({ limit: String(limit) });
    if (after !== null) query.set("after", after);
    return this.read(`/v1/channels?${query}`);
  };

  readonly channel = (name: string): Promise<ChannelInfo> =>
    this.read(`/v1/channels/${encodeURIComponent(name)}`);

  readonly events = (name: string, limit: number): Promise<EventPage> =>
    this.read(`/v1/channels/${encodeURIComponent(name)}/events?limit=${limit}`);

  /** Whether the node can serve; a refusal is an answer too. */
  async health(): Promise<Health> {
    const response = await this.send("GET", "/readyz");
    const body = (await response.json()) as { warnings?: string[]; detail?: string };
    const problem = response.ok ? null : (body.detail ?? response.statusText);
    return { problem, warnings: body.warnings ?? [] };
  }

  disconnect(id: string, comesBack: boolean): Promise<void> {
    const query = comesBack ? "?reconnect=true" : "";
    return this.act("DELETE", `/v1/connections/${encodeURIComponent(id)}${query}`);
  }

  disconnectUser(user: string, comesBack: boolean): Promise<void> {
    const query = comesBack ? "?reconnect=true" : "";
    return this.act("DELETE", `/v1/users/${encodeURIComponent(user)}/connections${query}`);
  }

  publish(channel: string, event: Readonly<Record<string, unknown>>): Promise<void> {
    const body = JSON.stringify(event);
    return this.act("POST", `/v1/channels/${encodeURIComponent(channel)}/events`, body);
  }

  forget(channel: string): Promise<void> {
    return this.act("DELETE", `/v1/channels/${encodeURIComponent(channel)}`);
  }

  drain(): Promise<void> {
    return this.act("POST", "/v1/drain");
  }

  private async read<T>(path: string): Promise<T> {
    return (await checked(await this.send("GET", path))).json() as Promise<T>;
  }

  private async act(method: string, path: string, body?: string): Promise<void> {
    await checked(await this.send(method, path, body));
  }

  private async send(method: string, path: string, body?: string): Promise<Response> {
    const headers = new Headers();
    if (this.key !== null) headers.set("authorization", `Bearer ${this.key}`);
    // The server logs what is done here, publishes included.
    if (method !== "GET") headers.set("steadfast-audit", "dashboard");
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const options: RequestInit = { method, headers, signal, cache: "no-store", redirect: "error" };
    if (body !== undefined) {
      headers.set("content-type", "application/json");
      options.body = body;
    }
    try {
      return await fetch(path, options);
    } catch (error) {
      throw new ApiError(0, "unreachable", String(error));
    }
  }
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  let problem: { code?: string; detail?: string } = {};
  try {
    problem = (await response.json()) as typeof problem;
  } catch {
    // Something between here and the server answered, without a problem.
  }
  const detail = problem.detail ?? response.statusText;
  throw new ApiError(response.status, problem.code ?? "unknown", detail);
}
