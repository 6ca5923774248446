// The languages of the dashboard. In: what the visitor chose, or what the browser prefers. Out: the
// words.

import { en } from "./words/en.js";
import { zh } from "./words/zh.js";

/** The languages there are. */
export const LANGUAGES = ["en", "zh-CN"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Everything the dashboard says; English is the measure. */
export type Words = typeof en;

const WORDS: Readonly<Record<Language, Words>> = { en, "zh-CN": zh };

export const wordsOf = (language: Language): Words => WORDS[language];

/** The language that was chosen before, or the first that the browser asks for and we have. */
export function preferredLanguage(chosen: string | null, wanted: readonly string[]): Language {
  const known = LANGUAGES.find((language) => language === chosen);
  if (known) return known;
  for (const one of wanted.map((language) => language.toLowerCase())) {
    if (one.startsWith("zh")) return "zh-CN";
    if (one.startsWith("en")) return "en";
  }
  return "en";
}

/** A text with its places filled in. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
