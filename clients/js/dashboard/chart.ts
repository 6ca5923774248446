// One chart of the last minutes. In: times, and values of each line. Out: a picture, the newest
// values beside the names of the lines, and those under the pointer while it is there.

import uPlot from "uplot";
import { make, put } from "./dom.js";
import { NONE, clock } from "./format.js";
import type { Series } from "./samples.js";
import type { Language } from "./words.js";

const HEIGHT = 168;
/** Room for the numbers of the axis. */
const AXIS_WIDTH = 62;
const AXIS_HEIGHT = 28;
/** Steps of an axis of bytes. */
const BINARY_STEPS = Array.from({ length: 44 }, (_, power) => 2 ** power);

export interface ChartLine {
  readonly label: string;
  /** The custom property that has its colour. */
  readonly colour: string;
}

export class Chart {
  readonly element: HTMLElement;
  private readonly place = make("div", { class: "chart-place" });
  private readonly legend = make("ul", { class: "legend" });
  private readonly values: HTMLElement[] = [];
  private readonly watch: ResizeObserver;
  private plot: uPlot | null = null;
  private data: uPlot.AlignedData = [[]];

  constructor(
    title: string,
    private readonly lines: readonly ChartLine[],
    private readonly format: (value: number) => string,
    private readonly language: Language,
    private readonly unit: "number" | "bytes" = "number",
  ) {
    for (const { label, colour } of lines) {
      const mark = make("i", { class: "mark", "aria-hidden": "true" });
      mark.style.background = `var(${colour})`;
      const value = make("strong", {}, NONE);
      this.values.push(value);
      this.legend.append(make("li", {}, mark, `${label} `, value));
    }
    const head = make("div", { class: "card-head" }, make("h2", {}, title), this.legend);
    this.element = make("section", { class: "card chart" }, head, this.place);
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.place);
  }

  /** Shows these lines, which share their times. */
  update(series: readonly Series[]): void {
    const times = series[0]?.[0] ?? [];
    this.data = [times, ...series.map(([, values]) => values)] as uPlot.AlignedData;
    this.plot?.setData(this.data);
    this.tell(null);
  }

  /** Draws anew, in the colours of now. */
  restyle(): void {
    this.plot?.destroy();
    this.plot = null;
    this.resize();
  }

  close(): void {
    this.watch.disconnect();
    this.plot?.destroy();
  }

  private resize(): void {
    const width = Math.floor(this.place.clientWidth);
    if (width === 0) return;
    if (this.plot) this.plot.setSize({ width, height: HEIGHT });
    else this.plot = new uPlot(this.options(width), this.data, this.place);
  }

  /** Writes the values at an index, or the newest. */
  private tell(at: number | null): void {
    for (const [line, place] of this.values.entries()) {
      const values = this.data[line + 1] as (number | null)[] | undefined;
      const value = at === null ? values?.at(-1) : values?.[at];
      put(place, value === null || value === undefined ? NONE : this.format(value));
    }
  }

  private options(width: number): uPlot.Options {
    const colour = (name: string): string => resolved(this.place, name);
    const [ink, rule] = [colour("--soft"), colour("--line")];
    const font = "12px system-ui, sans-serif";
    const axis = { stroke: ink, font, grid: { stroke: rule, width: 1 }, ticks: { show: false } };
    const across = { size: AXIS_HEIGHT, space: 90 };
    const steps = this.unit === "bytes" ? { incrs: BINARY_STEPS } : {};
    const up = { size: AXIS_WIDTH, space: 34, ...steps };
    return {
      width,
      height: HEIGHT,
      padding: [8, 32, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { y: { range: (_, low, high) => rangeOf(low, high) } },
      axes: [
        { ...axis, ...across, values: (_, times) => times.map((at) => this.time(at)) },
        { ...axis, ...up, values: (_, all) => all.map(this.format) },
      ],
      series: [
        {},
        ...this.lines.map((line) => ({
          label: line.label,
          stroke: colour(line.colour),
          width: 2,
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [(plot) => this.tell(plot.cursor.idx ?? null)] },
    };
  }

  private readonly time = (seconds: number): string => clock(seconds * 1000, this.language);
}

/** From zero to a little above the highest value. */
function rangeOf(low: number | null, high: number | null): [number, number] {
  const most = Math.max(high ?? 0, 0);
  return [Math.min(low ?? 0, 0), most > 0 ? most * 1.15 : 1];
}

/** The colour that a custom property has here and now. */
function resolved(place: HTMLElement, name: string): string {
  const probe = make("i");
  probe.style.color = `var(${name})`;
  place.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
