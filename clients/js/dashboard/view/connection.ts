// One connection: what it is, how good it is, its traffic while it is looked at, and what happened
// to its link. In: an id. Out: the page, which keeps the last that was known once it has ended.

import { ApiError } from "../api.js";
import type { App, View } from "../app.js";
import { Chart } from "../chart.js";
import { Terms, anchor, badge, button, card, make, put } from "../dom.js";
import { bytes, count, duration, figure, moment, percent, since } from "../format.js";
import type { Connection } from "../model.js";
import { fragmentOf } from "../route.js";
import { Samples } from "../samples.js";
import { fill } from "../words.js";
import { clientOf, disconnectUser, nameOf, showGrade } from "./connections.js";
import { Story } from "./story.js";

const SPAN_MS = 15 * 60_000;
const SAMPLES_MAX = 900;

export class ConnectionView implements View {
  readonly element = make("div", { class: "stack" });
  private readonly name = make("h1", { tabindex: "-1" });
  private readonly state = make("span");
  private readonly grade = make("span");
  private readonly gone = make("p", { class: "warning", role: "status" });
  private readonly actions = make("div", { class: "row", id: "actions" });
  private readonly terms = new Terms();
  private readonly quality = new Terms();
  private readonly noReport = make("p", { class: "empty" });
  private readonly points = make("div", { class: "points" });
  private readonly parts = make("ul", { class: "chips" });
  private readonly story: Story;
  private readonly chart: Chart;
  private readonly samples = new Samples(SPAN_MS, SAMPLES_MAX);
  private readonly body = make("div", { class: "stack" });
  private last: Connection | null = null;

  constructor(
    private readonly app: App,
    private readonly id: string,
  ) {
    const { words, language } = app;
    const back = make("a", { href: fragmentOf({ page: "connections", filters: {} }) });
    back.append(`← ${words.connections}`);
    this.story = new Story(app);
    const rate = (value: number): string =>
      fill(words.bytesPerSecond, { bytes: bytes(value, language) });
    const lines = [
      { label: words.toLink, colour: "--series-1" },
      { label: words.fromLink, colour: "--series-2" },
    ];
    this.chart = new Chart(words.traffic, lines, rate, language, "bytes");
    this.gone.hidden = true;
    this.body.hidden = true;
    const head = make("div", { class: "page-head" }, this.name, this.state, this.grade);
    const parts = make("h3", {}, words.partsTitle);
    this.points.append(parts, this.parts);
    const quality = card(words.quality, null, this.noReport, this.quality.element, this.points);
    this.body.append(
      this.actions,
      make(
        "div",
        { class: "columns" },
        card(words.details, null, this.terms.element),
        make("div", { class: "stack" }, quality, this.chart.element),
      ),
      this.story.element,
    );
    this.element.append(make("p", {}, back), head, this.gone, this.body);
    put(this.name, words.connection);
  }

  async refresh(): Promise<void> {
    try {
      this.show(await this.app.api.connection(this.id));
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      await this.showGone();
    }
  }

  restyle(): void {
    this.chart.restyle();
  }

  close(): void {
    this.chart.close();
  }

  private show(one: Connection): void {
    const { words } = this.app;
    if (this.last === null) this.offerActions(one);
    this.last = one;
    this.body.hidden = false;
    put(this.name, nameOf(this.app, one));
    badge(this.state, one.healthy ? "good" : "bad", one.healthy ? words.healthy : words.unhealthy);
    showGrade(this.app, this.grade, one);
    this.showDetails(one);
    this.showQuality(one);
    this.story.show(one.timeline ?? [], this.app.now());
    const [sent, received] = [one.bytes_sent, one.bytes_received];
    this.samples.add({ atMs: this.app.now(), gauges: {}, counters: { sent, received } });
    this.chart.update([this.samples.rate("sent"), this.samples.rate("received")]);
  }

  private showDetails(one: Connection): void {
    const { words, language } = this.app;
    const terms = this.terms;
    const now = this.app.now();
    if (one.user === null) terms.put(words.user, words.anonymous);
    else anchor(terms.cell(words.user), list({ user: one.user }), one.user);
    anchor(terms.cell(words.link), list({ link: one.link }), one.link);
    terms.put(words.generation, count(one.generation, language));
    terms.put(words.transport, words.transports[one.transport]);
    if (one.address === null) terms.put(words.address, null);
    else anchor(terms.cell(words.address), list({ address: one.address }), one.address);
    terms.put(words.client, clientOf(one) || null);
    terms.put(words.node, one.node);
    const date = one.connected_at;
    const connected = [moment(date, language), since(date, now, language)].join(" · ");
    terms.put(words.connectedAt, connected);
    const ago = duration(one.idle_seconds, language);
    terms.put(words.lastHeard, fill(words.ago, { time: ago }));
    const both = (size: number, what: string, number: number): string =>
      `${bytes(size, language)} · ${fill(what, { count: count(number, language) })}`;
    terms.put(words.sent, both(one.bytes_sent, words.eventsSent, one.event_count));
    terms.put(words.received, both(one.bytes_received, words.messages, one.message_count));
    terms.put(words.queue, count(one.queued, language));
    const channels = terms.cell(words.follows);
    if (channels.children.length !== one.channels.length) {
      channels.replaceChildren(
        ...one.channels.map((name) => {
          const place = make("span", { class: "item" });
          anchor(place, fragmentOf({ page: "channel", name }), name);
          return place;
        }),
      );
    }
  }

  private showQuality({ stats }: Connection): void {
    const { words, language } = this.app;
    this.noReport.hidden = stats !== null;
    put(this.noReport, words.noReport);
    this.quality.element.hidden = stats === null;
    const lines: HTMLElement[] = [];
    if (stats) {
      const { score, rtt_ms: rtt } = stats;
      const isKnown = score !== null && score !== undefined;
      const told = isKnown ? fill(words.score, { score }) : words.grades.unknown;
      this.quality.put(words.quality, told);
      this.quality.put(words.rtt, rtt === undefined ? null : `${figure(rtt, language)} ms`);
      this.quality.put(words.availability, percent(stats.availability, language));
      const realtime = percent(stats.realtime_availability, language);
      this.quality.put(words.realtimeShare, realtime);
      const times = count(stats.reconnects ?? 0, language);
      this.quality.put(words.reconnects, fill(words.times, { count: times }));
      for (const [part, points] of Object.entries(stats.parts ?? {})) {
        if (points > 0) lines.push(make("li", {}, `${words.parts[part] ?? part} −${points}`));
      }
    }
    this.parts.replaceChildren(...lines);
    this.points.hidden = lines.length === 0;
  }

  private offerActions(one: Connection): void {
    const { app } = this;
    const { words } = app;
    this.actions.replaceChildren();
    if (!app.can("operate")) return;
    const end = (comesBack: boolean) => () => void this.end(comesBack);
    this.actions.append(
      button(words.reconnect, end(true)),
      button(words.disconnect, end(false), "danger"),
    );
    const { user } = one;
    if (user === null) return;
    const all = (): void => void disconnectUser(app, user);
    this.actions.append(button(words.disconnectUser, all, "danger"));
  }

  private async end(comesBack: boolean): Promise<void> {
    const { words, api } = this.app;
    const who = this.last ? nameOf(this.app, this.last) : this.id;
    const { confirm } = words;
    const question = comesBack
      ? { title: confirm.reconnect, text: confirm.reconnectText, verb: confirm.reconnectDo }
      : { title: confirm.disconnect, text: confirm.disconnectText, verb: confirm.disconnectDo };
    const text = fill(question.text, { who });
    await this.app.act({ ...question, text }, () => api.disconnect(this.id, comesBack));
  }

  /** The session is over: says so, and leads to the link's newer one if there is one. */
  private async showGone(): Promise<void> {
    const { words, api } = this.app;
    this.gone.hidden = false;
    this.actions.replaceChildren();
    if (this.last === null) {
      put(this.gone, words.notFound);
      return;
    }
    badge(this.state, "bad", words.gone);
    const query = new URLSearchParams({ link: this.last.link, limit: "10" });
    const { connections } = await api.connections(query);
    const newer = connections.find((one) => one.user === this.last?.user);
    if (!newer) {
      put(this.gone, words.goneLead);
      return;
    }
    const href = fragmentOf({ page: "connection", id: newer.id });
    this.gone.replaceChildren(`${words.goneLead} `, make("a", { href }, words.newer));
  }
}

const list = (filters: Readonly<Record<string, string>>): string =>
  fragmentOf({ page: "connections", filters });
