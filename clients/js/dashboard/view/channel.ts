// One channel: what the server keeps of it, who follows it, its newest events, and a form to
// publish one. In: a name. Out: the page. A channel that is not there yet can be published to.

import { ApiError } from "../api.js";
import type { App, View } from "../app.js";
import { Terms, anchor, badge, button, card, make, put } from "../dom.js";
import { bytes, clock, count, moment } from "../format.js";
import type { ChannelInfo, Connection, EventPage, KeptEvent } from "../model.js";
import { fragmentOf } from "../route.js";
import { Table, text } from "../table.js";
import { fill } from "../words.js";
import { columnsOf } from "./connections.js";

const EVENTS_SHOWN = 50;
const FOLLOWERS_SHOWN = 10;
/** The columns of a connection that a follower is shown with. */
const FOLLOWER_COLUMNS = 5;

export class ChannelView implements View {
  readonly element = make("div", { class: "stack" });
  private readonly state = make("span");
  private readonly missing = make("p", { class: "empty" });
  private readonly terms = new Terms();
  private readonly events: Table<KeptEvent>;
  private readonly followers: Table<Connection>;
  private info: ChannelInfo | null = null;

  constructor(
    private readonly app: App,
    private readonly name: string,
  ) {
    const { words } = app;
    const back = make("a", { href: fragmentOf({ page: "channels" }) }, `← ${words.channels}`);
    const title = make("h1", { tabindex: "-1" }, name);
    this.events = this.eventTable();
    this.events.scroll();
    const columns = columnsOf(app).slice(0, FOLLOWER_COLUMNS);
    this.followers = new Table<Connection>(words.followersTitle, columns, (one) => one.id);
    const all = make("p", {});
    const filters = { channel: name };
    anchor(all, fragmentOf({ page: "connections", filters }), words.allFollowers);
    const hint = fill(words.eventsHint, { count: EVENTS_SHOWN });
    const details = card(words.details, null, this.missing, this.terms.element);
    if (app.can("operate")) {
      const forget = button(words.forget, () => void this.forget(), "danger");
      details.append(make("div", { class: "row end" }, forget));
    }
    const side = app.can("publish") ? [details, this.publishForm()] : [details];
    this.element.append(
      make("p", {}, back),
      make("div", { class: "page-head" }, title, this.state),
      make("div", { class: "columns" }, ...side),
      card(words.eventsTitle, hint, this.events.element),
      card(words.followersTitle, null, this.followers.element, all),
    );
  }

  async refresh(): Promise<void> {
    const { api, words } = this.app;
    const query = { channel: this.name, limit: String(FOLLOWERS_SHOWN) };
    const followers = await api.connections(new URLSearchParams(query));
    this.followers.show(followers.connections, words.noFollowers);
    let page: EventPage | null = null;
    try {
      this.info = await api.channel(this.name);
      page = await api.events(this.name, EVENTS_SHOWN);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      this.info = null;
    }
    this.showInfo();
    this.events.show([...(page?.events ?? [])].reverse(), words.noEvents);
  }

  private showInfo(): void {
    const { words, language } = this.app;
    const { info } = this;
    put(this.missing, words.noChannel);
    this.missing.hidden = info !== null;
    this.terms.element.hidden = info === null;
    this.state.hidden = info === null;
    if (!info) return;
    badge(this.state, info.final ? "calm" : "good", info.final ? words.isFinal : words.isOpen);
    this.terms.put(words.followers, count(info.subscribers, language));
    this.terms.put(words.kept, count(info.events, language));
    this.terms.put(words.size, bytes(info.bytes, language));
    this.terms.put(words.offset, count(info.offset, language));
    this.terms.put(words.epoch, info.epoch);
  }

  private eventTable(): Table<KeptEvent> {
    const { words, language } = this.app;
    const data = (cell: HTMLElement, one: KeptEvent): void => {
      if (cell.children.length > 0) return;
      const line = JSON.stringify(one.data);
      const whole = make("pre", {}, JSON.stringify(one.data, null, 2));
      const summary = make("summary", {}, make("code", {}, line));
      cell.replaceChildren(make("details", {}, summary, whole));
    };
    const date = (cell: HTMLElement, one: KeptEvent): void => {
      cell.title = moment(one.time, language);
      put(cell, clock(one.time, language));
    };
    return new Table<KeptEvent>(
      words.eventsTitle,
      [
        text(words.at, (one) => String(one.offset), "number"),
        { head: words.time, fill: date },
        text(words.event, (one) => one.event),
        { head: words.data, kind: "wide", fill: data },
      ],
      (one) => `${this.info?.epoch} ${one.offset}`,
    );
  }

  private publishForm(): HTMLElement {
    const { words } = this.app;
    const field = (label: string, control: HTMLElement): HTMLElement =>
      make("label", { class: "field" }, make("span", {}, label), control);
    const plain = { autocomplete: "off", spellcheck: "false" };
    const event = make("input", { ...plain, required: "", id: "event-name" }) as HTMLInputElement;
    const data = make("textarea", { ...plain, rows: "4", id: "event-data" }) as HTMLTextAreaElement;
    const replace = make("input", plain) as HTMLInputElement;
    const final = make("input", { type: "checkbox" }) as HTMLInputElement;
    data.value = "{}";
    const problem = make("p", { class: "problem", role: "alert" });
    const submit = make("button", { type: "submit", class: "primary" }, words.publish);
    const form = make(
      "form",
      { class: "stack tight" },
      field(words.eventName, event),
      field(words.eventData, data),
      field(words.replaceKey, replace),
      make("label", { class: "check" }, final, words.makeFinal),
      problem,
      make("div", { class: "row" }, submit),
    );
    form.addEventListener("submit", (submitted) => {
      submitted.preventDefault();
      put(problem, "");
      try {
        const value: unknown = JSON.parse(data.value.trim() || "null");
        const more = replace.value.trim() ? { replace: replace.value.trim() } : {};
        const wish = { event: event.value.trim(), data: value, ...more };
        void this.publish({ ...wish, ...(final.checked ? { final: true } : {}) });
      } catch (error) {
        put(problem, fill(words.badJson, { detail: (error as Error).message }));
      }
    });
    return card(words.publishTitle, null, form);
  }

  private async publish(event: Readonly<Record<string, unknown>>): Promise<void> {
    const { words, api } = this.app;
    const { confirm } = words;
    const question = {
      title: fill(confirm.final, { channel: this.name }),
      text: confirm.finalText,
      verb: confirm.finalDo,
    };
    const asks = event["final"] === true ? question : null;
    await this.app.act(asks, () => api.publish(this.name, event), words.publishDone);
  }

  private async forget(): Promise<void> {
    const { words, api } = this.app;
    const { confirm } = words;
    const question = {
      title: fill(confirm.forget, { channel: this.name }),
      text: fill(confirm.forgetText, { count: this.info?.events ?? 0 }),
      verb: confirm.forgetDo,
    };
    await this.app.act(question, () => api.forget(this.name));
  }
}
