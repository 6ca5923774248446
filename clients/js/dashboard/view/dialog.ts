// Asks before something happens that cannot be undone. In: a question. Out: whether to do it. The
// button that does nothing has the focus, and Escape does nothing either.

import type { Question } from "../app.js";
import { button, make } from "../dom.js";
import type { Words } from "../words.js";

export function confirm(words: Words, { title, text, verb }: Question): Promise<boolean> {
  const dialog = make("dialog", {
    "aria-labelledby": "dialog-title",
    "aria-describedby": "dialog-text",
  }) as HTMLDialogElement;
  const cancel = button(words.confirm.cancel, () => dialog.close(""));
  const act = button(verb, () => dialog.close("yes"), "danger solid");
  cancel.autofocus = true;
  dialog.append(
    make("h2", { id: "dialog-title" }, title),
    make("p", { id: "dialog-text" }, text),
    make("p", { class: "hint" }, words.logged),
    make("div", { class: "row end" }, cancel, act),
  );
  document.body.append(dialog);
  const before = document.activeElement;
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement) before.focus();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}
