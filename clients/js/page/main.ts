// The page: puts link, faults, server and views together. In: what the visitor does, what the link
// tells. Out: everything in sight. The job is named in the address, so that a reload keeps it.

import { browser } from "../src/transport/browser.js";
import { missing } from "./audit.js";
import { choose, chosen } from "./choices.js";
import { Faults } from "./faults.js";
import { Journal } from "./journal.js";
import * as server from "./server.js";
import { listen, showControls } from "./view/controls.js";
import { by, put } from "./view/dom.js";
import { type Audit, showEvents } from "./view/events.js";
import { showHistory } from "./view/history.js";
import { showGrade, showState } from "./view/indicator.js";
import { showJob } from "./view/job.js";
import { showNotice } from "./view/notice.js";
import { showQuality, showStatistics } from "./view/numbers.js";
import { showTimeline } from "./view/timeline.js";
import { Watch } from "./watch.js";
import type { Language } from "./words.js";
import { LANGUAGES, preferredLanguage, rememberLanguage, translate, wordsOf } from "./words.js";

/** The client as pages get it: the whole of it in one file, by a script tag before this one. */
declare const Steadfast: typeof import("../src/index.js");

/** Where the journal is kept over a reload. */
const KEY = "steadfast-page";
/** How often figures are drawn anew when nothing happens. */
const FIGURES_EVERY_MS = 500;
/** How often the picture moves on; slower for those who want stillness. */
const PICTURE_EVERY_MS = 80;
const CALM_EVERY_MS = 1_000;

const now = (): number => Date.now();
const faults = new Faults(browser);
const journal = Journal.of(stored(), now());
const options = { url: location.origin, transport: faults };
const watch = new Watch(Steadfast.connect, options, journal, changed, now);
/** The colours that states can have: ours, and those of the report that this grew from. */
const COLOURS = ["standard", "classic"] as const;
let language: Language = preferredLanguage();
let colours: string = chosen("colours", COLOURS) ?? "standard";
let [isBlocked, isStarting, isDrawing] = [false, false, false];
let problem: "failed" | "full" | "unreachable" | null = null;
let audit: Audit;
let audited: string | null = null;

function stored(): unknown {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}

function keep(): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(journal.record(now())));
  } catch {
    // Full, or forbidden: a reload begins with an empty list.
  }
}

/** Something is new: it is kept at once, and drawn soon. */
function changed(): void {
  keep();
  refresh();
}

/** Draws all but the picture with the next frame. */
function refresh(): void {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(show);
}

function show(): void {
  isDrawing = false;
  const words = wordsOf(language);
  const last = journal.states.at(-1) ?? { state: "disconnected", reason: "closed" };
  const isBroken = faults.isCut || faults.isStalled;
  showState(words, last, watch.notice, watch.nextAttemptInMs(), isBroken);
  showGrade(words, watch.quality());
  showJob(words, journal);
  put(by("problem"), problem ? words[problem] : "");
  const reload = (): void => location.reload();
  showNotice(watch.notice, language, { reload, retry, use_here: restart });
  const { isCut, isStalled, hasSocket: isBreakable } = faults;
  const { isLinked } = watch;
  const switches = { isCut, isStalled, isBlocked, isLinked, isBreakable, isStarting };
  showControls(words, language, colours, switches);
  showQuality(words, watch.quality());
  showStatistics(words, language, watch.statistics(), watch.watchedMs());
  showEvents(words, language, journal, audit);
  showHistory(words, language, journal, now());
  void check();
}

/** Asks the server, once a job has ended, whether that was all. */
async function check(): Promise<void> {
  const { channel, isFinished } = journal;
  if (!isFinished || channel === null) audit = undefined;
  if (audited === channel || !isFinished || channel === null) return;
  audited = channel;
  const result = await server.kept(channel).then(
    (kept) => missing(journal.events(), kept),
    () => "failed" as const,
  );
  if (journal.channel !== channel) return;
  audit = result;
  changed();
}

const retry = (): void => watch.retry();

function restart(): void {
  watch.close();
  watch.open();
}

async function start(durationMs: number): Promise<void> {
  isStarting = true;
  problem = null;
  changed();
  try {
    location.hash = await server.startJob(durationMs);
  } catch (error) {
    const status = error instanceof server.Refused ? error.status : 0;
    problem = status === 503 ? "full" : status === 0 ? "unreachable" : "failed";
  }
  isStarting = false;
  changed();
}

async function block(isOn: boolean): Promise<void> {
  try {
    await server.block(isOn);
    problem = null;
  } catch {
    problem = "unreachable";
  }
  await lookAtBlock();
}

/** Another page may have blocked it, or this one before it was loaded anew. */
async function lookAtBlock(): Promise<void> {
  isBlocked = await server.isBlocked().catch(() => isBlocked);
  journal.mark("blocked", isBlocked, now());
  changed();
}

function fromAddress(): void {
  const channel = decodeURIComponent(location.hash.slice(1)) || null;
  if (channel !== journal.channel) watch.follow(channel);
}

function speak(wanted: string): void {
  language = LANGUAGES.find((one) => one === wanted) ?? language;
  document.documentElement.lang = language;
  translate(document, wordsOf(language));
  changed();
}

function colour(wanted: string): void {
  colours = COLOURS.find((one) => one === wanted) ?? colours;
  document.documentElement.dataset["colours"] = colours;
  changed();
}

/** Moves the picture on as long as somebody looks. */
function animate(): void {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
  let drawnAt = 0;
  const frame = (at: number): void => {
    if (at - drawnAt >= (isCalm.matches ? CALM_EVERY_MS : PICTURE_EVERY_MS)) {
      drawnAt = at;
      showTimeline(wordsOf(language), journal, now());
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

listen({
  start: (durationMs) => void start(durationMs),
  block: (isOn) => void block(isOn),
  cut: (isOn) => {
    faults.cut(isOn);
    journal.mark("cut", isOn, now());
    changed();
  },
  stall: (isOn) => {
    journal.mark("stalled", isOn, now());
    faults.stall(isOn);
    changed();
  },
  crash: () => {
    journal.strike("crashed", now());
    faults.crash();
    changed();
  },
  restart: () => {
    if (watch.isLinked) watch.close();
    else watch.open();
  },
  speak: (wanted) => {
    speak(wanted);
    rememberLanguage(language);
  },
  colour: (wanted) => {
    colour(wanted);
    choose("colours", colours);
  },
});
addEventListener("hashchange", fromAddress);
addEventListener("pagehide", keep);
document.addEventListener("visibilitychange", () => {
  keep();
  if (!document.hidden) void lookAtBlock();
});
setInterval(refresh, FIGURES_EVERY_MS);
speak(language);
colour(colours);
fromAddress();
watch.open();
void lookAtBlock();
animate();
