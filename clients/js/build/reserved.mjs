// The property names that a minifier must leave as they are. In: the sources. Out: names that apps
// or other programs see: those of the public API, of the wire and of what is stored. They are read
// off the types, so that nobody has to keep a list.

import { fileURLToPath } from "node:url";
import ts from "typescript";
import { PLUGINS } from "./entries.mjs";

/** Every type exported from here is an app's to see. */
const ENTRIES = ["index", "node", "wechat", "core", ...PLUGINS].map((name) => `src/${name}.ts`);
/** Types whose values leave the program otherwise: on the wire, and into storages. */
const OUTWARD = {
  "src/protocol/frame/client.ts": ["ClientFrame"],
  "src/protocol/frame/server.ts": ["ServerFrame"],
  "src/protocol/poll.ts": ["PollAnswer"],
  "src/storage.ts": ["Text", "Networks"],
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** All such names. */
export function reservedNames() {
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, ts.sys.readFile);
  const parsed = ts.parseJsonConfigFileContent({ ...config, include: ["src"] }, ts.sys, ROOT);
  const program = ts.createProgram(parsed.fileNames, parsed.options);
  const walk = new Walk(program);
  for (const file of ENTRIES) walk.visitModule(file, () => true);
  for (const [file, names] of Object.entries(OUTWARD)) {
    const found = walk.visitModule(file, (name) => names.includes(name));
    if (found !== names.length) throw new Error(`${file} does not export all of ${names}`);
  }
  return walk.names;
}

/** Goes through types to the properties of properties. */
class Walk {
  names = new Set();
  seen = new Set();

  constructor(program) {
    this.program = program;
    this.checker = program.getTypeChecker();
  }

  /** Visits the exports of a module that are wanted; says how many. */
  visitModule(file, isWanted) {
    const source = this.program.getSourceFile(ROOT + file);
    const module = this.checker.getSymbolAtLocation(source);
    const wanted = this.checker.getExportsOfModule(module).filter(({ name }) => isWanted(name));
    for (const symbol of wanted) {
      this.names.add(symbol.name);
      const own =
        symbol.flags & ts.SymbolFlags.Alias ? this.checker.getAliasedSymbol(symbol) : symbol;
      if (own.flags & ts.SymbolFlags.Type) this.visit(this.checker.getDeclaredTypeOfSymbol(own));
      if (own.flags & ts.SymbolFlags.Value) this.visit(this.checker.getTypeOfSymbol(own));
    }
    return wanted.length;
  }

  visit(type) {
    if (!type || this.seen.has(type)) return;
    this.seen.add(type);
    if (type.isUnionOrIntersection()) type.types.forEach((one) => this.visit(one));
    for (const one of this.checker.getTypeArguments?.(type) ?? []) this.visit(one);
    for (const signature of [...type.getCallSignatures(), ...type.getConstructSignatures()]) {
      this.visit(signature.getReturnType());
      signature.getParameters().forEach((parameter) => this.visitSymbol(parameter));
    }
    for (const property of type.getProperties()) this.visitProperty(property);
  }

  visitProperty(property) {
    const declarations = property.declarations ?? [];
    // What the language and the platform have is never mangled.
    if (!declarations.some((one) => this.isOurs(one)) || declarations.every(isInternal)) return;
    this.names.add(property.name);
    this.visitSymbol(property);
  }

  visitSymbol(symbol) {
    const [declaration] = symbol.declarations ?? [];
    if (declaration) this.visit(this.checker.getTypeOfSymbolAtLocation(symbol, declaration));
  }

  isOurs(declaration) {
    return declaration.getSourceFile().fileName.startsWith(`${ROOT}src/`);
  }
}

function isInternal(declaration) {
  const modifiers = ts.getCombinedModifierFlags(declaration);
  const isTagged = ts.getJSDocTags(declaration).some((tag) => tag.tagName.text === "internal");
  return isTagged || Boolean(modifiers & ts.ModifierFlags.Private);
}
