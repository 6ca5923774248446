// No circle of imports in the sources: part of `npm run check`. In: the modules of `src`. Out: each
// circle, by its modules; ends with 1 where there is one. Imports of types alone do not count: they
// are gone once compiled, and no module waits for another because of them.

import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const SRC = fileURLToPath(new URL("../src", import.meta.url));
const STATEMENT = /^(?:import|export) (type )?(?:([^";]*) from )?"(\.[^"]+)\.js";/gm;

/** The modules that each module needs when it is loaded. */
export function graphOf(files) {
  return new Map([...files].map(([path, text]) => [path, needs(path, text)]));
}

function needs(path, text) {
  const statements = [...text.matchAll(STATEMENT)];
  const loaded = statements.filter(([, type, names]) => !type && !isOfTypes(names));
  return loaded.map(([, , , target]) => normalize(join(dirname(path), `${target}.ts`)));
}

/** Whether all names in braces are types. */
function isOfTypes(names) {
  const all = /^\{([^}]*)\}$/.exec(names?.trim() ?? "")?.[1].split(",") ?? [""];
  return all.every((name) => /^\s*(type .*)?$/s.test(name)) && all.join("").includes("type ");
}

/** Each circle, as a path that ends where it began. */
export function circlesOf(graph) {
  const circles = [];
  const done = new Set();
  const visit = (module, path) => {
    const start = path.indexOf(module);
    if (start >= 0) circles.push([...path.slice(start), module]);
    if (start >= 0 || done.has(module)) return;
    for (const next of graph.get(module) ?? []) visit(next, [...path, module]);
    done.add(module);
  };
  for (const module of graph.keys()) visit(module, []);
  return circles;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const paths = readdirSync(SRC, { recursive: true }).filter((path) => path.endsWith(".ts"));
  const graph = graphOf(paths.map((path) => [path, readFileSync(join(SRC, path), "utf8")]));
  const circles = circlesOf(graph);
  for (const circle of circles) console.error(`modules import each other: ${circle.join(" → ")}`);
  if (circles.length) process.exit(1);
}
