// Twin of crates/link/tests/conformance/scenario.rs. One scenario: read from its file and run
// against a link. In: a file of `conformance/link` or a trace. Out: what is not as it says.

import { readFileSync, readdirSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import type { Config } from "../../src/link/config.js";
import type { Input } from "../../src/link/input.js";
import { Link } from "../../src/link/coordinator.js";
import type { Output } from "../../src/link/output.js";
import { ALL } from "../../src/parts/all.js";
import { encodeClient, pollAnswer, serverFrame } from "../../src/protocol/codec/json.js";

/** A file of `conformance/link`. */
export interface Scenario {
  readonly name: string;
  readonly config?: Partial<Config>;
  readonly steps: readonly Step[];
}

/** What happens, and all that follows from it. */
export interface Step {
  /** Milliseconds since the start. */
  readonly at: number;
  /** Whether the device slept, so that this comes after the wake that was asked for. */
  readonly late?: boolean;
  readonly do: Input;
  readonly expect: readonly unknown[];
  readonly state: string;
  readonly wake: number | null;
}

/** What a runner needs of a link, whichever build it is from. */
export interface LinkLike {
  readonly state: string;
  handle(now: number, input: Input): void;
  poll(): Output | undefined;
  wake(): { readonly at: number } | undefined;
}

/** The folder that both languages read. */
export const ROOT = new URL("../../../../../conformance/", import.meta.url);

/** A file of it. */
export const readJson = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(name, ROOT), "utf8"));

export const defaults = readJson("defaults.json") as Config;

/** `link/FOLDER/BEHAVIOUR.json`, in order. */
export const scenarioPaths = (): string[] =>
  readdirSync(new URL("link/", ROOT)).flatMap((folder) =>
    readdirSync(new URL(`link/${folder}/`, ROOT)).map((file) => `link/${folder}/${file}`),
  );

/** Runs all steps; says what is first not as it should be. */
export function runScenario(
  scenario: Scenario,
  tuned: Partial<Config> = {},
  makeLink: (config: Config) => LinkLike = (config) => new Link(config, ALL),
): string | undefined {
  for (const name of Object.keys(scenario.config ?? {})) {
    if (!Object.hasOwn(defaults, name)) return `no setting is called ${name}`;
  }
  const link = makeLink({ ...defaults, ...scenario.config, ...tuned });
  let now = 0;
  for (const [index, step] of scenario.steps.entries()) {
    const problem = runStep(link, now, step);
    if (problem) return `step ${index + 1} at ${step.at}: ${problem}`;
    now = step.at;
  }
  return undefined;
}

function runStep(link: LinkLike, before: number, step: Step): string | undefined {
  const wake = link.wake()?.at ?? Infinity;
  if (!(step.at >= before) || step.at > wake !== (step.late ?? false)) {
    return `comes after ${before}, and a wake was asked for at ${wake}`;
  }
  const input = readInput(step.do);
  if (!input) return `cannot be read: ${JSON.stringify(step.do)}`;
  link.handle(step.at, input);
  const outputs = [];
  for (let output; (output = link.poll()); ) outputs.push(written(output));
  return (
    compare("outputs", step.expect, outputs) ??
    compare("state", step.state, link.state) ??
    compare("wake", step.wake, link.wake()?.at ?? null)
  );
}

/** What comes from a server is read as from the wire. */
function readInput(input: Input): Input | undefined {
  if (input.kind === "socket_frame") {
    const frame = serverFrame(JSON.stringify(input.frame));
    return frame ? { ...input, frame } : undefined;
  }
  if (input.kind === "polled" && input.answer) {
    const answer = pollAnswer(JSON.stringify(input.answer));
    return answer && { ...input, answer };
  }
  return input;
}

/** As it travels. */
function written(output: Output): unknown {
  if (output.kind !== "send") return JSON.parse(JSON.stringify(output));
  const { kind, socket } = output;
  return { kind, socket, frame: JSON.parse(encodeClient(output.frame)) };
}

function compare(what: string, expected: unknown, actual: unknown): string | undefined {
  if (isDeepStrictEqual(expected, actual)) return undefined;
  const texts = [expected, actual].map((value) => JSON.stringify(value));
  return `${what}\n  expected ${texts[0]}\n  but got  ${texts[1]}`;
}
