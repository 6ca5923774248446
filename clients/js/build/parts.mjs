// What the one file is made of. In: the bundle for a script tag, with its map. Out: for each part
// of the sources its bytes in the file, and its share of the file once zipped.

import { SourceMap } from "node:module";

/** Sources by how their paths begin; the first that fits counts. */
const PARTS = [
  ["what people are told: codes, when, how loudly", "link/message", "link/link/telling"],
  ["quality: score, grade, reasons", "link/quality", "link/gauge", "link/link/gauge"],
  ["publishing from a link", "link/publishing", "link/link/publishes", "publish"],
  ["when a peer counts as dead", "link/heartbeat", "link/rtt", "link/session"],
  ["channels, positions, gaps", "link/subscription", "link/channels", "link/link/frame"],
  ["polling: what speaks for it, the way back", ...inLink("effort memory poll flaps link/polls")],
  ["attempts: pauses, budget, endpoints", ...inLink("backoff endpoints dialling link/attempt")],
  ["ends: what follows each, successors", ...inLink("end link/end link/plan link/successor")],
  ["states, inputs, settings, statistics, tokens", "link/", "machine/"],
  ["frames: what a server may say", "protocol/"],
  ["what an app holds: client, subscriptions", "client", "subscription", "notices", "index"],
  ["a browser: sockets, requests, what a page tells", "transport/", "lifecycle/", "network_io"],
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
