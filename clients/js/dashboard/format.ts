// Numbers and times as people read them, in their language. In: values. Out: texts; a dash for what
// is not known.

import type { Language } from "./words.js";

export const NONE = "–";

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** A whole number with separators. */
export const count = (value: number, language: Language): string =>
  new Intl.NumberFormat(language, { maximumFractionDigits: 0 }).format(value);

/** A number with few digits: 12.3, 123, 12,300. */
export function figure(value: number | null | undefined, language: Language): string {
  if (value === null || value === undefined) return NONE;
  const digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

/** Bytes in the unit that leaves up to four digits. */
export function bytes(value: number | null | undefined, language: Language): string {
  if (value === null || value === undefined) return NONE;
  let [size, unit] = [value, 0];
  while (size >= 1024 && unit < BYTES.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${figure(unit === 0 ? Math.round(size) : size, language)} ${BYTES[unit]}`;
}

/** A percentage with two digits, and none that is rounded up to 100. */
export function percent(value: number | null | undefined, language: Language): string {
  if (value === null || value === undefined) return NONE;
  const down = value < 100 ? Math.min(value, 99.99) : 100;
  const digits = down === 100 || down === 0 ? 0 : 2;
  const form = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return `${new Intl.NumberFormat(language, form).format(down)}%`;
}

/** The two largest units of a time: `3 d 4 h`, `5 min 2 s`. */
export function duration(seconds: number, language: Language): string {
  const units = language === "en" ? ["d", "h", "min", "s"] : ["天", "小时", "分", "秒"];
  const whole = Math.max(Math.floor(seconds), 0);
  const sizes = [86_400, 3_600, 60, 1];
  const at = Math.max(sizes.findIndex((size) => whole >= size), 0);
  if (whole < 60) return `${whole} ${units[3]}`;
  const [first = 1, second] = [sizes[at], sizes[at + 1]];
  const major = `${Math.floor(whole / first)} ${units[at]}`;
  const rest = second ? Math.floor((whole % first) / second) : 0;
  return rest > 0 ? `${major} ${rest} ${units[at + 1]}` : major;
}

/** How long ago a date was, by the server's clock as far as it is known. */
export const since = (date: string, nowMs: number, language: Language): string =>
  duration((nowMs - Date.parse(date)) / 1000, language);

/** Date and time of day. */
export const moment = (date: string | number, language: Language): string =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" })
    .format(new Date(date));

/** The time of day. */
export const clock = (date: string | number, language: Language): string =>
  new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" })
    .format(new Date(date));
