// What the timeline shows, in words: for whoever cannot see it, and for whoever wants to know
// exactly. In: the journal. Out: one sentence, and a list, newest first.

import { type Journal, shownState } from "../journal.js";
import type { Language, Words } from "../words.js";
import { clockTime, minutes, seconds } from "../words.js";
import { by, make, put } from "./dom.js";

interface Line {
  readonly at: number;
  readonly name: string;
  readonly text: string;
}

/** Lines that are shown. */
const LINES_MAX = 100;

export function showHistory(words: Words, language: Language, journal: Journal, now: number): void {
  put(by("timeline-sum"), sum(words, language, journal, now));
  const lines = history(words, journal).slice(-LINES_MAX);
  const list = by("history");
  const key = `${language} ${lines.length} ${lines.at(-1)?.at}`;
  if (list.dataset["key"] === key) return;
  list.dataset["key"] = key;
  list.replaceChildren(
    ...lines.reverse().map(({ at, name, text }) => {
      const time = make("time", {}, clockTime(at, language));
      return make("li", { "data-name": name }, time, make("span", {}, text));
    }),
  );
}

function history(words: Words, { states, faults }: Journal): Line[] {
  const lines: Line[] = states.map(({ state, reason, at }) => {
    const name = shownState({ state, reason });
    return { at, name, text: `${words.states[name]}. ${words.reasons[reason]}` };
  });
  for (const { fault, from, to } of faults) {
    lines.push({ at: from, name: fault, text: words.began(words.faults[fault]) });
    if (to === null || to === from) continue;
    lines.push({ at: to, name: fault, text: words.ended(words.faults[fault]) });
  }
  return lines.sort((one, other) => one.at - other.at);
}

function sum(words: Words, language: Language, journal: Journal, now: number): string {
  const events = journal.events();
  const late = Math.max(0, ...events.map(({ sentAt, gotAt }) => gotAt - sentAt));
  const times = new Map<string, number>();
  journal.states.forEach((entry, number) => {
    const to = journal.states[number + 1]?.at ?? now;
    const name = shownState(entry);
    times.set(name, (times.get(name) ?? 0) + to - entry.at);
  });
  const states = [...times].map(([state, time]) =>
    words.lasted(words.states[state as keyof Words["states"]], minutes(time)),
  );
  return words.sum(events.length, seconds(late, language), states.join(" "));
}
