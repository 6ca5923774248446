// The state of the link at a glance: colour, sign, word, reason. In: the state. Out: the bar that
// stays in sight.

import type { LinkState, QualityReport, Reason } from "../../src/index.js";
import type { Words } from "../words.js";
import { by, put, set } from "./dom.js";

export function showState(words: Words, state: LinkState, reason: Reason): void {
  const bar = by("state");
  set(bar, "data-state", state);
  const use = bar.querySelector("use");
  if (use) set(use, "href", `#sign-${state}`);
  put(by("state-word"), words.states[state]);
  put(by("state-why"), words.reasons[reason]);
  document.title = `${words.states[state]} · Steadfast`;
}

export function showGrade(words: Words, quality: QualityReport | undefined): void {
  put(by("state-grade"), words.grades[quality?.grade ?? "unknown"]);
}
