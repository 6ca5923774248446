// The texts of the notices: complete, as they were when last read over, and with nothing left open.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { type MessageCode, ROWS } from "../src/link/message/code.js";
import { languageOf, textOf } from "../src/texts.js";

const CLIENT = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, CLIENT), "utf8");

const ALL = ROWS.map((row) => row[0]);
const notice = (code: MessageCode, retryInMs: number | null = null) => ({ code, retryInMs });

test("the module is made of the catalogue as it is now", async () => {
  const path = new URL("build/texts.mjs", CLIENT).href;
  const { textsModule } = (await import(path)) as { textsModule(): string };
  assert.equal(read("src/catalogue.ts"), textsModule(), "run `node build/texts.mjs`");
});

test("the texts are those that were read over", () => {
  for (const language of ["en", "zh-CN"]) {
    const sheet = read(`../../messages/snapshot.${language}.txt`);
    const codes = sheet.split("\n").filter((line) => /^[A-Z]/.test(line));
    assert.deepEqual(codes, ALL);
    const ours = ALL.map((code) => {
      const { title, body, action } = textOf(notice(code), language);
      return `${code}\n  ${title}\n  ${body}\n  ${action ? `[${action.label}]` : "-"}\n\n`;
    });
    assert.equal(ours.join(""), sheet.replace("{n}", "30"));
  }
});

test("a promise counts in whole seconds, rounded up", () => {
  const say = (retryInMs: number | null, locale: string) =>
    textOf(notice("SRV_BUSY", retryInMs), locale).body;
  assert.equal(say(4001, "en"), "We'll try again by ourselves within 5 s.");
  assert.equal(say(4000, "zh-CN"), "将在 4 秒内自动重试，无需操作。");
  assert.equal(say(null, "en"), "We'll try again by ourselves within 30 s.");
});

test("an action has one stable word, and a label in each language", () => {
  for (const code of ALL) {
    const [en, zh] = ["en", "zh"].map((locale) => textOf(notice(code), locale).action);
    assert.equal(en?.kind, zh?.kind);
    if (en) assert.notEqual(en.label, zh?.label, code);
  }
  assert.equal(textOf(notice("AUTH_EXPIRED"), "en").action?.kind, "sign_in");
});

test("a code that the catalogue does not know speaks for itself", () => {
  const unknown = "SOMETHING_NEW" as MessageCode;
  assert.deepEqual(textOf(notice(unknown), "en"), { title: "SOMETHING_NEW", body: "" });
});

test("locales have a language", () => {
  for (const locale of ["zh_CN.UTF-8", "zh-CN", "zh", "ZH_cn", "zh-Hans-CN", "zh.UTF-8"]) {
    assert.equal(languageOf(locale), "zh-CN", locale);
  }
  for (const locale of ["en_US.UTF-8", "C", "", "de_DE@euro", "zha_CN", "a-zh"]) {
    assert.equal(languageOf(locale), "en", locale);
  }
});
