// Writes src/catalogue.ts, the texts of the notices as code, from messages/catalogue.json, which
// every client of Steadfast reads. The build calls it; `node build/texts.mjs` alone does the same.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const CATALOGUE = new URL("../../../messages/catalogue.json", import.meta.url);
const MODULE = new URL("../src/catalogue.ts", import.meta.url);

const HEADER = `\
// The texts of the notices in every language. Made of messages/catalogue.json by build/texts.mjs:
// change the catalogue, not this file.

/** A code, what a button does, and in English and Chinese: title, body, what the button says. */
export type Row = readonly [code: string, action: string | null, en: Words, zh: Words];
export type Words = readonly [title: string, body: string, label?: string];

export const ROWS: readonly Row[] = [
`;

/** The module as it has to be. */
export function textsModule() {
  const rows = JSON.parse(readFileSync(CATALOGUE, "utf8"));
  return `${HEADER}${rows.map(row).join("")}];\n`;
}

/** Writes the module where it is not as it has to be. */
export function writeTexts() {
  const text = textsModule();
  if (readFileSync(MODULE, "utf8") !== text) writeFileSync(MODULE, text);
}

function row({ code, texts, action }) {
  const words = ["en", "zh-CN"].map((language) => {
    const { title, body } = texts[language];
    const label = action ? [action.label[language]] : [];
    const lines = [title, body, ...label].map((text) => `      ${json(text)},\n`);
    return `    [\n${lines.join("")}    ],\n`;
  });
  return `  [\n    ${json(code)},\n    ${json(action?.kind ?? null)},\n${words.join("")}  ],\n`;
}

const json = (value) => JSON.stringify(value);

if (process.argv[1] === fileURLToPath(import.meta.url)) writeTexts();
