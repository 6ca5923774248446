// The list of connections: searched by user, channel, address, platform, quality, transport or
// link, page by page. In: the filters of the route. Out: rows that lead to one connection each.

import type { App, View } from "../app.js";
import { anchor, badge, button, make, put } from "../dom.js";
import { bytes, count, duration, since } from "../format.js";
import { type Connection, GRADES, TRANSPORTS } from "../model.js";
import { FILTERS, type FilterName, type Filters, fragmentOf } from "../route.js";
import { type Column, Table, text } from "../table.js";
import { fill } from "../words.js";

const PAGE_SIZE = 50;

/** Who a connection is of, in a few letters. */
export const nameOf = (app: App, one: Connection): string => one.user ?? app.words.anonymous;

/** The program at the other end. */
export function clientOf({ client }: Connection): string {
  if (client === null) return "";
  const program = [client.name, client.version].filter(Boolean).join(" ");
  return [program, client.platform].filter(Boolean).join(" · ");
}

/** Fills a cell with the grade of a connection, and its score. */
export function showGrade(app: App, cell: Element, one: Connection): void {
  const grade = one.stats?.grade ?? "unknown";
  const score = one.stats?.score;
  const { words } = app;
  const known = grade in words.grades ? grade : "unknown";
  const name = words.grades[known];
  const isKnown = known !== "unknown" && score !== null && score !== undefined;
  badge(cell, `grade-${known}`, isKnown ? `${name} ${score}` : name);
}

/** The columns of a list of connections. */
export function columnsOf(app: App): Column<Connection>[] {
  const { words, language } = app;
  const who = (cell: HTMLElement, one: Connection): void => {
    anchor(cell, fragmentOf({ page: "connection", id: one.id }), nameOf(app, one));
    let link = cell.querySelector(":scope > .sub");
    if (!link) {
      link = make("span", { class: "sub" });
      cell.append(link);
    }
    put(link, one.link);
  };
  const channels = ({ channels: all }: Connection): string => {
    const [first = "", ...others] = all;
    return others.length > 0 ? `${first} +${others.length}` : first;
  };
  const idle = (one: Connection): string => {
    const time = duration(one.idle_seconds, language);
    return one.healthy ? time : `${time} · ${words.stale}`;
  };
  return [
    { head: words.who, kind: "wide", fill: who },
    { head: words.quality, fill: (cell, one) => showGrade(app, cell, one) },
    text(words.transport, (one) => words.transports[one.transport]),
    text(words.address, (one) => one.address ?? "", "wide"),
    text(words.client, clientOf, "wide"),
    text(words.follows, channels, "wide"),
    text(words.connected, (one) => since(one.connected_at, app.now(), language), "number"),
    text(words.idle, idle, "number"),
    text(words.sent, (one) => bytes(one.bytes_sent, language), "number"),
    text(words.node, (one) => one.node),
  ];
}

export class Connections implements View {
  readonly element = make("div", { class: "stack" });
  private readonly table: Table<Connection>;
  private readonly sum = make("p", { class: "hint", role: "status" });
  private readonly missing = make("p", { class: "warning" });
  private readonly pager = make("div", { class: "row" });
  private readonly previous: HTMLButtonElement;
  private readonly next: HTMLButtonElement;
  /** The ids behind which the pages so far began; the last is that of the one in sight. */
  private starts: (string | null)[] = [null];
  private after: string | null = null;

  constructor(
    private readonly app: App,
    private readonly filters: Filters,
    private readonly go: (fragment: string) => void,
  ) {
    const { words } = app;
    this.table = new Table(words.connections, columnsOf(app), (one) => one.id);
    this.previous = button(words.previous, () => this.turn(-1));
    this.next = button(words.next, () => this.turn(1));
    this.pager.append(this.previous, this.next);
    this.missing.hidden = true;
    this.element.append(
      make("section", { class: "card" }, this.searchForm(), this.chips()),
      this.missing,
      make("section", { class: "card" }, this.sum, this.table.element, this.pager),
    );
  }

  async refresh(): Promise<void> {
    const { words, language, stats } = this.app;
    const start = this.starts.at(-1) ?? null;
    const query = new URLSearchParams({ ...this.filters, limit: String(PAGE_SIZE) });
    if (start !== null) query.set("after", start);
    const page = await this.app.api.connections(query);
    if (start !== (this.starts.at(-1) ?? null)) return;
    const isFiltered = Object.keys(this.filters).length > 0;
    this.table.show(page.connections, isFiltered ? words.noConnections : words.noneYet);
    const shown = fill(words.shown, { count: count(page.connections.length, language) });
    const all = stats && !isFiltered ? ` / ${count(stats.connections.now, language)}` : "";
    put(this.sum, shown + all);
    this.after = page.next;
    this.next.disabled = page.next === null;
    this.previous.disabled = this.starts.length === 1;
    this.pager.hidden = this.next.disabled && this.previous.disabled;
    const silent = page.unanswered ?? [];
    this.missing.hidden = silent.length === 0;
    put(this.missing, fill(words.unanswered, { nodes: silent.join(", ") }));
  }

  private turn(by: 1 | -1): void {
    if (by === -1) this.starts.pop();
    else if (this.after !== null) this.starts.push(this.after);
    if (this.starts.length === 0) this.starts = [null];
    void this.refresh().catch(() => undefined);
  }

  private searchForm(): HTMLElement {
    const { words } = this.app;
    const name = make("select", { "aria-label": words.searchBy, id: "search-by" });
    for (const filter of FILTERS) {
      name.append(make("option", { value: filter }, words.filters[filter]));
    }
    const place = make("span", { class: "grow" });
    const by = (): FilterName => (name as HTMLSelectElement).value as FilterName;
    const offer = (): void => place.replaceChildren(this.input(by()));
    name.addEventListener("change", offer);
    offer();
    const submit = make("button", { type: "submit", class: "primary" }, words.search);
    const form = make("form", { class: "row search", role: "search" }, name, place, submit);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const value = (place.firstElementChild as HTMLInputElement).value.trim();
      if (value) this.go(this.with({ ...this.filters, [by()]: value }));
    });
    return form;
  }

  /** What a value is typed or chosen in. */
  private input(name: FilterName): HTMLElement {
    const { words } = this.app;
    const known: Readonly<Record<string, readonly string[]>> = {
      grade: GRADES,
      transport: TRANSPORTS,
    };
    const id = { id: "search-for", "aria-label": words.searchFor };
    const values = known[name];
    if (values) {
      const named = (name === "grade" ? words.grades : words.transports) as Record<string, string>;
      const options = values.map((value) => make("option", { value }, named[value] ?? value));
      return make("select", id, ...options);
    }
    const more = { type: "search", autocomplete: "off", spellcheck: "false" };
    return make("input", { ...id, ...more, placeholder: words.filterHints[name] });
  }

  /** The filters in force, each with a link that takes it away. */
  private chips(): HTMLElement {
    const { words } = this.app;
    const list = make("ul", { class: "chips" });
    for (const [name, value] of Object.entries(this.filters)) {
      const left = Object.fromEntries(Object.entries(this.filters).filter(([one]) => one !== name));
      const label = `${words.filters[name as FilterName]}: ${this.shown(name, value)}`;
      const remove = fill(words.remove, { name: label });
      const cross = make("a", { href: this.with(left), "aria-label": remove, title: remove }, "×");
      list.append(make("li", {}, label, cross));
    }
    list.hidden = list.children.length === 0;
    const { user } = this.filters;
    if (user !== undefined && this.app.can("operate")) {
      const all = button(words.disconnectUser, () => void this.disconnectAll(user), "danger");
      list.append(make("li", { class: "bare" }, all));
    }
    return list;
  }

  private shown(name: string, value: string): string {
    const { grades, transports } = this.app.words;
    const known = (name === "grade" ? grades : transports) as Readonly<Record<string, string>>;
    return name === "grade" || name === "transport" ? (known[value] ?? value) : value;
  }

  private with(filters: Filters): string {
    return fragmentOf({ page: "connections", filters });
  }

  private async disconnectAll(user: string): Promise<void> {
    await disconnectUser(this.app, user);
    await this.refresh();
  }
}

/** Disconnects all links of a user, if whoever is asked says so. */
export async function disconnectUser(app: App, user: string): Promise<boolean> {
  const { confirm } = app.words;
  const question = {
    title: fill(confirm.user, { user }),
    text: confirm.userText,
    verb: confirm.disconnectDo,
  };
  return app.act(question, () => app.api.disconnectUser(user, false));
}
