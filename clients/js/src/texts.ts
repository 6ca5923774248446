// What people are told, in their language. In: a notice of the client, a locale. Out: a title, a
// body and what can be done. Must not choose what is told, nor when. An entry of its own, so that
// an app with texts of its own does not carry these.

import { ROWS } from "./catalogue.js";
import type { Message } from "./link/message.js";

/** The promise of a text that counts seconds, where the client named none. */
const RETRY_SECONDS = 30;

/** A language that the catalogue has. */
export type Language = "en" | "zh-CN";

/** One notice in one language. */
export interface Text {
  /** What happened: at most 60 characters, or 20 in Chinese. */
  readonly title: string;
  /** What still works, what happens next, or what to do. */
  readonly body: string;
  /** What people can do about it, where anything is needed. Doing it is the app's part. */
  readonly action?: Action;
}

/** What people can do about a notice. */
export interface Action {
  /** A stable word, such as `sign_in`. */
  readonly kind: string;
  /** What a button says. */
  readonly label: string;
}

/** The text of a notice, ready to be shown; `locale` is such as `navigator.language`. */
export function textOf(notice: Pick<Message, "code" | "retryInMs">, locale: string): Text {
  const { code, retryInMs } = notice;
  const row = ROWS.find((one) => one[0] === code);
  if (!row) return { title: code, body: "" };
  const [, kind, en, zh] = row;
  const [title, body, label] = languageOf(locale) === "en" ? en : zh;
  const seconds = retryInMs === null ? RETRY_SECONDS : Math.ceil(retryInMs / 1000);
  const text = { title, body: body.replace("{n}", `${seconds}`) };
  return kind && label ? { ...text, action: { kind, label } } : text;
}

/** The language of a locale such as `zh_CN`, `zh-Hans` or `en-GB`; English where it is another. */
export const languageOf = (locale: string): Language =>
  /^zh(?![a-z])/i.test(locale) ? "zh-CN" : "en";
