// The last while as a picture: what was done to the link, its states, and each event from when it
// was sent to when it arrived. While all is well the lines stand upright; after an outage they fan
// in to the moment of recovery. In: the journal, the time. Out: an SVG.

import { replacedAt } from "../audit.js";
import type { Entry, EventEntry, FaultEntry, Journal, StateEntry } from "../journal.js";
import { shownState } from "../journal.js";
import type { Words } from "../words.js";
import { by, draw } from "./dom.js";

/** Milliseconds of a narrow picture, and of a wide one. */
const SPAN_NARROW = 60_000;
const SPAN_WIDE = 90_000;
const WIDE_PX = 700;

/** Where things are from the top, in pixels. */
const ROWS = { faults: 8, sent: 58, got: 118, state: 140, axis: 190, height: 198 } as const;
const BAND = 28;
/** How much room a letter needs, and a Chinese character, in pixels. */
const CHARACTER_PX = 7.5;
const WIDE_CHARACTER_PX = 12.5;
/** An event that took longer is drawn as late. */
const LATE_MS = 1_000;
const MARK_EVERY_MS = 15_000;

/** From time to place. */
interface Scale {
  readonly left: number;
  readonly right: number;
  readonly from: number;
  readonly to: number;
  x(at: number): number;
}

/** A stretch of time with a look and a name. */
interface Stretch {
  readonly name: string;
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

export function showTimeline(words: Words, journal: Journal, now: number): void {
  const svg = by<SVGSVGElement>("timeline");
  const width = Math.max(svg.clientWidth, 240);
  const scale = scaled(width, now);
  svg.setAttribute("viewBox", `0 0 ${width} ${ROWS.height}`);
  const { faults, states } = journal;
  svg.replaceChildren(
    clip(scale),
    ...labels(words),
    ...axis(words, scale, now),
    draw(
      "g",
      { "clip-path": "url(#timeline-clip)" },
      ...stretches(scale, faults.map((one) => faultStretch(words, one, now)), ROWS.faults, "fault"),
      ...replaced(scale, journal.entries),
      ...events(scale, journal.events()),
      ...stretches(scale, stateStretches(words, states, now), ROWS.state, "band"),
    ),
  );
}

function scaled(width: number, now: number): Scale {
  const span = width < WIDE_PX ? SPAN_NARROW : SPAN_WIDE;
  const [left, right] = [width < WIDE_PX ? 54 : 72, width - 8];
  const from = now - span;
  const x = (at: number): number => left + ((at - from) / span) * (right - left);
  return { left, right, from, to: now, x };
}

function clip({ left, right }: Scale): SVGElement {
  const box = { x: left, y: 0, width: right - left + 8, height: ROWS.height };
  return draw("clipPath", { id: "timeline-clip" }, draw("rect", box));
}

function labels(words: Words): SVGElement[] {
  const at = (y: number, text: string): SVGElement => draw("text", { class: "row", x: 0, y }, text);
  return [
    at(ROWS.faults + BAND / 2 + 4, words.rowFaults),
    at(ROWS.sent + 4, words.rowSent),
    at(ROWS.got + 4, words.rowGot),
    at(ROWS.state + BAND / 2 + 4, words.rowState),
  ];
}

function axis(words: Words, { left, right, from, to, x }: Scale, now: number): SVGElement[] {
  const marks: SVGElement[] = [
    draw("line", { class: "rail", x1: left, x2: right, y1: ROWS.sent, y2: ROWS.sent }),
    draw("line", { class: "rail", x1: left, x2: right, y1: ROWS.got, y2: ROWS.got }),
  ];
  for (let ago = 0; now - ago >= from; ago += MARK_EVERY_MS) {
    const at = x(to - ago);
    const text = ago === 0 ? words.now : words.ago(ago / 1000);
    const isFirst = at - left < 40;
    const anchor = ago === 0 ? "end" : isFirst ? "start" : "middle";
    const isCrowded = ago % (2 * MARK_EVERY_MS) !== 0;
    if (!isCrowded) {
      const place = { x: at, y: ROWS.axis, "text-anchor": anchor };
      marks.push(draw("text", { class: "moment", ...place }, text));
    }
    marks.push(
      draw("line", { class: "tick", x1: at, x2: at, y1: ROWS.faults, y2: ROWS.state + BAND }),
    );
  }
  return marks;
}

function faultStretch(words: Words, { fault, from, to }: FaultEntry, now: number): Stretch {
  return { name: fault, label: words.strikes[fault], from, to: to ?? now };
}

function stateStretches(words: Words, states: readonly StateEntry[], now: number): Stretch[] {
  return states.map((entry, number) => {
    const to = states[number + 1]?.at ?? now;
    const name = shownState(entry);
    return { name, label: words.states[name], from: entry.at, to };
  });
}

/** Bands with names, a row of them. A name stays in sight as long as its band does. */
function stretches(
  scale: Scale,
  all: readonly Stretch[],
  y: number,
  look: "fault" | "band",
): SVGElement[] {
  const drawn: SVGElement[] = [];
  all.forEach(({ name, label, from, to }, number) => {
    if (to < scale.from) return;
    const [start, end] = [Math.max(scale.x(from), scale.left), scale.x(to)];
    const box = { x: start, y, width: Math.max(end - start, 3), height: BAND, rx: 4 };
    drawn.push(draw("rect", { class: look, "data-name": name, ...box }));
    if (look === "band") drawn.push(draw("rect", { class: "fill", "data-name": name, ...box }));
    const place = { y: y + BAND / 2 + 4, "data-name": name };
    const room = width(label) + 16;
    if (end - start > room) {
      drawn.push(draw("text", { class: `${look}-label`, x: start + 8, ...place }, label));
    } else if (look === "fault") {
      const next = Math.min(scale.x(all[number + 1]?.from ?? Infinity), scale.right);
      const last = Math.max(scale.x(all[number - 1]?.to ?? 0), scale.left);
      const aside = { class: "fault-aside", ...place };
      if (end + room < next) drawn.push(draw("text", { ...aside, x: end + 6 }, label));
      else if (start - room > last) {
        drawn.push(draw("text", { ...aside, x: start - 6, "text-anchor": "end" }, label));
      }
    }
  });
  return drawn;
}

/** About how wide a text is, in pixels. */
const width = (text: string): number =>
  [...text].reduce((all, one) => all + (one > "\u2e80" ? WIDE_CHARACTER_PX : CHARACTER_PX), 0);

/** Hollow dots for the events that a newer one stands in for, about where they were sent. */
function replaced(scale: Scale, entries: readonly Entry[]): SVGElement[] {
  const times = replacedAt(entries).filter((at) => at >= scale.from);
  return times.map((at) => {
    return draw("circle", { class: "replaced", cx: scale.x(at), cy: ROWS.sent, r: 2.5 });
  });
}

function events(scale: Scale, all: readonly EventEntry[]): SVGElement[] {
  const drawn: SVGElement[] = [];
  for (const { event, sentAt, gotAt } of all) {
    if (gotAt < scale.from) continue;
    const [sent, got] = [scale.x(sentAt), scale.x(gotAt)];
    const name = gotAt - sentAt > LATE_MS ? "late" : "prompt";
    const ends = { x1: sent, y1: ROWS.sent, x2: got, y2: ROWS.got };
    drawn.push(draw("line", { class: "flight", "data-name": name, ...ends }));
    const r = event === "progress" ? 2.5 : 4.5;
    for (const [cx, cy] of [[sent, ROWS.sent], [got, ROWS.got]] as const) {
      drawn.push(draw("circle", { class: "event", "data-name": name, cx, cy, r }));
    }
  }
  return drawn;
}
