// What the page says, and in which language. In: what the visitor chose, or what the browser
// prefers. Out: the words, and numbers and times as that language writes them.

import { choose, chosen } from "./choices.js";
import { en } from "./words/en.js";
import { zh } from "./words/zh.js";

/** The languages there are. */
export const LANGUAGES = ["en", "zh-CN"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Everything the page says; English is the measure. */
export type Words = typeof en;

/** The choice of a language. */
const CHOICE = "language";
const WORDS: Readonly<Record<Language, Words>> = { en, "zh-CN": zh };

export const wordsOf = (language: Language): Words => WORDS[language];

/** The language chosen on this page before, or the first that the browser asks for and we have. */
export function preferredLanguage(): Language {
  const language = chosen(CHOICE, LANGUAGES);
  if (language) return language;
  for (const wanted of navigator.languages) {
    if (wanted.toLowerCase().startsWith("zh")) return "zh-CN";
    if (wanted.toLowerCase().startsWith("en")) return "en";
  }
  return "en";
}

/** Keeps a choice for the next visit. */
export const rememberLanguage = (language: Language): void => choose(CHOICE, language);

/** Writes all static words of the page. */
export function translate(root: ParentNode, words: Words): void {
  for (const element of root.querySelectorAll<HTMLElement>("[data-word]")) {
    const word = words[element.dataset["word"] as keyof Words];
    if (typeof word === "string") element.textContent = word;
  }
}

/** Seconds with one digit behind the point. */
export const seconds = (ms: number, language: Language): string => number(ms / 1000, 1, language);

/** A share of 100 with two digits. */
export const percent = (share: number, language: Language): string =>
  `${number(share, 2, language)}%`;

function number(value: number, digits: number, language: Language): string {
  const form = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(language, form).format(value);
}

/** Minutes and seconds: `1:05`. */
export const minutes = (ms: number): string => {
  const whole = Math.max(Math.floor(ms / 1000), 0);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

/** The time of day. */
export const clockTime = (at: number, language: Language): string =>
  new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" }).format(at);
