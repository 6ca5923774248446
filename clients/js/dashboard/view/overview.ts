// The overview: how the node does, in figures, charts, grades and limits. In: the statistics as
// last read, and their course. Out: what stands on the page.

import type { App, View } from "../app.js";
import { Chart } from "../chart.js";
import { Bar, Terms, anchor, card, make, put, set } from "../dom.js";
import { bytes, count, figure, percent } from "../format.js";
import { GRADES, type LimitUse, type Stats, TRANSPORTS } from "../model.js";
import { fragmentOf } from "../route.js";
import type { Samples } from "../samples.js";
import { fill } from "../words.js";

/** Rates beside charts are over so long. */
const RATE_OVER_MS = 6_000;
/** Limits that are shown at once. */
const LIMITS_SHOWN = 5;

/** What the charts need of the statistics. */
export function readingOf(stats: Stats, atMs: number): Parameters<Samples["add"]>[0] {
  return {
    atMs,
    gauges: {
      connections: stats.connections.now,
      memory: stats.memory_bytes,
      history: stats.history_bytes,
    },
    counters: {
      accepted: stats.connections.accepted,
      closed: stats.connections.closed,
      published: stats.events.published,
      deliveries: stats.events.deliveries,
    },
  };
}

/** One large figure, with a line below. */
class Tile {
  readonly element: HTMLElement;
  private readonly value = make("strong");
  private readonly note = make("span", { class: "hint" });

  constructor(name: string, title: string) {
    const parts = [make("h2", {}, title), this.value, this.note];
    this.element = make("section", { class: "tile", "data-tile": name }, ...parts);
  }

  put(value: string, note = ""): void {
    put(this.value, value);
    put(this.note, note);
  }
}

export class Overview implements View {
  readonly element = make("div", { class: "stack" });
  private readonly tiles: Readonly<Record<string, Tile>>;
  private readonly charts: Readonly<Record<string, Chart>>;
  private readonly attention = make("ul", { class: "plain", id: "attention" });
  private readonly grades = make("ul", { class: "shares", id: "grades" });
  private readonly transports = make("ul", { class: "shares" });
  private readonly limits = make("ul", { class: "limits" });
  private readonly allLimits = make("ul", { class: "limits" });
  private readonly counters = new Terms("figures");
  private readonly brokerTerms = new Terms("figures");
  private readonly brokerCard: HTMLElement;

  constructor(private readonly app: App) {
    const { words } = app;
    this.tiles = {
      connections: new Tile("connections", words.connectionsNow),
      published: new Tile("published", words.published),
      delivered: new Tile("delivered", words.delivered),
      availability: new Tile("availability", words.availability),
      fallback: new Tile("fallback", words.fallback),
      memory: new Tile("memory", words.memory),
    };
    this.charts = this.makeCharts();
    this.brokerCard = card("", null, this.brokerTerms.element);
    const more = make("details", {}, make("summary", {}, words.allLimits), this.allLimits);
    const columns = (...cards: HTMLElement[]): HTMLElement =>
      make("div", { class: "columns" }, ...cards);
    this.element.append(
      make("div", { class: "tiles" }, ...Object.values(this.tiles).map((tile) => tile.element)),
      card(words.attentionTitle, null, this.attention),
      make("div", { class: "columns" }, ...Object.values(this.charts).map((one) => one.element)),
      make("p", { class: "hint" }, words.sinceOpened),
      columns(
        card(words.qualityTitle, words.qualityHint, this.grades),
        card(words.transportsTitle, words.transportsHint, this.transports),
      ),
      columns(
        card(words.limitsTitle, words.limitsHint, this.limits, more),
        card(words.countersTitle, words.countersHint, this.counters.element),
      ),
      this.brokerCard,
    );
  }

  preview(): void {
    const { stats } = this.app;
    if (!stats) return;
    this.showTiles(stats);
    this.showCharts();
    this.showShares(stats);
    this.showLimits(stats.limits);
    this.showCounters(stats);
    this.showBroker(stats);
  }

  async refresh(): Promise<void> {
    this.preview();
    const { words, api } = this.app;
    const health = await api.health();
    const { problem: detail, warnings } = health;
    const lines = detail === null ? warnings : [fill(words.notReady, { detail }), ...warnings];
    set(this.attention, "data-level", lines.length > 0 ? "warning" : "good");
    const shown = lines.length > 0 ? lines : [words.nothingWrong];
    this.attention.replaceChildren(...shown.map((line) => make("li", {}, line)));
  }

  restyle(): void {
    for (const chart of Object.values(this.charts)) chart.restyle();
  }

  close(): void {
    for (const chart of Object.values(this.charts)) chart.close();
  }

  private makeCharts(): Readonly<Record<string, Chart>> {
    const { words, language } = this.app;
    const [one, two] = ["--series-1", "--series-2"];
    const number = (value: number): string => figure(value, language);
    const size = (value: number): string => bytes(value, language);
    const line = (label: string, colour: string) => ({ label, colour });
    return {
      connections: new Chart(
        words.chartConnections,
        [line(words.connectionsNow, one)],
        number,
        language,
      ),
      events: new Chart(
        words.chartEvents,
        [line(words.published, one), line(words.delivered, two)],
        number,
        language,
      ),
      changes: new Chart(
        words.chartChanges,
        [line(words.begun, one), line(words.ended, two)],
        number,
        language,
      ),
      memory: new Chart(
        words.chartMemory,
        [line(words.process, one), line(words.ofHistory, two)],
        size,
        language,
        "bytes",
      ),
    };
  }

  private showTiles(stats: Stats): void {
    const { words, language, samples } = this.app;
    const { now, peak } = stats.connections;
    const rate = (name: string): string => {
      const value = figure(samples.rateNow(name, RATE_OVER_MS), language);
      return fill(words.perSecond, { count: value });
    };
    this.tiles["connections"]?.put(
      count(now, language),
      fill(words.peak, { count: count(peak, language) }),
    );
    this.tiles["published"]?.put(rate("published"), count(stats.events.published, language));
    this.tiles["delivered"]?.put(rate("deliveries"), count(stats.events.deliveries, language));
    const { availability, realtime_availability: realtime } = stats.quality;
    this.tiles["availability"]?.put(
      percent(availability, language),
      realtime === null ? "" : fill(words.realtime, { percent: percent(realtime, language) }),
    );
    const fallback = stats.transports.sse + stats.transports.poll;
    this.tiles["fallback"]?.put(
      percent(now > 0 ? (fallback * 100) / now : null, language),
      fill(words.fallbackOf, { count: count(fallback, language), all: count(now, language) }),
    );
    const history = bytes(stats.history_bytes, language);
    this.tiles["memory"]?.put(
      bytes(stats.memory_bytes, language),
      fill(words.history, { bytes: history }),
    );
  }

  private showCharts(): void {
    const { samples } = this.app;
    this.charts["connections"]?.update([samples.gauge("connections")]);
    this.charts["events"]?.update([samples.rate("published"), samples.rate("deliveries")]);
    this.charts["changes"]?.update([samples.rate("accepted"), samples.rate("closed")]);
    this.charts["memory"]?.update([samples.gauge("memory"), samples.gauge("history")]);
  }

  private showShares(stats: Stats): void {
    const { words } = this.app;
    const link = (filters: Readonly<Record<string, string>>): string =>
      fragmentOf({ page: "connections", filters });
    const grades = GRADES.map((grade) => ({
      name: words.grades[grade],
      kind: `grade-${grade}`,
      count: stats.quality[grade],
      href: link({ grade }),
    }));
    const transports = TRANSPORTS.map((transport) => ({
      name: words.transports[transport],
      kind: `transport-${transport}`,
      count: stats.transports[transport],
      href: link({ transport }),
    }));
    this.showShare(this.grades, grades, stats.connections.now);
    this.showShare(this.transports, transports, stats.connections.now);
  }

  private showShare(
    list: HTMLElement,
    shares: readonly { name: string; kind: string; count: number; href: string }[],
    all: number,
  ): void {
    const { language } = this.app;
    for (const [at, share] of shares.entries()) {
      let item = list.children[at];
      if (!item) {
        const bar = new Bar().element;
        item = make("li", {}, make("span", { class: "share-name" }), bar, make("strong"));
        list.append(item);
      }
      set(item, "class", share.kind);
      anchor(item.children[0] as Element, share.href, share.name);
      const part = all > 0 ? share.count / all : 0;
      (item.children[1]?.firstElementChild as HTMLElement).style.inlineSize = `${part * 100}%`;
      put(item.children[2] as Element, count(share.count, language));
    }
  }

  private showLimits(limits: readonly LimitUse[]): void {
    const share = ({ used, max }: LimitUse): number => (max > 0 ? used / max : 0);
    const sorted = [...limits].sort((a, b) => share(b) - share(a));
    this.listLimits(this.limits, sorted.slice(0, LIMITS_SHOWN));
    this.listLimits(this.allLimits, sorted.slice(LIMITS_SHOWN));
  }

  private listLimits(list: HTMLElement, limits: readonly LimitUse[]): void {
    const { words, language } = this.app;
    const rows = limits.map(({ name, used, max }) => {
      const show = (value: number): string =>
        name.includes("bytes") ? bytes(value, language) : count(value, language);
      const bar = new Bar();
      const share = max > 0 ? used / max : 0;
      bar.put(share);
      const text = fill(words.used, { used: show(used), max: show(max) });
      const head = make("span", { class: "limit-use" }, text);
      return make("li", {}, make("code", {}, name), head, bar.element);
    });
    list.replaceChildren(...rows);
  }

  private showCounters(stats: Stats): void {
    const { words, language } = this.app;
    const { connections: sessions, events } = stats;
    const values: Readonly<Record<keyof typeof words.counters, number | undefined>> = {
      refused: sessions["refused"],
      rejected: stats.requests_rejected,
      stale: sessions["stale"],
      slow: sessions["slow"],
      replaced: sessions["replaced"],
      lagged: events["lagged"],
      publish_errors: events["publish_errors"],
      repeated: events["repeated"],
    };
    for (const [name, value] of Object.entries(values)) {
      const term = words.counters[name as keyof typeof words.counters];
      this.counters.put(term, count(value ?? 0, language));
    }
  }

  /** What the broker says of itself, under its own names. */
  private showBroker(stats: Stats): void {
    const { words, language } = this.app;
    const title = this.brokerCard.querySelector("h2");
    if (title) put(title, fill(words.brokerTitle, { name: stats.broker }));
    const told = (stats as unknown as Record<string, unknown>)[stats.broker];
    const entries = typeof told === "object" && told !== null ? Object.entries(told) : [];
    this.brokerCard.hidden = entries.length === 0;
    for (const [name, value] of entries) {
      const isBytes = name.endsWith("bytes") && typeof value === "number";
      const text = typeof value === "number" ? figure(value, language) : String(value);
      this.brokerTerms.put(name, isBytes ? bytes(value, language) : text);
    }
  }
}
