// Asks for a key. In: what is wrong with the last one, if anything. Out: the key that is given.

import { make, put } from "../dom.js";
import type { Words } from "../words.js";

/** The form; `tries` is given the key, and says what is wrong with it, or nothing. */
export function signIn(
  words: Words,
  problem: string,
  tries: (key: string) => Promise<string>,
): HTMLElement {
  const key = make("input", {
    id: "key",
    name: "key",
    type: "password",
    required: "",
    autocomplete: "current-password",
    spellcheck: "false",
    "aria-describedby": "key-problem",
  }) as HTMLInputElement;
  const alert = make("p", { class: "problem", role: "alert", id: "key-problem" }, problem);
  const submit = make("button", { type: "submit", class: "primary" }, words.signIn);
  const form = make(
    "form",
    { class: "card sign-in" },
    make("h1", { tabindex: "-1" }, words.signIn),
    make("p", {}, words.signInLead),
    make("label", { class: "field" }, make("span", {}, words.key), key),
    alert,
    submit,
    make("p", { class: "hint" }, words.signInWhere),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    (submit as HTMLButtonElement).disabled = true;
    void tries(key.value.trim()).then((wrong) => {
      (submit as HTMLButtonElement).disabled = false;
      put(alert, wrong);
      if (wrong) key.select();
    });
  });
  return form;
}
