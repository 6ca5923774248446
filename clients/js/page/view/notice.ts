// What an app would tell its people about the link, in the catalogue's words. In: the client's
// notice. Out: a line or a banner, and a button where this page can do what it says.

import type { Message } from "../../src/index.js";
import { textOf } from "../../src/texts.js";
import type { Language } from "../words.js";
import { by, make, set } from "./dom.js";

/** What a notice offers, and what this page does then. */
export type Deeds = Readonly<Record<string, (() => void) | undefined>>;

export function showNotice(notice: Message | null, language: Language, deeds: Deeds): void {
  const place = by("notice");
  const text = notice && textOf(notice, language);
  const key = JSON.stringify(text);
  if (place.dataset["key"] === key) return;
  place.dataset["key"] = key;
  set(place, "data-severity", notice?.severity ?? "none");
  set(place, "data-code", notice?.code ?? null);
  place.replaceChildren();
  if (!text) return;
  place.append(make("strong", {}, text.title), " ", make("span", {}, text.body));
  const deed = text.action && deeds[text.action.kind];
  if (!deed || !text.action) return;
  const button = make("button", { type: "button" }, text.action.label);
  button.addEventListener("click", deed);
  place.append(button);
}
