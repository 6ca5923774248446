// The core as it is shipped: minified, with its own names made short. It must do what every
// scenario says all the same. In: the sources, and the names that the build keeps.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { type CompressOptions, minify } from "terser";
import ts from "typescript";

import type { Config } from "../src/link/config.js";
import {
  type LinkLike,
  type Scenario,
  readJson,
  runScenario,
  scenarioPaths,
} from "./conformance/scenario.js";

const PACKAGE = new URL("../../", import.meta.url);

/** The link, and all that can be part of one. */
const ENTRY = `
  export { Link } from "./src/link/coordinator.js";
  export { ALL } from "./src/parts/all.js";
`;

interface Minified {
  readonly Link: new (config: Config, parts: object) => LinkLike;
  readonly ALL: object;
}

/** What the shell and the core say to each other, and so a runner needs; the build shortens it. */
const BETWEEN = ["handle", "poll", "wake", "state", "at", ...fields("input"), ...fields("output")];

/** The names of all fields in the types of a file of the core. */
function fields(name: string): string[] {
  const text = readFileSync(new URL(`src/link/${name}.ts`, PACKAGE), "utf8");
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertySignature(node)) names.push(node.name.getText(source));
    ts.forEachChild(node, visit);
  };
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true);
  visit(source);
  return names;
}

async function minified(): Promise<Minified> {
  const { reservedNames } = (await import(new URL("build/reserved.mjs", PACKAGE).href)) as {
    reservedNames(): Iterable<string>;
  };
  const { SMALLEST } = (await import(new URL("build/bundles.mjs", PACKAGE).href)) as {
    SMALLEST: CompressOptions;
  };
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(PACKAGE),
    stdin: { contents: ENTRY, resolveDir: fileURLToPath(PACKAGE) },
    bundle: true,
    write: false,
    format: "esm",
    target: "es2020",
  });
  const code = outputFiles[0]!.text;
  // As in the build: what is also written as a string may be looked up by it.
  const words = Array.from(code.matchAll(/"([A-Za-z_$][\w$]*)"/g), ([, word]) => word!);
  const properties = { reserved: [...reservedNames(), ...BETWEEN, ...words] };
  const result = await minify(code, { module: true, compress: SMALLEST, mangle: { properties } });
  assert.ok(!result.code!.includes("networkChangedAt"), "its own names are short");
  return import(`data:text/javascript,${encodeURIComponent(result.code!)}`) as Promise<Minified>;
}

test("the minified link does what every scenario says", async () => {
  const { Link, ALL } = await minified();
  for (const path of scenarioPaths()) {
    const scenario = readJson(path) as Scenario;
    assert.equal(runScenario(scenario, {}, (config) => new Link(config, ALL)), undefined, path);
  }
});
