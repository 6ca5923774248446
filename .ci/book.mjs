// Writes the sources of the book to the folder that is named: the Markdown of the repository and
// what it includes, where it is, so that every link holds, and docs/SUMMARY.md at the top, where
// mdBook wants it.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const [out] = process.argv.slice(2);
if (!out) throw new Error("usage: node .ci/book.mjs FOLDER");
rmSync(out, { recursive: true, force: true });

function copy(path) {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  cpSync(path, join(out, path));
}

const listed = ["ls-files", "--cached", "--others", "--exclude-standard", "*.md", "docs/*.png"];
for (const path of execFileSync("git", listed, { encoding: "utf8" }).trim().split("\n")) {
  copy(path);
  if (!path.endsWith(".md")) continue;
  const text = readFileSync(path, "utf8");
  for (const [, target] of text.matchAll(/\{\{#include ([^}\s]+)\}\}/g)) {
    copy(normalize(join(dirname(path), target)));
  }
}
const summary = readFileSync("docs/SUMMARY.md", "utf8");
const fromRoot = (_, target) => `](${normalize(join("docs", target))})`;
const moved = summary.replace(/\]\(([^)]+)\)/g, fromRoot);
writeFileSync(join(out, "SUMMARY.md"), moved);
