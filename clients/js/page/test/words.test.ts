// The words of both languages, and of the page as it is before its script has run.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { LANGUAGES, clockTime, minutes, percent, seconds, wordsOf } from "../words.js";
import { en } from "../words/en.js";
import { zh } from "../words/zh.js";

const page = readFileSync("page/index.html", "utf8");
const marked = [...page.matchAll(/data-word="(\w+)"[^>]*>([^<]*)</g)];

/** Those that take a list; all others take numbers and a name. */
const WITH_LIST = ["result", "eventResult"];

/** All texts of a language, those that take something with a sample of it. */
function texts(words: object): string[] {
  return Object.entries(words).flatMap(([name, word]: [string, unknown]): string[] => {
    if (typeof word === "string") return [word];
    if (typeof word !== "function") return texts(word as object);
    if (WITH_LIST.includes(name)) return [String(word([])), String(word(["·", "·"]))];
    return [String(word(1, 2, "·")), String(word(3, 3, "·"))];
  });
}

test("every marked element of the page has its word in every language", () => {
  assert.ok(marked.length > 30, `${marked.length} marks`);
  for (const [, name] of marked) {
    for (const language of LANGUAGES) {
      const word = wordsOf(language)[name as keyof typeof en];
      assert.equal(typeof word, "string", `${name} in ${language}`);
    }
  }
});

test("the page says in English what the English words say", () => {
  for (const [, name = "", text = ""] of marked) {
    const said = text.replace(/\s+/g, " ").trim();
    const word = en[name as keyof typeof en];
    // What a job is takes a whole sentence that the script adds.
    if (name === "jobEmpty") assert.ok(String(word).startsWith(said), name);
    else assert.equal(said, word, name);
  }
});

test("no text is empty, and none is in the wrong language", () => {
  const names = /WebSocket|HTTP/g;
  for (const text of texts(en)) {
    assert.doesNotMatch(text, /^\s*$|undefined|NaN/);
    assert.doesNotMatch(text, /[\u4e00-\u9fff]/, text);
  }
  for (const text of texts(zh)) {
    assert.doesNotMatch(text, /^\s*$/);
    assert.doesNotMatch(text.replace(names, ""), /[A-Za-z]{2}/, text);
  }
});

test("numbers and times are written as the language writes them", () => {
  assert.equal(seconds(12_345, "en"), "12.3");
  assert.equal(percent(99.5, "en"), "99.50%");
  assert.equal(percent(100, "zh-CN"), "100.00%");
  assert.equal(minutes(65_999), "1:05");
  assert.equal(minutes(-1), "0:00");
  assert.match(clockTime(0, "zh-CN"), /^\d{2}:\d{2}:\d{2}$/);
});
