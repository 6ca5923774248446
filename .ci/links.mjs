// Ends with 1 where a link of a Markdown file leads nowhere (a file, a heading, a file that is
// included), or docs/SUMMARY.md does not have a page of docs/.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const listed = ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"];
const files = execFileSync("git", listed, { encoding: "utf8" }).trim().split("\n");
const faults = [];
const linked = new Map();

/** As GitHub and mdBook name a heading in a URL. */
const slug = (heading) =>
  heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");

const withoutCode = (text) => text.replace(/^```.*?^```/gms, "").replace(/`[^`\n]*`/g, "");

function headings(path) {
  const text = readFileSync(path, "utf8").replace(/^```.*?^```/gms, "");
  return new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => slug(heading)));
}

function check(file, target) {
  if (/^[a-z]+:/.test(target)) return;
  const [path, fragment] = target.split("#");
  const found = path === "" ? file : normalize(join(dirname(file), decodeURI(path)));
  linked.get(file).add(found);
  if (!existsSync(found)) faults.push(`${file}: ${target} is not there`);
  else if (fragment && found.endsWith(".md") && !headings(found).has(fragment)) {
    faults.push(`${file}: ${target}: no such heading`);
  }
}

for (const file of files.filter(existsSync)) {
  linked.set(file, new Set());
  const text = readFileSync(file, "utf8");
  for (const [, target] of withoutCode(text).matchAll(/\]\(<?([^)\s>]+)>?\)/g)) check(file, target);
  for (const [, target] of text.matchAll(/\{\{#include ([^}\s]+)\}\}/g)) check(file, target);
}
for (const page of files.filter((file) => /^docs\/[^/]+\.md$/.test(file))) {
  if (page !== "docs/SUMMARY.md" && !linked.get("docs/SUMMARY.md")?.has(page)) {
    faults.push(`${page}: docs/SUMMARY.md does not have it`);
  }
}
for (const fault of faults) console.error(fault);
process.exit(faults.length > 0 ? 1 : 0);
