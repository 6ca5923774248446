// Every scenario with no more parts of a link than it is about: those of the core on the core
// alone. What the missing parts would have told, or put into heartbeats, is not expected.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Link } from "../src/link/coordinator.js";
import type { Output } from "../src/link/output.js";
import { ALL } from "../src/parts/all.js";
import type { Parts } from "../src/parts/parts.js";
import {
  type Scenario,
  type Step,
  readJson,
  runScenario,
  scenarioPaths,
} from "./conformance/scenario.js";

type Name = keyof Parts;

/** The parts that the scenarios of a folder are about. */
const FOLDERS: Readonly<Record<string, readonly Name[]>> = {
  messages: ["messages"],
  publish: ["publishing"],
};

/** In those folders: what comes out without a word to people. */
const SILENT = ["an_operator_stopped_it", "refused_is_told", "replaced_is_told"];

/** Scenarios that need more than those of their folder, by the part that they need. */
const MORE: Readonly<Partial<Record<Name, readonly string[]>>> = {
  // Polling begins with the second attempt that was blocked, and not by effort or number.
  networks: `
    fallback/a_blocked_websocket_is_polled_around fallback/a_channel_comes_while_a_poll_waits
    fallback/a_cut_path_is_no_flap fallback/a_gap_in_an_answer
    fallback/a_gap_within_an_epoch_is_retention fallback/a_known_network_begins_with_polls
    fallback/a_known_network_without_http fallback/a_late_answer_leads_nowhere
    fallback/a_leaving_endpoint_is_polled_no_more fallback/a_network_that_lets_through_is_cleared
    fallback/a_path_that_swallows_polls_of_many_channels fallback/a_poll_is_refused
    fallback/a_poll_may_find_a_token_too_old fallback/a_poll_wants_a_token
    fallback/a_session_lost_while_joining fallback/a_token_expires_on_the_way_back
    fallback/an_endpoint_that_fails_is_left_for_another
    fallback/an_older_server_is_polled_channel_by_channel fallback/finished_by_a_poll
    fallback/now_by_polling fallback/offline_ends_polling fallback/one_entry_of_a_poll_is_refused
    fallback/polls_are_paced fallback/polls_that_fail_end_it
    fallback/returns_that_die_are_held_back fallback/silence_for_twenty_seconds_is_proof_enough
    fallback/sleep_is_no_silence fallback/somebody_asks_to_try_now
    fallback/the_way_back_loses_nothing fallback/twelve_channels_are_one_poll
    fallback/unsubscribed_while_joining fallback/websocket_goes_on_being_tried
    messages/a_poll_that_got_lost_is_no_stall messages/one_channel_answered_is_no_stall
    messages/polling_behind_an_outage_is_no_verdict messages/polling_is_told_once_it_lasts
    messages/polls_that_never_got_through_are_no_polling
    messages/polls_that_stall_are_reconnecting publish/waits_while_polling
    token/a_refused_token_races_nobody`.trim().split(/\s+/),
  racing: `
    fallback/a_leaving_endpoint_is_polled_no_more
    fallback/an_endpoint_that_fails_is_left_for_another
    reconnect/a_busy_endpoint_is_left_for_another
    reconnect/a_failed_endpoint_makes_way_at_once reconnect/a_place_the_server_named_has_no_rival
    reconnect/another_endpoint_is_raced reconnect/the_first_endpoint_may_still_win
    token/a_refused_token_races_nobody`.trim().split(/\s+/),
  quality: ["messages/a_poor_network_is_told_after_a_while"],
};

const partsOf = (names: readonly Name[]): Parts =>
  Object.fromEntries(names.map((name) => [name, ALL[name]]));

function needs(path: string): Name[] {
  const [, folder = "", name = ""] = /^link\/(.*)\/(.*)\.json$/.exec(path)!;
  const own = SILENT.includes(name) ? [] : (FOLDERS[folder] ?? []);
  const more = Object.entries(MORE).filter(([, all]) => all.includes(`${folder}/${name}`));
  return [...own, ...more.map(([part]) => part as Name)];
}

/** The scenario as a link with these parts is to play it. */
function without(scenario: Scenario, parts: Parts): Scenario {
  const isStatsTold = parts.quality && parts.statistics;
  const told = (output: unknown): unknown[] => {
    const { kind } = output as Output;
    if (kind === "quality" && !parts.quality) return [];
    if (kind === "message" && !parts.messages) return [];
    const { frame } = output as { frame?: { stats?: unknown } };
    if (!frame?.stats || isStatsTold) return [output];
    const { stats: _, ...rest } = frame;
    return [{ ...(output as object), frame: rest }];
  };
  const play = (step: Step): Step => ({ ...step, expect: step.expect.flatMap(told) });
  return { ...scenario, steps: scenario.steps.map(play) };
}

function problem(path: string, names: readonly Name[]): string | undefined {
  const parts = partsOf(names);
  const scenario = without(readJson(path) as Scenario, parts);
  return runScenario(scenario, {}, (config) => new Link(config, parts));
}

test("every scenario is played by the parts that it is about", () => {
  let alone = 0;
  for (const path of scenarioPaths()) {
    const names = needs(path);
    assert.equal(problem(path, names), undefined, `${path} with ${names}`);
    if (!names.length) alone++;
  }
  assert.ok(alone >= 120, `${alone} on the core alone`);
});

test("no scenario is given a part that it does not need", () => {
  for (const path of scenarioPaths()) {
    const names = needs(path);
    for (const left of names) {
      const others = names.filter((name) => name !== left);
      assert.ok(problem(path, others), `${path} does not need ${left}`);
    }
  }
});

test("each part alone does no harm to what the core does", () => {
  const core = scenarioPaths().filter((path) => !needs(path).length);
  // With these a link behaves otherwise; with the others it tells more.
  for (const name of ["messages", "publishing", "quality", "statistics"] as const) {
    for (const path of core) assert.equal(problem(path, [name]), undefined, `${path} with ${name}`);
  }
});
