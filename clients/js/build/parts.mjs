// What the one file is made of. In: the bundle for a script tag, with its map. Out: for each part
// of the sources its bytes in the file, and its share of the file once zipped.

import { SourceMap } from "node:module";

const POLLING =
  "poller connector/fallback connector/network connector/evidence connector/return " +
  "coordinator/polls coordinator/fallback coordinator/return";
const ATTEMPTS = "backoff connector coordinator/attempt coordinator/dials";
const CLIENT = ["client", "core", "full_client", "index", "subscription", "notices", "plugin"];
const MESSAGES = ["link/message", "link/coordinator/user_messages", "messages"];
const BROWSER = ["transport/", "lifecycle/", "network_io", "page"];
const ENDS = "end coordinator/reconnect coordinator/planning coordinator/successor";

/** Sources by how their paths begin; the first that fits counts. */
const PARTS = [
  ["user messages: codes, when, how loudly", ...MESSAGES],
  ["quality: score, grade, reasons", ...inLink("quality coordinator/meas"), "quality"],
  ["publishing from a link", ...inLink("publisher pacer coordinator/publishes"), "publish"],
  ["when a peer counts as dead", "link/health"],
  ["channels, positions, gaps", ...inLink("subscription coordinator/frame")],
  ["polling: policy, return", ...inLink(POLLING)],
  ["attempts: pauses, budget", ...inLink(ATTEMPTS)],
  ["ends, successors", ...inLink(ENDS)],
  ["states, inputs, settings, statistics, tokens", "link/", "machine/", "parts/"],
  ["frames: what a server may say", "protocol/"],
  ["what an app holds: client, subscriptions", ...CLIENT],
  ["a browser: sockets, requests, what a page tells", ...BROWSER],
  ["storage, addresses, errors, clock, driver", ""],
];

/** Rows of a name, bytes in the file and bytes of the zipped file, the last in proportion. */
export function parts(code, map, zipped) {
  const bytes = new Map(PARTS.map(([name]) => [name, 0]));
  const sources = new SourceMap(JSON.parse(map));
  // The file is one line of ASCII: a column is a byte.
  for (let column = 0; column < code.length; column++) {
    const name = partOf(sources.findEntry(0, column).originalSource ?? "");
    bytes.set(name, bytes.get(name) + 1);
  }
  const share = zipped / code.length;
  return [...bytes].map(([name, count]) => [name, count, Math.round(count * share)]);
}

function partOf(source) {
  const path = source.replace(/^.*\bsrc\//, "");
  return PARTS.find(([, ...begins]) => begins.some((begin) => path.startsWith(begin)))[0];
}

function inLink(names) {
  return names.split(" ").map((name) => `link/${name}`);
}
