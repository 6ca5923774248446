// What is around every view: the name, the parts, the language, the colours, and who is signed in.
// In: what to show, and what to call. Out: the header, and the place for a view.

import { button, make, put, set } from "../dom.js";
import type { KeyInfo, Stats } from "../model.js";
import { type Route, fragmentOf } from "../route.js";
import { LANGUAGES, type Language, type Words } from "../words.js";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

/** What the visitor may change here. */
export interface Choices {
  language(language: Language): void;
  theme(theme: Theme): void;
  signOut(): void;
  retry(): void;
}

const NAMES: Readonly<Record<Language, string>> = { en: "English", "zh-CN": "简体中文" };
const PARTS = ["overview", "connections", "channels", "nodes"] as const;
type Part = (typeof PARTS)[number];

export class Frame {
  readonly place = make("main", { id: "main", tabindex: "-1" });
  private readonly links = new Map<Part, HTMLElement>();
  private readonly node = make("span", { class: "node-name" });
  private readonly lost = make("p", { id: "lost", role: "status" });
  private readonly lostText = make("span");
  private readonly message = make("p", { id: "message", role: "status" });

  constructor(
    root: HTMLElement,
    words: Words,
    key: KeyInfo | null,
    now: { readonly language: Language; readonly theme: Theme },
    choices: Choices,
  ) {
    this.lost.append(this.lostText, button(words.retryNow, choices.retry));
    this.lost.hidden = true;
    this.message.hidden = true;
    const skip = make("a", { href: "#main", class: "skip" }, words.skip);
    skip.addEventListener("click", (event) => {
      event.preventDefault();
      this.place.focus();
    });
    const mark = make("img", { src: "/admin/icon.svg", alt: "", width: "28", height: "28" });
    const brand = make("a", { class: "brand", href: "#/" }, mark, "Steadfast", this.node);
    const top = make("div", { class: "top" }, brand, this.tools(words, key, now, choices));
    const header = make("header", {}, top);
    if (key) header.append(this.parts(words));
    root.replaceChildren(skip, header, this.lost, this.message, this.place);
  }

  /** Shows which part is looked at, and the state of the node. */
  show(route: Route): void {
    const part = { connection: "connections", channel: "channels" }[route.page as string];
    for (const [name, link] of this.links) {
      set(link, "aria-current", name === (part ?? route.page) ? "page" : null);
    }
  }

  showNode(stats: Stats, words: Words): void {
    put(this.node, stats.draining ? `${stats.node} · ${words.draining}` : stats.node);
  }

  /** Says that nothing comes from the server; null takes it back. */
  showLost(text: string | null): void {
    this.lost.hidden = text === null;
    this.place.classList.toggle("old", text !== null);
    if (text !== null) put(this.lostText, text);
  }

  /** Says what came of something. */
  say(text: string, isGood: boolean): void {
    this.message.hidden = text === "";
    set(this.message, "class", isGood ? "good" : "bad");
    put(this.message, text);
  }

  private parts(words: Words): HTMLElement {
    const list = make("ul");
    for (const part of PARTS) {
      const route: Route = part === "connections" ? { page: part, filters: {} } : { page: part };
      const link = make("a", { href: fragmentOf(route) }, words[part]);
      this.links.set(part, link);
      list.append(make("li", {}, link));
    }
    return make("nav", { "aria-label": words.navigation }, list);
  }

  private tools(
    words: Words,
    key: KeyInfo | null,
    now: { readonly language: Language; readonly theme: Theme },
    choices: Choices,
  ): HTMLElement {
    const tools = make("div", { class: "tools" });
    const language = choice(
      words.language,
      "language",
      LANGUAGES.map((one) => [one, NAMES[one]]),
      now.language,
      (value) => choices.language(value as Language),
    );
    const theme = choice(
      words.theme,
      "theme",
      THEMES.map((one) => [one, words.themes[one]]),
      now.theme,
      (value) => choices.theme(value as Theme),
    );
    tools.append(language, theme);
    if (!key) return tools;
    const role = key.roles.includes("operate") ? words.operator : words.readOnly;
    const who = key.dev ? words.noKeys : `${key.name} · ${role}`;
    tools.append(make("span", { class: "who", id: "who" }, who));
    if (!key.dev) tools.append(button(words.signOut, choices.signOut));
    return tools;
  }
}

function choice(
  label: string,
  id: string,
  options: readonly (readonly [string, string])[],
  value: string,
  changed: (value: string) => void,
): HTMLElement {
  const select = make("select", { "aria-label": label, id }) as HTMLSelectElement;
  for (const [name, word] of options) select.append(make("option", { value: name }, word));
  select.value = value;
  select.addEventListener("change", () => changed(select.value));
  return select;
}
