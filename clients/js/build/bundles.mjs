// What is built, and how. In: the sources. Out: texts of bundles by their paths. Writes nothing.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";
import { reservedNames } from "./reserved.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ENTRIES = ["index", "node", "wechat", "v2", "texts"];
/** What a mini-program requires; `index` and `wechat` are the same there. */
const MINI_ENTRIES = ["wechat", "v2", "texts"];

const BASE = { absWorkingDir: ROOT, bundle: true, write: false, charset: "utf8" };

/** Modules for Node and bundlers: readable, their common parts in chunks. */
export async function modules() {
  const result = await build({
    ...BASE,
    entryPoints: ENTRIES.map((name) => `src/${name}.ts`),
    outdir: "dist",
    format: "esm",
    target: "es2020",
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    external: ["node:*"],
  });
  return files(result);
}

/** CommonJS for mini-programs, in the layout that their `npm` build copies. */
export async function miniProgram() {
  const result = await build({
    ...BASE,
    entryPoints: MINI_ENTRIES.map((name) => `src/${name}.ts`),
    outdir: "miniprogram_dist",
    format: "cjs",
    target: "es2018",
    banner: { js: readFileSync(`${ROOT}build/es2018.js`, "utf8") },
    plugins: [shareWechat],
  });
  const built = files(result);
  for (const [path, code] of built) {
    built.set(path, await squeeze(code, { compress: { passes: 2 }, ecma: 2018 }));
  }
  built.set("miniprogram_dist/index.js", 'module.exports = require("./wechat.js");\n');
  // The package around them has modules of the other kind.
  return built.set("miniprogram_dist/package.json", '{ "type": "commonjs" }\n');
}

/** The drop-in and the client are to be one client there, and no browser's. */
const shareWechat = {
  name: "share-wechat",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/(index|wechat)\.js$/ }, () => ({
      path: "./wechat.js",
      external: true,
    }));
  },
};

/**
 * One file for a script tag: everything that the browser's entry exports, as `Steadfast`. Beside
 * it, for whoever asks what it is made of, the way back from it to the sources.
 */
export async function scriptTag(isMapped = false) {
  const names = (await valuesOf("src/index.ts")).join(", ");
  const contents = `
    import { ${names} } from "./src/index.js";
    globalThis.Steadfast = { ${names} };
  `;
  const result = await build({
    ...BASE,
    stdin: { contents, resolveDir: ROOT },
    outfile: "dist/steadfast.js",
    format: "iife",
    target: "es2020",
    sourcemap: isMapped && "external",
  });
  const built = files(result);
  const code = built.get("dist/steadfast.js");
  const reserved = [...reservedNames(), ...wordsIn(code)];
  const { code: mini, map } = await minify(code, {
    toplevel: true,
    compress: SMALLEST,
    mangle: { properties: { reserved, keep_quoted: true } },
    nameCache: { props: { props: await shortNames(code, reserved) } },
    ecma: 2020,
    sourceMap: isMapped && { content: built.get("dist/steadfast.js.map") },
  });
  built.set("dist/steadfast.min.js", mini);
  if (isMapped) built.set("dist/steadfast.min.js.map", map);
  return built;
}

/**
 * New names for the properties of our own, in the form in which the minifier keeps them: the more
 * often one is used, the shorter its name, and the likelier its letters are in other code. No name
 * is that of a property that keeps its own.
 */
async function shortNames(code, reserved) {
  const nameCache = {};
  const mangle = { properties: { reserved, keep_quoted: true } };
  await minify(code, { compress: false, mangle, nameCache });
  const words = code.match(/[\w$]+/g);
  const uses = new Map();
  for (const word of words) uses.set(word, (uses.get(word) ?? 0) + 1);
  const usesOf = (name) => uses.get(name.slice(1)) ?? 0;
  const names = Object.keys(nameCache.props.props);
  names.sort((one, other) => usesOf(other) - usesOf(one));
  const kept = [...code.matchAll(/\.\s*([\w$]{1,2})\b|\b([\w$]{1,2})\s*[:(,}]/g)].flat();
  const free = candidates(new Set([...reserved, ...kept.filter((name) => name?.length === 2)]));
  return Object.fromEntries(names.map((name) => [name, free.next().value]));
}

/** One letter, then two, but for names that are taken. */
function* candidates(taken) {
  const isFree = (name) => !taken.has(name);
  yield* [...LETTERS].filter(isFree);
  for (const first of LETTERS) {
    yield* [...LETTERS].map((second) => first + second).filter(isFree);
  }
}

/** The letters of names, by how often they are in code that is minified. */
const LETTERS = "etnsiorcahldupmfgvbywkSTCxPOIMEARDLNFHUBGVWKYXjqzJQZ$_";

/** What was smallest once zipped, of all that was tried. Our getters do nothing but get. */
export const SMALLEST = {
  passes: 6,
  ecma: 2020,
  unsafe_arrows: true,
  keep_fargs: false,
  inline: 1,
  lhs_constants: false,
  pure_getters: true,
};

/** What a module exports, but for types. */
async function valuesOf(entry) {
  const options = { ...BASE, entryPoints: [entry], format: "esm", outdir: "dist", metafile: true };
  const { metafile } = await build(options);
  return Object.values(metafile.outputs)[0].exports;
}

/** A property whose name is also written as a string may be looked up by it. */
const wordsIn = (code) => [...code.matchAll(/"([A-Za-z_$][\w$]*)"/g)].map(([, word]) => word);

async function squeeze(code, options) {
  const { code: squeezed } = await minify(code, { toplevel: true, ...options });
  return squeezed;
}

const files = ({ outputFiles }) =>
  new Map(outputFiles.map(({ path, text }) => [path.slice(ROOT.length), text]));
