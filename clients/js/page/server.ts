// What the page asks of the server beside the link: jobs, the switch for WebSocket, and what a
// channel holds. In: wishes. Out: answers. None of it goes through what the page breaks.

/** An event as the server keeps it. */
export interface Kept {
  readonly offset: number;
  readonly event: string;
  readonly data: unknown;
}

/** Why something could not be had. */
export class Refused extends Error {
  constructor(
    /** 0 where no answer came. */
    readonly status: number,
  ) {
    super(`the server answered ${status}`);
  }
}

/** The most events of one answer. */
const LIMIT = 1_000;

/** Starts a job; gives back the channel to follow. */
export async function startJob(durationMs: number): Promise<string> {
  const wish = JSON.stringify({ duration_ms: durationMs });
  const { channel } = (await ask("/demo/jobs", "POST", wish)) as { channel: string };
  return channel;
}

/** Whether the server lets WebSocket through. */
export async function isBlocked(): Promise<boolean> {
  return ((await ask("/demo/websocket", "GET")) as { is_blocked: boolean }).is_blocked;
}

/** Blocks WebSocket at the server, or lets it through again. */
export async function block(isWished: boolean): Promise<void> {
  await ask("/demo/websocket", "PUT", JSON.stringify({ is_blocked: isWished }));
}

/** All that the server keeps of a channel. */
export async function kept(channel: string): Promise<Kept[]> {
  const path = `/v1/channels/${encodeURIComponent(channel)}/events?limit=${LIMIT}`;
  return ((await ask(path, "GET")) as { events: Kept[] }).events;
}

async function ask(path: string, method: string, body?: string): Promise<unknown> {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const request = fetch(path, { method, headers, body: body ?? null, cache: "no-store" });
  const answer = await request.catch(() => {
    throw new Refused(0);
  });
  if (!answer.ok) throw new Refused(answer.status);
  return answer.json();
}
