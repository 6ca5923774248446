// What the views of the dashboard do with the document, besides what all pages do. In: texts and
// values. Out: elements, reused where they are there already, so that a refresh moves no focus.

import { make, put, set } from "../page/view/dom.js";

export { draw, make, put, set } from "../page/view/dom.js";

/** A button that does something. */
export function button(text: string, does: () => void, kind = ""): HTMLButtonElement {
  const element = make("button", { type: "button", class: kind }, text) as HTMLButtonElement;
  element.addEventListener("click", does);
  return element;
}

/** Fills a cell with one link. */
export function anchor(cell: Element, href: string, text: string, kind = ""): void {
  let link = cell.querySelector(":scope > a");
  if (!link) {
    link = make("a", { class: kind });
    cell.replaceChildren(link);
  }
  set(link, "href", href);
  put(link, text);
}

/** Fills a cell with one coloured word. */
export function badge(cell: Element, kind: string, text: string): void {
  let mark = cell.querySelector(":scope > .badge");
  if (!mark) {
    mark = make("span");
    cell.replaceChildren(mark);
  }
  set(mark, "class", `badge ${kind}`);
  put(mark, text);
}

/** A card with a heading, and a hint where there is one. */
export function card(title: string, hint: string | null, ...children: Node[]): HTMLElement {
  const head = make("div", { class: "card-head" }, make("h2", {}, title));
  if (hint !== null) head.append(make("p", { class: "hint" }, hint));
  return make("section", { class: "card" }, head, ...children);
}

/** A list of terms; its values are written again and again. */
export class Terms {
  readonly element: HTMLElement;
  private readonly values = new Map<string, HTMLElement>();

  /** `figures` stand at the end of their lines. */
  constructor(kind: "" | "figures" = "") {
    this.element = make("dl", { class: `terms ${kind}` });
  }

  /** Writes a value; the term is appended where it is new, and hidden for null. */
  put(term: string, text: string | null): void {
    const value = this.cell(term);
    (value.parentElement as HTMLElement).hidden = text === null;
    if (text !== null) put(value, text);
  }

  /** The place of a value that is more than a text. */
  cell(term: string): HTMLElement {
    const known = this.values.get(term);
    if (known) return known;
    const value = make("dd");
    this.element.append(make("div", {}, make("dt", {}, term), value));
    this.values.set(term, value);
    return value;
  }
}

/** A bar that is so full. */
export class Bar {
  readonly element = make("div", { class: "bar", "aria-hidden": "true" });
  private readonly fill = make("div");

  constructor() {
    this.element.append(this.fill);
  }

  put(share: number): void {
    const percent = Math.min(Math.max(share, 0), 1) * 100;
    this.fill.style.inlineSize = `${percent}%`;
    const level = share >= 0.9 ? "full" : share >= 0.7 ? "near" : "calm";
    set(this.element, "data-level", level);
  }
}
