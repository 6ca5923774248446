// What is shipped, as far as that goes without an engine, a cluster or a runner: the steps of the
// image, the Debian package, the manifests, the workflow, and the npm package in a project of Vite.
// `make packages` runs this.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "./free_port.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BINARY = process.env.SERVER_BINARY ?? join(ROOT, "target/debug/steadfast");
const TOOLS = join(ROOT, "target/packages");
const VITE = "vite@8.3.8";
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "steadfast-packages-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const python = (...args) =>
  run("python3", args, { cwd: ROOT, env: { ...process.env, PYTHONPATH: TOOLS } });

/** The instructions of the image that is kept: the last stage. */
function image() {
  const text = readFileSync(join(ROOT, "deploy/Dockerfile"), "utf8").replace(/\\\n/g, " ");
  const stage = text.slice(text.lastIndexOf("\nFROM "));
  return stage.split("\n").flatMap((line) => {
    const [, name, rest] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    return name ? [[name, rest]] : [];
  });
}

test("the image runs as nobody, says what it lacks, is healthy, and drains", async () => {
  const steps = image();
  const of = (name) => steps.filter(([found]) => found === name).map(([, rest]) => rest);
  assert.match(of("USER")[0], /^[1-9]\d*$/);
  assert.deepEqual(of("VOLUME"), ["/var/lib/steadfast"]);
  assert.deepEqual(of("STOPSIGNAL"), ["SIGTERM"]);
  for (const copied of of("COPY").filter((rest) => !rest.startsWith("--"))) {
    const sources = copied.split(" ").slice(0, -1);
    assert.deepEqual(sources.filter((from) => !existsSync(join(ROOT, from))), []);
  }
  const [clients, backends] = [await freePort(), await freePort()];
  const moved = (text) => text.replaceAll("8080", clients).replaceAll("8081", backends);
  const env = Object.fromEntries(of("ENV")[0].split(" ").map((pair) => moved(pair).split("=")));
  assert.deepEqual(Object.values(env), [`0.0.0.0:${clients}`, `0.0.0.0:${backends}`]);
  const command = JSON.parse(of("CMD")[0]).map((arg) => arg.replace("/var/lib/steadfast", folder));
  const health = JSON.parse(moved(of("HEALTHCHECK")[0].replace(/^.* CMD /, "")));
  assert.deepEqual([JSON.parse(of("ENTRYPOINT")[0]), health[0]], [["steadfast"], "steadfast"]);

  const lacking = await run(BINARY, command, { cwd: folder, env }).catch((error) => error);
  assert.equal(lacking.code, 1);
  assert.match(lacking.stderr, /internal\.key[^]*hs256_key|hs256_key[^]*internal\.key/);

  env.STEADFAST_AUTH__HS256_KEY = "k".repeat(32);
  env.STEADFAST_INTERNAL__KEY = "b".repeat(16);
  const node = spawn(BINARY, command, { cwd: folder, env, stdio: "ignore" });
  const ended = once(node, "exit");
  try {
    const asks = () => run(BINARY, health.slice(1), { env: {} }).then(() => true, () => false);
    const late = Date.now() + 30_000;
    while (!(await asks())) assert.ok(Date.now() < late, "the node did not become healthy");
    node.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
    assert.equal(await asks(), false);
  } finally {
    node.kill("SIGKILL");
  }
});

test("the Debian package has what a node needs, and its configuration is good", async () => {
  const env = { ...process.env, DPKG_DEB_COMPRESSOR_TYPE: "none" };
  const { stdout } = await run(join(ROOT, "deploy/debian/build.sh"), [BINARY, folder], { env });
  const tree = join(folder, "tree");
  await run("dpkg-deb", ["--raw-extract", stdout.trim(), tree]);
  for (const path of [
    "usr/lib/systemd/system/steadfast.service",
    "usr/lib/systemd/system/steadfast-public.socket",
    "usr/lib/sysusers.d/steadfast.conf",
    "usr/share/man/man1/steadfast-serve.1.gz",
    "usr/share/bash-completion/completions/steadfast",
    "usr/share/doc/steadfast/copyright",
  ]) {
    assert.ok(existsSync(join(tree, path)), path);
  }
  const unit = readFileSync(join(tree, "usr/lib/systemd/system/steadfast.service"), "utf8");
  const starts = "ExecStart=/usr/bin/steadfast serve --config /etc/steadfast/steadfast.toml";
  assert.ok(unit.split("\n").includes(starts));
  for (const script of ["postinst", "prerm", "postrm"]) {
    await run("sh", ["-n", join(tree, "DEBIAN", script)]);
  }
  const [binary, etc] = [join(tree, "usr/bin/steadfast"), join(tree, "etc/steadfast")];
  for (const key of ["token.key", "backend.key"]) {
    const made = await run(binary, ["token", "--new-key"]);
    writeFileSync(join(etc, key), made.stdout, { mode: 0o640 });
  }
  const settings = { STEADFAST_DATA_DIR: join(folder, "events") };
  await run(binary, ["check", "--config", join(etc, "steadfast.toml")], { env: settings });
});

test("the manifests fit Kubernetes, and the node takes their settings", async () => {
  const manifests = "deploy/kubernetes/steadfast.yaml";
  await python(join(TOOLS, "bin/kubernetes-validate"), "--strict", manifests);
  const load = "list(yaml.safe_load_all(open(sys.argv[1])))";
  const read = `import json, sys, yaml; print(json.dumps(${load}))`;
  const all = JSON.parse((await python("-c", read, manifests)).stdout);
  const of = (kind) => all.find((one) => one.kind === kind);
  const toml = of("ConfigMap").data["steadfast.toml"];
  const pod = of("Deployment").spec.template.spec;
  const [node] = pod.containers;
  assert.equal(node.livenessProbe.httpGet.path, "/livez");
  assert.equal(node.readinessProbe.httpGet.path, "/readyz");
  const { stdout } = await run(BINARY, ["config", "--example"]);
  const drain = Number(/^deadline_ms = ([\d_]+)$/m.exec(stdout)[1].replaceAll("_", "")) / 1000;
  assert.ok(pod.terminationGracePeriodSeconds > node.lifecycle.preStop.sleep.seconds + drain + 3);

  const keys = join(folder, "keys");
  mkdirSync(keys);
  writeFileSync(join(keys, "token.key"), "k".repeat(32), { mode: 0o600 });
  writeFileSync(join(keys, "backend.key"), "b".repeat(32), { mode: 0o600 });
  const moved = toml.replaceAll("/etc/steadfast/keys", keys);
  assert.notEqual(moved, toml);
  writeFileSync(join(folder, "kubernetes.toml"), moved);
  await run(BINARY, ["check", "--config", join(folder, "kubernetes.toml")], { env: {} });
});

test("the workflow that makes a release is one", async () => {
  const schema = ["--builtin-schema", "vendor.github-workflows"];
  await python("-m", "check_jsonschema", ...schema, ".github/workflows/release.yml");
});

test("the npm package works in an empty project of Vite", { timeout: 180_000 }, async () => {
  const js = join(ROOT, "clients/js");
  const packed = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: js });
  const [{ filename, files }] = JSON.parse(packed.stdout);
  const paths = files.map((file) => file.path);
  for (const path of ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "dist/index.js"]) {
    assert.ok(paths.includes(path), path);
  }
  for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) {
    assert.deepEqual(readFileSync(join(js, licence)), readFileSync(join(ROOT, licence)));
  }
  assert.ok(!paths.some((path) => /^(src|test|page|build)/.test(path)), paths.join());
  const project = join(folder, "project");
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{"name":"project","private":true,"type":"module"}');
  const page = '<!doctype html><script type="module" src="main.js"></script>';
  writeFileSync(join(project, "index.html"), page);
  writeFileSync(
    join(project, "main.js"),
    'import { connect } from "steadfast";\nconnect({ url: "/" }).subscribe("demo:1");\n',
  );
  const quiet = ["--no-audit", "--no-fund", "--loglevel", "error"];
  await run("npm", ["install", ...quiet, VITE, join(folder, filename)], { cwd: project });
  await run("npx", ["vite", "build"], { cwd: project });
  const built = readFileSync(join(project, "dist/index.html"), "utf8");
  const [, script] = /src="\/(assets\/[^"]+\.js)"/.exec(built);
  assert.ok(readFileSync(join(project, "dist", script), "utf8").includes("SteadfastError"));
  const entries = "import('steadfast/node').then((all) => console.log(typeof all.connect))";
  const { stdout } = await run(process.execPath, ["--eval", entries], { cwd: project });
  assert.equal(stdout.trim(), "function");
});
