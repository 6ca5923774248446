// A table that is shown again and again. In: columns, and items with a key each. Out: rows, reused
// by key, so that a refresh loses neither focus nor selection. On a narrow screen rows are cards.

import { make, put, set } from "./dom.js";

export interface Column<T> {
  readonly head: string;
  /** `number` stands at the end of its column; `wide` may break. */
  readonly kind?: "number" | "wide";
  fill(cell: HTMLElement, item: T): void;
}

/** A column of texts. */
export const text = <T>(
  head: string,
  of: (item: T) => string,
  kind?: "number" | "wide",
): Column<T> => ({
  head,
  ...(kind ? { kind } : {}),
  fill: (cell, item) => put(cell, of(item)),
});

export class Table<T> {
  readonly element: HTMLElement;
  private readonly table: HTMLElement;
  private readonly body = make("tbody");
  private readonly empty = make("p", { class: "empty" });
  private rows = new Map<string, HTMLElement>();

  constructor(
    label: string,
    private readonly columns: readonly Column<T>[],
    private readonly keyOf: (item: T) => string,
  ) {
    const head = make("tr", { role: "row" });
    for (const column of columns) {
      const attributes = { role: "columnheader", class: column.kind ?? "" };
      head.append(make("th", attributes, column.head));
    }
    const about = { role: "table", "aria-label": label };
    this.table = make("table", about, make("thead", {}, head), this.body);
    this.empty.hidden = true;
    this.element = make("div", { class: "table" }, this.table, this.empty);
  }

  /** Keeps it to the height of a screen, in which it is scrolled. */
  scroll(): void {
    set(this.element, "class", "table scrolled");
    set(this.element, "tabindex", "0");
    set(this.element, "role", "group");
    set(this.element, "aria-label", this.table.getAttribute("aria-label"));
  }

  /** Shows these items, or says that there is none. */
  show(items: readonly T[], none: string): void {
    const rows = new Map<string, HTMLElement>();
    for (const [at, item] of items.entries()) {
      const key = this.keyOf(item);
      const row = this.rows.get(key) ?? this.row();
      for (const [column, cell] of [...row.children].entries()) {
        this.columns[column]?.fill(cell as HTMLElement, item);
      }
      if (this.body.children[at] !== row) {
        this.body.insertBefore(row, this.body.children[at] ?? null);
      }
      rows.set(key, row);
    }
    for (const [key, row] of this.rows) if (rows.get(key) !== row) row.remove();
    this.rows = rows;
    this.table.hidden = items.length === 0;
    this.empty.hidden = items.length > 0;
    put(this.empty, none);
  }

  private row(): HTMLElement {
    const row = make("tr", { role: "row" });
    for (const { head, kind } of this.columns) {
      const cell = make("td", { role: "cell", class: kind ?? "" });
      set(cell, "data-head", head);
      row.append(cell);
    }
    return row;
  }
}
