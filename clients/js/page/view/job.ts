// The job as somebody sees it who only wants to know how far it is. In: the events of the job. Out:
// a bar, its steps, its result.

import type { EventEntry, Journal } from "../journal.js";
import type { Words } from "../words.js";
import { by, make, put, set, sign } from "./dom.js";

interface Progress {
  readonly percent: number;
  readonly check?: string;
  readonly number?: number;
  readonly of?: number;
}

interface Result {
  readonly findings: readonly { readonly check: string; readonly verdict: string }[];
}

/** The steps of every job, in order. */
const CHECKS = ["power", "storage", "memory", "network", "sensors", "software"];

/** How far a job is. */
export interface Standing {
  readonly percent: number;
  /** Steps begun. */
  readonly begun: number;
  readonly result: Result | undefined;
  readonly isDone: boolean;
}

/** Reads it from the events. */
export function standing(events: readonly EventEntry[]): Standing {
  let [percent, begun] = [0, 0];
  let result: Result | undefined;
  let isDone = false;
  for (const { event, data } of events) {
    if (event === "progress") {
      const progress = data as Progress;
      percent = Math.max(percent, progress.percent);
      begun = Math.max(begun, progress.number ?? 0);
    } else if (event === "result") result = data as Result;
    else if (event === "complete") isDone = true;
  }
  return { percent, begun, result, isDone };
}

/** The names of what needs a look. */
export const warnings = (words: Words, result: unknown): string[] =>
  ((result as Result | undefined)?.findings ?? [])
    .filter(({ verdict }) => verdict !== "good")
    .map(({ check }) => words.checks[check] ?? check);

export function showJob(words: Words, journal: Journal): void {
  const { channel } = journal;
  const events = journal.events();
  const { percent, begun, result, isDone } = standing(events);
  set(by("job"), "data-phase", channel === null ? "none" : isDone ? "done" : "running");
  by("job-empty").hidden = channel !== null;
  by("job-body").hidden = channel === null;
  put(by("channel"), channel ?? "");
  put(by("start"), channel === null ? words.start : words.startAnother);
  // While a job runs there are better things to do than to start the next.
  set(by("start"), "data-rank", channel === null || isDone ? "first" : "second");
  put(by("command"), `cargo run --release -- subscribe ${channel ?? "demo:1"}`);
  put(by("job-percent"), events.length ? `${percent}%` : "");
  by<HTMLProgressElement>("job-progress").value = percent;
  put(by("job-step"), step(words, begun, isDone || result !== undefined));
  put(by("job-result"), isDone ? words.result(warnings(words, result)) : "");
  showChecks(words, begun, result);
}

function step(words: Words, begun: number, isOver: boolean): string {
  if (isOver) return words.jobDone;
  const check = CHECKS[begun - 1];
  return check ? words.step(begun, CHECKS.length, words.checks[check] ?? check) : words.waiting;
}

function showChecks(words: Words, begun: number, result: Result | undefined): void {
  const list = by("checks");
  const { warned: warning, done, current, pending: waiting } = words;
  const said = { warning, done, current, waiting };
  const items = CHECKS.map((check, at) => {
    const verdict = result?.findings.find((finding) => finding.check === check)?.verdict;
    const isWarned = verdict !== undefined && verdict !== "good";
    const isDone = verdict !== undefined || at + 1 < begun;
    const phase = isWarned ? "warning" : isDone ? "done" : at + 1 === begun ? "current" : "waiting";
    return { check, phase, said: said[phase] };
  });
  const key = JSON.stringify([items, words.checks]);
  if (list.dataset["key"] === key) return;
  list.dataset["key"] = key;
  list.replaceChildren(
    ...items.map(({ check, phase, said }) =>
      make(
        "li",
        { "data-phase": phase },
        sign(phase),
        make("span", {}, words.checks[check] ?? check),
        make("span", { class: "unseen" }, ` (${said})`),
      ),
    ),
  );
}
