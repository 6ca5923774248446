// The state of the link at a glance: colour, sign, word, reason. In: the state. Out: the bar that
// stays in sight.

import type { LinkState, Message, QualityReport, Reason } from "../../src/index.js";
import type { Words } from "../words.js";
import { by, put, set } from "./dom.js";

/** `notice` says while it polls whether polls are answered. */
export function showState(
  words: Words,
  state: LinkState,
  reason: Reason,
  notice: Message | null,
): void {
  const bar = by("state");
  set(bar, "data-state", state);
  const use = bar.querySelector("use");
  if (use) set(use, "href", `#sign-${state}`);
  const isUnanswered = state === "fallback" && notice?.code === "LINK_RECONNECTING";
  put(by("state-word"), words.states[state]);
  put(by("state-why"), isUnanswered ? words.pollsUnanswered : words.reasons[reason]);
  document.title = `${words.states[state]} · Steadfast`;
}

export function showGrade(words: Words, quality: QualityReport | undefined): void {
  put(by("state-grade"), words.grades[quality?.grade ?? "unknown"]);
}
