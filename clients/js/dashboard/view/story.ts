// The timeline of a link: a strip of its sessions in the colours of their grades, and every entry
// in words. In: the entries that the server keeps, oldest first. Out: both.

import type { App } from "../app.js";
import { badge, card, draw, make, put } from "../dom.js";
import { clock, moment } from "../format.js";
import type { Grade, TimelineEntry } from "../model.js";
import { fill } from "../words.js";

const [WIDTH, HEIGHT] = [1000, 28];

/** A part of the strip: a session with a grade, or a time without a session. */
interface Stretch {
  readonly from: number;
  to: number;
  readonly kind: "gap" | Grade;
}

export class Story {
  readonly element: HTMLElement;
  private readonly strip = draw("svg", {
    class: "strip",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  private readonly ends = make("p", { class: "strip-ends hint" });
  private readonly list = make("ol", { class: "story", id: "timeline" });
  private shown = "";

  constructor(private readonly app: App) {
    const { words } = app;
    const strip = this.strip as unknown as HTMLElement;
    this.element = card(words.timelineTitle, words.timelineHint, strip, this.ends, this.list);
  }

  show(entries: readonly TimelineEntry[], now: number): void {
    this.drawStrip(entries, now);
    const key = JSON.stringify(entries);
    if (key === this.shown) return;
    this.shown = key;
    this.list.replaceChildren(...entries.map((entry) => this.line(entry)).reverse());
  }

  private line(entry: TimelineEntry): HTMLElement {
    const { language } = this.app;
    const date = make("time", { datetime: entry.at, title: moment(entry.at, language) });
    put(date, clock(entry.at, language));
    const what = make("span");
    const [kind, text, more] = this.told(entry);
    badge(what, kind, text);
    const note = make("span", { class: "hint" }, more);
    return make("li", { "data-type": entry.type }, date, what, note);
  }

  /** Its colour, what happened, and more of it. */
  private told(entry: TimelineEntry): [string, string, string] {
    const { words } = this.app;
    switch (entry.type) {
      case "opened": {
        const transport = words.transports[entry.transport];
        const { generation } = entry;
        return ["good", fill(words.opened, { generation, transport }), ""];
      }
      case "reported": {
        const { grade, score, rtt_ms: rtt } = entry;
        const more = [
          score === null ? "" : fill(words.reportedMore, { score }),
          rtt === null ? "" : fill(words.reportedRtt, { rtt }),
        ];
        const text = fill(words.reported, { grade: words.grades[grade] });
        return [`grade-${grade}`, text, more.filter(Boolean).join(" · ")];
      }
      case "fell_behind":
        return ["warn", words.fellBehind, ""];
      case "closed": {
        const { code, reason } = entry;
        const told = fill(words.closeCode, { code });
        const text = fill(words.closed, { reason: words.closes[code] ?? (reason || told) });
        return ["bad", text, [reason, told].filter(Boolean).join(" · ")];
      }
    }
  }

  private drawStrip(entries: readonly TimelineEntry[], now: number): void {
    const stretches = stretchesOf(entries, now);
    const [first, last] = [stretches[0], stretches.at(-1)];
    const { language } = this.app;
    if (!first || !last || last.to <= first.from) return;
    const scale = WIDTH / (last.to - first.from);
    this.strip.replaceChildren(
      ...stretches.map(({ from, to, kind }) =>
        draw("rect", {
          class: kind === "gap" ? "gap" : `grade-${kind}`,
          x: ((from - first.from) * scale).toFixed(2),
          y: kind === "gap" ? HEIGHT / 2 - 2 : 0,
          width: Math.max((to - from) * scale, 1.5).toFixed(2),
          height: kind === "gap" ? 4 : HEIGHT,
        }),
      ),
    );
    const [from, to] = [make("span"), make("span")];
    put(from, moment(first.from, language));
    put(to, clock(last.to, language));
    this.ends.replaceChildren(from, to);
  }
}

/** The parts of the strip, in order. What lies before the first entry is not known. */
export function stretchesOf(entries: readonly TimelineEntry[], now: number): Stretch[] {
  const stretches: Stretch[] = [];
  const change = (at: number, kind: Stretch["kind"]): void => {
    const last = stretches.at(-1);
    if (last) last.to = at;
    if (last?.kind !== kind) stretches.push({ from: at, to: at, kind });
  };
  for (const entry of entries) {
    const at = Date.parse(entry.at);
    if (entry.type === "opened") change(at, "unknown");
    else if (entry.type === "reported") change(at, entry.grade);
    else if (entry.type === "closed") change(at, "gap");
  }
  const last = stretches.at(-1);
  if (last) last.to = Math.max(now, last.from);
  return stretches;
}
