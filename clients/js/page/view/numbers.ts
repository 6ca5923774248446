// Figures: quality with its reason, statistics with availability. In: the client's reports. Out:
// numbers in the visitor's language.

import type { QualityReport, Statistics } from "../../src/index.js";
import type { Language, Words } from "../words.js";
import { clockTime, percent, seconds } from "../words.js";
import { by, make, put, set } from "./dom.js";

/** For how long a link must have been watched before shares of that time are shown. */
const SHARE_AFTER_MS = 10_000;

export function showQuality(words: Words, quality: QualityReport | undefined): void {
  const grade = quality?.grade ?? "unknown";
  const isKnown = quality !== undefined && grade !== "unknown";
  put(by("grade"), words.grades[grade]);
  set(by("grade"), "data-grade", grade);
  put(by("score"), isKnown ? words.points(quality.score) : "");
  by<HTMLMeterElement>("score-meter").value = isKnown ? quality.score : 0;
  put(by("quality-reason"), why(words, isKnown ? quality : undefined));
  const parts = Object.entries(words.partNames).map(([part, name]): Figure => {
    const points = quality?.parts[part as keyof Words["partNames"]] ?? 0;
    return [`part-${part}`, name, !isKnown ? words.unknown : points > 0 ? `−${points}` : "0"];
  });
  showFigures("parts", parts);
}

function why(words: Words, quality: QualityReport | undefined): string {
  if (!quality) return words.notEnough;
  return quality.reason ? words.parts[quality.reason] : words.nothingAgainst;
}

export function showStatistics(
  words: Words,
  language: Language,
  statistics: Statistics | undefined,
  watchedMs: number,
): void {
  if (!statistics) return;
  // After a moment a share of the time says nothing yet.
  const share = (hundredths: number): string =>
    watchedMs < SHARE_AFTER_MS ? words.unknown : percent(hundredths, language);
  put(by("availability"), share(statistics.availability));
  const date = (text: string | null): string =>
    text === null ? words.never : clockTime(Date.parse(text), language);
  const { totalReconnects, successfulReconnects, failedReconnects } = statistics;
  const outcome = words.outcome(totalReconnects, successfulReconnects, failedReconnects);
  showFigures("numbers", [
    ["realtime", words.realtime, share(statistics.realtimeAvailability)],
    ["downtime", words.downtime, words.seconds(seconds(statistics.totalDowntime, language))],
    ["reconnects", words.reconnects, outcome],
    ["connected", words.lastConnected, date(statistics.lastConnectedAt)],
    ["disconnected", words.lastDisconnected, date(statistics.lastDisconnectedAt)],
  ]);
}

/** One line of figures: the end of its id, what it is about, what it says. */
type Figure = readonly [name: string, term: string, value: string];

function showFigures(id: string, figures: readonly Figure[]): void {
  const list = by(id);
  if (list.children.length === 0) {
    list.append(
      ...figures.map(([name]) => make("div", {}, make("dt"), make("dd", { id: `number-${name}` }))),
    );
  }
  figures.forEach(([, term, value], at) => {
    const [dt, dd] = list.children[at]?.children ?? [];
    if (dt && dd) {
      put(dt, term);
      put(dd, value);
    }
  });
}
