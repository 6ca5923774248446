// Many events in few requests. In: events, and the results that the server gave each of them. Out:
// requests, and one result for each event, in order. An event that failed for a while is sent
// again, unless a later one of its channel is there already: order comes before completeness.

import { BatchError, PublishError } from "./errors.js";
import { Exchange, type Io } from "./exchange.js";
import { type Problem, type Receipt, isRetryable, readResults } from "./problem.js";
import type { RetryPolicy } from "./retry.js";

/** The most events of one request; the server's default limit. */
const EVENTS_MAX = 1000;
/** The largest request in bytes; a single event may be larger, up to the server's limit. */
const BYTES_MAX = 1024 * 1024;

/** An event as it travels in a batch. */
export interface Entry {
  readonly channel: string;
  readonly body: string;
  readonly bytes: number;
}

/** Publishes all, in order. Each request has the policy's deadline. Throws a {@link BatchError}. */
export async function publishBatch(
  io: Io,
  policy: RetryPolicy,
  entries: readonly Entry[],
): Promise<Receipt[]> {
  const results: (Receipt | PublishError)[] = [];
  for (const group of groups(entries)) results.push(...(await sendGroup(io, policy, group)));
  if (results.some((one) => one instanceof PublishError)) throw new BatchError(results);
  return results as Receipt[];
}

/** The events, in order, by what one request may hold. */
function* groups(entries: readonly Entry[]): Generator<Entry[]> {
  let [group, bytes]: [Entry[], number] = [[], 0];
  for (const entry of entries) {
    if (group.length && (group.length === EVENTS_MAX || bytes + entry.bytes > BYTES_MAX)) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(entry);
    bytes += entry.bytes + 1;
  }
  if (group.length) yield group;
}

async function sendGroup(
  io: Io,
  policy: RetryPolicy,
  group: readonly Entry[],
): Promise<(Receipt | PublishError)[]> {
  const done = new Map<Entry, Receipt | PublishError>();
  const exchange = new Exchange(io, policy);
  let pending = group;
  try {
    while (pending.length) {
      const body = `{"events":[${pending.map((one) => one.body).join()}]}`;
      const { status, text } = await exchange.send("/v1/events", body);
      const results = readResults(text, pending.length);
      if (!results) throw exchange.badAnswer("no result for each event", status);
      const delayed = take(exchange, pending, results, done);
      pending = pending.filter((entry) => delayed.has(entry));
      if (pending.length) await exchange.pause(worst([...delayed.values()]));
    }
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    for (const entry of pending) done.set(entry, error);
  }
  return group.map((entry) => done.get(entry)!);
}

/** Notes results, the last first. Returns the events to send again, each with its reason. */
function take(
  exchange: Exchange,
  pending: readonly Entry[],
  results: readonly (Receipt | Problem)[],
  done: Map<Entry, Receipt | PublishError>,
): Map<Entry, Problem> {
  const delayed = new Map<Entry, Problem>();
  const passed = new Set<string>();
  for (let index = pending.length; index--; ) {
    const [entry, result] = [pending[index]!, results[index]!];
    if ("epoch" in result) {
      done.set(entry, result);
      passed.add(entry.channel);
    } else if (isRetryable(result) && !passed.has(entry.channel)) {
      delayed.set(entry, result);
    } else {
      done.set(entry, exchange.error(result));
    }
  }
  return delayed;
}

const worst = (problems: readonly Problem[]): Problem =>
  problems.reduce((one, two) => ((two.retryAfterMs ?? 0) > (one.retryAfterMs ?? 0) ? two : one));
