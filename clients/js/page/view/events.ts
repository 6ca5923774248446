// Every event that was handed to this page, with its offset, and what follows from the offsets. In:
// the journal. Out: a list, newest first; a count; the verdict once the job is over.

import { order } from "../audit.js";
import type { Entry, EventEntry, Journal } from "../journal.js";
import type { Language, Words } from "../words.js";
import { seconds } from "../words.js";
import { by, make, put, set } from "./dom.js";
import { warnings } from "./job.js";

/** What came of asking the server: offsets that are missing, `failed`, or nothing yet. */
export type Audit = readonly number[] | "failed" | undefined;

/** An event that took longer is called late. */
const LATE_MS = 1_000;
const OFFSETS_SHOWN = 5;

export function showEvents(words: Words, language: Language, journal: Journal, audit: Audit): void {
  const events = journal.events();
  const { count, doubled, skipped } = order(events);
  by("tally").hidden = journal.channel === null;
  put(by("events-count"), words.events(count));
  const seen = doubled > 0 ? words.outOfOrder(doubled) : count > 0 ? words.inOrder : "";
  put(by("events-order"), seen);
  showAudit(words, journal, audit, skipped);
  by("events-empty").hidden = journal.entries.length > 0;
  showList(words, language, journal);
}

function showAudit(
  words: Words,
  journal: Journal,
  audit: Audit,
  skipped: readonly (readonly [number, number])[],
): void {
  const left = skipped.reduce((all, [from, to]) => all + to - from + 1, 0);
  const remark = left > 0 ? ` ${words.skipped(left)}` : "";
  const [verdict, text] = judged(words, journal, audit);
  set(by("audit"), "data-verdict", verdict);
  put(by("audit"), text + remark);
}

function judged(words: Words, journal: Journal, audit: Audit): [verdict: string, text: string] {
  if (journal.channel === null) return ["none", words.auditPending];
  if (audit === undefined) return ["none", words.auditPending];
  if (audit === "failed") return ["failed", words.auditFailed];
  if (audit.length === 0) return ["good", words.auditGood];
  return ["bad", words.auditBad(audit.slice(0, OFFSETS_SHOWN).join(", "))];
}

/** Adds what is new; begins anew where the list is another one. */
function showList(words: Words, language: Language, journal: Journal): void {
  const list = by("events");
  const { channel, entries } = journal;
  const key = `${channel} ${language} ${entries[0]?.gotAt}`;
  if (list.dataset["key"] !== key) list.replaceChildren();
  list.dataset["key"] = key;
  list.hidden = entries.length === 0;
  // Of `entries` the list has so many, counted without the remarks in between.
  for (let at = list.querySelectorAll(":scope > :not(.remark)").length; at < entries.length; at++) {
    const entry = entries[at];
    if (entry) list.prepend(...rows(words, language, entry, entries[at - 1]).reverse());
  }
}

/** The line of an entry, and before it a remark where offsets were passed over. */
function rows(
  words: Words,
  language: Language,
  entry: Entry,
  last: Entry | undefined,
): HTMLElement[] {
  if (entry.kind === "gap") return [make("li", { class: "gap" }, words.gapRow)];
  const isSame = last?.kind === "event" && last.epoch === entry.epoch;
  const before = isSame ? last.offset : last ? entry.offset - 1 : 0;
  const row = make(
    "li",
    { "data-offset": String(entry.offset), "data-event": entry.event },
    make("span", { class: "offset" }, String(entry.offset)),
    make("span", { class: "name" }, entry.event),
    make("span", { class: "what" }, told(words, entry)),
  );
  const lateMs = entry.gotAt - entry.sentAt;
  if (lateMs > LATE_MS) {
    row.append(make("span", { class: "late" }, words.late(seconds(lateMs, language))));
  }
  if (entry.offset <= before + 1) return [row];
  const skipped = words.skippedRow(before + 1, entry.offset - 1);
  return [make("li", { class: "remark" }, skipped), row];
}

function told(words: Words, { event, data }: EventEntry): string {
  if (event === "progress") {
    const { percent, check } = data as { percent: number; check?: string };
    return check === undefined
      ? words.eventProgress(percent)
      : words.eventCheck(percent, words.checks[check] ?? check);
  }
  if (event === "result") return words.eventResult(warnings(words, data));
  if (event === "complete") return words.eventComplete;
  return JSON.stringify(data);
}
