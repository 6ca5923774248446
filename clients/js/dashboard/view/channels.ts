// The list of channels, page by page, and a way to one by its name. In: nothing. Out: rows that
// lead to one channel each.

import type { App, View } from "../app.js";
import { anchor, badge, button, make } from "../dom.js";
import { bytes, count } from "../format.js";
import type { ChannelInfo } from "../model.js";
import { fragmentOf } from "../route.js";
import { Table, text } from "../table.js";

const PAGE_SIZE = 50;

export class Channels implements View {
  readonly element = make("div", { class: "stack" });
  private readonly table: Table<ChannelInfo>;
  private readonly pager = make("div", { class: "row" });
  private readonly previous: HTMLButtonElement;
  private readonly next: HTMLButtonElement;
  private starts: (string | null)[] = [null];
  private after: string | null = null;

  constructor(
    private readonly app: App,
    private readonly go: (fragment: string) => void,
  ) {
    const { words, language } = app;
    this.table = new Table<ChannelInfo>(
      words.channels,
      [
        {
          head: words.channel,
          kind: "wide",
          fill: (cell, { channel: name }) =>
            anchor(cell, fragmentOf({ page: "channel", name }), name),
        },
        {
          head: words.state,
          fill: (cell, one) =>
            badge(cell, one.final ? "calm" : "good", one.final ? words.isFinal : words.isOpen),
        },
        text(words.followers, (one) => count(one.subscribers, language), "number"),
        text(words.kept, (one) => count(one.events, language), "number"),
        text(words.size, (one) => bytes(one.bytes, language), "number"),
        text(words.offset, (one) => count(one.offset, language), "number"),
      ],
      (one) => one.channel,
    );
    this.previous = button(words.previous, () => this.turn(-1));
    this.next = button(words.next, () => this.turn(1));
    this.pager.append(this.previous, this.next);
    this.pager.hidden = true;
    this.element.append(
      make("section", { class: "card" }, this.form()),
      make("section", { class: "card" }, this.table.element, this.pager),
    );
  }

  async refresh(): Promise<void> {
    const start = this.starts.at(-1) ?? null;
    const page = await this.app.api.channels(start, PAGE_SIZE);
    if (start !== (this.starts.at(-1) ?? null)) return;
    this.table.show(page.channels, this.app.words.noChannels);
    this.after = page.next;
    this.next.disabled = page.next === null;
    this.previous.disabled = this.starts.length === 1;
    this.pager.hidden = this.next.disabled && this.previous.disabled;
  }

  private turn(by: 1 | -1): void {
    if (by === -1) this.starts.pop();
    else if (this.after !== null) this.starts.push(this.after);
    if (this.starts.length === 0) this.starts = [null];
    void this.refresh().catch(() => undefined);
  }

  private form(): HTMLElement {
    const { words } = this.app;
    const input = make("input", {
      id: "search-for",
      type: "search",
      class: "grow",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: words.filterHints.channel,
      "aria-label": words.channelName,
    }) as HTMLInputElement;
    const submit = make("button", { type: "submit", class: "primary" }, words.openChannel);
    const form = make("form", { class: "row search", role: "search" }, input, submit);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name) this.go(fragmentOf({ page: "channel", name }));
    });
    return form;
  }
}
