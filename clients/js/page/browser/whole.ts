// Was no event lost, and none doubled? Judged by what the page lists against what the server keeps,
// without asking the page's own opinion first.

import assert from "node:assert/strict";
import type { Row, Stage } from "./stage.js";

/** Checks the rows that are listed now; with what the server keeps at the same time or later. */
export async function assertRowsFit(stage: Stage, channel: string, rows: Row[]): Promise<void> {
  const kept = await stage.kept(channel);
  const last = rows.at(-1)?.offset ?? 0;
  for (const [at, row] of rows.entries()) {
    const before = rows[at - 1]?.offset ?? 0;
    assert.ok(row.offset > before, `${row.offset} comes after ${before}`);
    assert.equal(row.event, kept[row.offset - 1]?.event, `event ${row.offset}`);
  }
  const listed = new Set(rows.map(({ offset }) => offset));
  const lost = kept.filter(({ offset, event, data }) => {
    const isOutdated = event === "progress" && data.check === undefined;
    return offset <= last && !listed.has(offset) && !isOutdated;
  });
  assert.deepEqual(lost, [], "events that nothing may stand in for");
}

/** Waits for the end of the job, then checks everything, and that the page says the same. */
export async function assertWhole(stage: Stage, channel: string): Promise<void> {
  await stage.sees("#job-result", /^Done\. Look at: Storage\.$/);
  await stage.sees("#audit", /^Checked against the server: nothing is missing\./);
  const [rows, kept] = [await stage.rows(), await stage.kept(channel)];
  await assertRowsFit(stage, channel, rows);
  assert.equal(rows.at(-1)?.offset, kept.length, "the last event was handed over");
  assert.equal(rows.at(-1)?.event, "complete");
  await stage.sees("#events-order", /^each once, in order$/);
  await stage.sees("#events-count", new RegExp(`^${rows.length} events$`));
  assert.deepEqual(stage.complaints.filter(isOurs), []);
}

/** Sockets and requests that were broken on purpose are complained of by the browser itself. */
const isOurs = (text: string): boolean =>
  !/WebSocket connection to|Failed to load resource|net::ERR_/.test(text);
