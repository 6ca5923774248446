// The house rule of the pure folders that no compiler sees: there is no date and no chance in them.
// Timers, sockets and consoles are no names there, by their own tsconfig.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const SOURCES = new URL("../../src/", import.meta.url);
/** `parts` is where a link is put together of these, and has no twin. */
const PURE = ["machine", "protocol", "link", "parts"];

const files = PURE.flatMap((folder) => {
  const names = readdirSync(new URL(`${folder}/`, SOURCES), { recursive: true }) as string[];
  return names.filter((name) => name.endsWith(".ts")).map((name) => `${folder}/${name}`);
});

test("the pure folders read no clock and draw nothing at random", () => {
  assert.ok(files.length > 30, `${files.length}`);
  for (const file of files) {
    const text = readFileSync(new URL(file, SOURCES), "utf8");
    // A date that was told is read in one place.
    const isReader = file === "protocol/time.ts";
    const rest = isReader ? text.replace(/Date\.parse\(text\)|new Date\(time\)/g, "") : text;
    assert.doesNotMatch(rest, /\bDate\b|Math\.random|\bIntl\b|localeCompare/, file);
  }
});

test("the pure folders import nothing but each other", () => {
  for (const file of files) {
    const text = readFileSync(new URL(file, SOURCES), "utf8");
    for (const [, path] of text.matchAll(/from "([^"]+)"/g)) {
      const { pathname } = new URL(path!, new URL(file, SOURCES));
      const folder = pathname.slice(SOURCES.pathname.length).split("/")[0]!;
      assert.ok(PURE.includes(folder), `${file} imports ${path}`);
    }
  }
});

test("every file names its twin", () => {
  for (const file of files.filter((file) => !file.startsWith("parts/"))) {
    const [, crate, path] = /^(\w+)\/(.*)\.ts$/.exec(file)!;
    const first = readFileSync(new URL(file, SOURCES), "utf8").split("\n", 1)[0]!;
    assert.ok(first.startsWith(`// Twin of crates/${crate}/src/${path}.rs.`), file);
  }
});
