// The page in English: the measure for every other language.

import type { QualityReport, Reason } from "../../src/index.js";
import type { Fault, ShownState } from "../journal.js";

const states: Readonly<Record<ShownState, string>> = {
  disconnected: "Disconnected",
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  fallback: "Fallback",
  finished: "Finished",
};

const reasons: Readonly<Record<Reason, string>> = {
  asked: "Making the first attempt.",
  closed: "The link was closed. Restart it when you like.",
  finished: "The job has ended, and there is nothing left to follow.",
  rejected: "The server refused this link.",
  offline: "This device has no network. The link goes on by itself once it has.",
  network_restored: "The network is back. Trying again.",
  welcomed: "Live over WebSocket.",
  lost: "The connection broke. Trying again.",
  heartbeat_timeout: "Nothing was heard for too long. Trying again.",
  connect_timeout: "No answer in time. Trying again.",
  unreachable: "The server can't be reached. Trying again.",
  server_asked: "The server asked to come back in a moment.",
  websocket_blocked: "WebSocket doesn't get through. Polling for events instead.",
};

const faults: Readonly<Record<Fault, string>> = {
  cut: "Network cut",
  blocked: "WebSocket blocked",
  stalled: "Connection frozen",
  crashed: "Crash",
  reloaded: "Page reloaded",
};

/** The same where there is little room. */
const strikes: Readonly<Record<Fault, string>> = {
  cut: "Cut",
  blocked: "Blocked",
  stalled: "Frozen",
  crashed: "Crash",
  reloaded: "Reload",
};

const grades: Readonly<Record<QualityReport["grade"], string>> = {
  unknown: "Not known yet",
  bad: "Bad",
  poor: "Poor",
  fair: "Fair",
  good: "Good",
  excellent: "Excellent",
};

const parts: Readonly<Record<NonNullable<QualityReport["reason"]>, string>> = {
  delay: "Answers take long.",
  loss: "Some heartbeats went unanswered.",
  disconnects: "The connection was lost not long ago.",
  outage: "For some of the last ten minutes nothing came live.",
  delivery: "Events arrive late.",
};

const partNames: Readonly<Record<NonNullable<QualityReport["reason"]>, string>> = {
  delay: "Slow answers",
  loss: "Unanswered heartbeats",
  disconnects: "Lost connections",
  outage: "Time without live events",
  delivery: "Late events",
};

const checks: Readonly<Record<string, string>> = {
  power: "Power",
  storage: "Storage",
  memory: "Memory",
  network: "Network",
  sensors: "Sensors",
  software: "Software",
};

const some = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`;

export const en = {
  states,
  reasons,
  faults,
  strikes,
  grades,
  parts,
  partNames,
  checks,

  title: "Break the connection. Lose nothing.",
  lead:
    "Start a job on the server, then cut it off from this page. " +
    "Every event still arrives: once, and in order.",
  stateTitle: "State of the link",
  unnoticed: "You keep everything from getting through. The link has not noticed yet.",
  pollsUnanswered: "WebSocket doesn't get through, and polls get no answer either.",
  quality: "Quality",
  nextAttempt: (seconds: number) => `Next attempt in ${seconds} s`,
  nextSocket: (seconds: number) => `Tries WebSocket again in ${seconds} s`,
  colours: "Colours of the states",
  coloursStandard: "Standard",
  coloursClassic: "Classic",

  jobTitle: "The job",
  duration: "How long it takes",
  short: "30 s",
  medium: "1 min",
  long: "5 min",
  start: "Start a job",
  startAnother: "Start another",
  jobEmpty: "Nothing runs yet. A job checks an imagined device and tells this page how far it is.",
  waiting: "Waiting for the first event…",
  step: (number: number, of: number, check: string) => `Step ${number} of ${of}: ${check}`,
  jobDone: "All steps done",
  result: (warnings: string[]) =>
    warnings.length ? `Done. Look at: ${warnings.join(", ")}.` : "Done. All is well.",
  failed: "The job could not be started.",
  full: "As many jobs run as may at once. Wait until one ends.",
  unreachable: "The server did not answer. Is it still running?",
  done: "done",
  warned: "needs a look",
  current: "running",
  pending: "waiting",

  breakTitle: "Break it",
  cut: "Cut the network",
  cutWhy: "Everything vanishes without a word, as in a lift.",
  block: "Block WebSocket",
  blockWhy:
    "Only plain HTTP gets through, as behind some proxies. For everybody on this server.",
  stall: "Freeze the connection",
  stallWhy: "It stays open, but nothing moves until you release it.",
  crash: "Crash the connection",
  crashWhy: "A crash ends the socket without a goodbye.",
  close: "Close the link",
  restart: "Restart the link",
  restartWhy: "A closed link stays so until you restart it.",

  timelineTitle: "What happened",
  timelineHint:
    "Each line is an event, from when it was sent to when it arrived. " +
    "Hollow dots are outdated updates that a newer one replaced.",
  rowFaults: "You did",
  rowSent: "Sent",
  rowGot: "Arrived",
  rowState: "State",
  now: "now",
  ago: (seconds: number) => `${seconds} s ago`,
  historyTitle: "As text",
  sum: (events: number, lateMs: string, states: string) =>
    `${some(events, "event", "events")}, the latest one by ${lateMs} s. ${states}`,
  lasted: (what: string, time: string) => `${what} for ${time}.`,
  began: (what: string) => `You: ${what}`,
  ended: (what: string) => `Over: ${what}`,

  points: (score: number) => `${score} of 100`,
  nothingAgainst: "No problems seen.",
  notEnough: "A few more heartbeats are needed to tell.",

  numbersTitle: "Statistics",
  availability: "available",
  realtime: "Live by WebSocket",
  downtime: "Downtime",
  reconnects: "Reconnects",
  outcome: (all: number, good: number, bad: number) => `${all} (${good} succeeded, ${bad} failed)`,
  seconds: (text: string) => `${text} s`,
  lastConnected: "Last connected",
  lastDisconnected: "Last disconnected",
  never: "never",
  unknown: "–",

  events: (count: number) => some(count, "event", "events"),
  inOrder: "each once, in order",
  outOfOrder: (doubled: number) => `${some(doubled, "is", "are")} out of order or doubled`,
  skipped: (count: number) =>
    `${some(count, "outdated update was", "outdated updates were")} left out, as the job allows.`,
  auditPending: "Checked against the server once the job has ended.",
  auditGood: "Checked against the server: nothing is missing.",
  auditBad: (offsets: string) => `Checked against the server. Missing: ${offsets}.`,
  auditFailed: "The server could not be asked whether this is all.",

  listTitle: "Events received",
  listHint: "Newest first.",
  eventsEmpty: "No event yet.",
  skippedRow: (from: number, to: number) =>
    `${from === to ? `${from} was` : `${from} to ${to} were`} outdated and left out`,
  gapRow: "Some events are gone from the server and can't be had any more",
  late: (seconds: string) => `${seconds} s late`,
  eventProgress: (percent: number) => `${percent}%`,
  eventCheck: (percent: number, check: string) => `${percent}%, begins: ${check}`,
  eventResult: (warnings: string[]) =>
    warnings.length ? `Needs a look: ${warnings.join(", ")}` : "All is well",
  eventComplete: "The end",

  terminal: "The same from a terminal:",
};
