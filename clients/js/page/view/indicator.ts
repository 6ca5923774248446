// The state of the link at a glance: colour, sign, word, reason, and when it tries again. In: the
// state. Out: the bar that stays in sight.

import type { Message, QualityReport } from "../../src/index.js";
import { type StateEntry, shownState } from "../journal.js";
import type { Words } from "../words.js";
import { by, put, set } from "./dom.js";

/**
 * `notice` says while it polls whether polls are answered; `isBroken`, whether the visitor keeps
 * everything from getting through, which the link takes a while to notice.
 */
export function showState(
  words: Words,
  { state, reason }: Pick<StateEntry, "state" | "reason">,
  notice: Message | null,
  nextAttemptInMs: number | null,
  isBroken: boolean,
): void {
  const bar = by("state");
  const shown = shownState({ state, reason });
  set(bar, "data-state", shown);
  const use = bar.querySelector("use");
  if (use) set(use, "href", `#sign-${shown}`);
  const isUnanswered = state === "fallback" && notice?.code === "LINK_RECONNECTING";
  put(by("state-word"), words.states[shown]);
  set(bar, "data-reason", reason);
  set(bar, "data-flow", isUnanswered ? "none" : null);
  const isUnnoticed = isBroken && (state === "connected" || state === "fallback");
  const why = isUnnoticed ? words.unnoticed : words.reasons[reason];
  put(by("state-why"), isUnanswered ? words.pollsUnanswered : why);
  const seconds = Math.ceil((nextAttemptInMs ?? 0) / 1_000);
  const isPlanned = nextAttemptInMs !== null && state !== "connected";
  const next = state === "fallback" ? words.nextSocket(seconds) : words.nextAttempt(seconds);
  put(by("state-next"), isPlanned ? next : "");
  document.title = `${words.states[shown]} · Steadfast`;
}

export function showGrade(words: Words, quality: QualityReport | undefined): void {
  const grade = quality?.grade ?? "unknown";
  // What is not known needs no word here; the card below says why.
  put(by("state-grade"), grade === "unknown" ? "" : words.grades[grade]);
}
