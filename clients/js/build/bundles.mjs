// What is built, and how. In: the sources. Out: texts of bundles by their paths. Writes nothing.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";
import { ENTRIES, PLUGINS } from "./entries.mjs";
import { reservedNames } from "./reserved.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** What a mini-program requires; `index` and `wechat` are the same there. */
const MINI_ENTRIES = ["wechat", "v2", "texts"];

const BASE = { absWorkingDir: ROOT, bundle: true, write: false, charset: "utf8" };

/** Modules for Node and bundlers: readable, their common parts in chunks. */
export async function modules() {
  const result = await build({
    ...BASE,
    entryPoints: [...ENTRIES, ...PLUGINS].map((name) => `src/${name}.ts`),
    outdir: "dist",
    format: "esm",
    target: "es2020",
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    external: ["node:*", "react", "vue"],
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
  const sources = new Map([["dist/steadfast.min.js", built.get("dist/steadfast.js")]]);
  const content = built.get("dist/steadfast.js.map");
  const small = await smallest(sources, { toplevel: true, sourceMap: isMapped && { content } });
  return new Map([...built, ...small]);
}

/**
 * For pages that load no more than they use: `core.min.js`, and a module for each plugin, which has
 * the core's short names and imports its class of errors. Other functions that two of them need,
 * which have no state of their own, are in both.
 */
export async function pageModules(isMapped = false) {
  const core = await pageModule("core", [], isMapped);
  const plugins = await Promise.all(PLUGINS.map((name) => pageModule(name, [shareErrors])));
  const built = new Map([core, ...plugins].flatMap((one) => [...one]));
  const sources = new Map([...built].filter(([path]) => path.endsWith(".js")));
  const content = built.get("dist/core.min.js.map");
  return smallest(sources, { module: true, sourceMap: isMapped && { content } });
}

async function pageModule(name, plugins, isMapped = false) {
  const options = { format: "esm", target: "es2020", sourcemap: isMapped && "external" };
  const entryPoints = [`src/${name}.ts`];
  return files(
    await build({ ...BASE, ...options, entryPoints, outfile: `dist/${name}.min.js`, plugins }),
  );
}

/** What `isSteadfastError` of the core says of an error is to be true of a plugin's, too. */
const shareErrors = {
  name: "share-errors",
  setup({ onResolve }) {
    const core = { path: "./core.min.js", external: true };
    onResolve({ filter: /\/errors\.js$/ }, () => core);
  },
};

/** Minifies scripts that are used together; a map is of the first. */
async function smallest(sources, { sourceMap, ...options }) {
  const all = [...sources.values()].join("\n");
  const reserved = [...reservedNames(), ...wordsIn(all)];
  const names = await shortNames([...sources.values()], reserved);
  const small = new Map();
  for (const [path, code] of sources) {
    const { code: mini, map } = await minify(code, {
      ...options,
      compress: SMALLEST,
      mangle: { properties: { reserved, keep_quoted: true } },
      nameCache: { props: { props: names } },
      ecma: 2020,
      sourceMap: small.size === 0 && sourceMap,
    });
    small.set(path, mini);
    if (map) small.set(`${path}.map`, map);
  }
  return small;
}

/**
 * New names for the properties of our own, in the form in which the minifier keeps them: the more
 * often one is used, the shorter its name, and the likelier its letters are in other code. No name
 * is that of a property that keeps its own.
 */
async function shortNames(codes, reserved) {
  const nameCache = {};
  const mangle = { properties: { reserved, keep_quoted: true } };
  const module = codes.length > 1;
  for (const code of codes) await minify(code, { module, compress: false, mangle, nameCache });
  const code = codes.join("\n");
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
  // A number of milliseconds that nobody uses.
  pure_funcs: ["seconds"],
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
