// The node that answers: its load, its state, and draining it. In: the statistics. Out: the page.

import type { App, View } from "../app.js";
import { Bar, Terms, badge, button, card, make, put } from "../dom.js";
import { bytes, count, duration, moment, percent } from "../format.js";
import type { Stats } from "../model.js";
import { fill } from "../words.js";

export class Nodes implements View {
  readonly element = make("div", { class: "stack" });
  private readonly terms = new Terms();
  private readonly bar = new Bar();
  private readonly load = make("p", { class: "hint" });
  private readonly state = make("span");
  private readonly readOnly = make("p", { class: "hint" });
  private readonly drainButton: HTMLButtonElement;

  constructor(private readonly app: App) {
    const { words } = app;
    this.drainButton = button(words.drain, () => void this.drain(), "danger");
    const actions = make("div", { class: "row end" }, this.readOnly, this.drainButton);
    this.element.append(card(words.node, words.nodesLead, this.terms.element, actions));
  }

  async refresh(): Promise<void> {
    this.preview();
  }

  preview(): void {
    const { words, language, stats } = this.app;
    if (!stats) return;
    const { terms } = this;
    terms.put(words.node, stats.node);
    terms.put(words.region, stats.region);
    const state = terms.cell(words.state);
    if (!state.contains(this.state)) state.append(this.state);
    const word = stats.draining ? words.draining : words.serving;
    badge(this.state, stats.draining ? "warn" : "good", word);
    const limit = stats.limits.find((one) => one.name === "public.connections_max");
    const load = terms.cell(words.load);
    if (!load.contains(this.load)) load.append(this.load, this.bar.element);
    const share = limit && limit.max > 0 ? limit.used / limit.max : 0;
    const max = count(limit?.max ?? 0, language);
    put(this.load, fill(words.ofMost, { percent: percent(share * 100, language), max }));
    this.bar.put(share);
    terms.put(words.connectionsNow, count(stats.connections.now, language));
    terms.put(words.memory, bytes(stats.memory_bytes, language));
    terms.put(words.broker, stats.broker);
    terms.put(words.version, stats.version);
    terms.put(words.started, moment(stats.started_at, language));
    terms.put(words.uptime, duration(stats.uptime_seconds, language));
    this.offerActions(stats);
  }

  private offerActions({ draining }: Stats): void {
    const { words } = this.app;
    const isOperator = this.app.can("operate");
    this.readOnly.hidden = isOperator;
    put(this.readOnly, words.readOnlyLead);
    this.drainButton.hidden = !isOperator || draining;
  }

  private async drain(): Promise<void> {
    const { words, language, stats, api } = this.app;
    const { confirm } = words;
    const question = {
      title: fill(confirm.drain, { node: stats?.node ?? "" }),
      text: fill(confirm.drainText, { count: count(stats?.connections.now ?? 0, language) }),
      verb: confirm.drainDo,
    };
    await this.app.act(question, () => api.drain());
  }
}
