// The dashboard: signs in, shows the part that the address names, and reads it anew every two
// seconds. In: what the visitor does, what the server answers. Out: everything in sight.

import { Api, ApiError } from "./api.js";
import type { App, Question, Role, View } from "./app.js";
import { make } from "./dom.js";
import { clock } from "./format.js";
import type { KeyInfo, Stats } from "./model.js";
import { Pace } from "./pace.js";
import { type Route, routeOf } from "./route.js";
import { Samples } from "./samples.js";
import * as settings from "./settings.js";
import { ChannelView } from "./view/channel.js";
import { Channels } from "./view/channels.js";
import { ConnectionView } from "./view/connection.js";
import { Connections } from "./view/connections.js";
import { confirm } from "./view/dialog.js";
import { Frame, THEMES, type Theme } from "./view/frame.js";
import { Nodes } from "./view/nodes.js";
import { Overview, readingOf } from "./view/overview.js";
import { signIn } from "./view/sign_in.js";
import { type Language, type Words, fill, preferredLanguage, wordsOf } from "./words.js";

/** How far back charts go, and how many readings they have at most. */
const SPAN_MS = 3_600_000;
const SAMPLES_MAX = 1_800;
/** How long what came of an action is said. */
const MESSAGE_MS = 6_000;

class Dashboard implements App {
  api = new Api(settings.key.read());
  key: KeyInfo = { name: null, roles: [], channels: null, dev: false };
  stats: Stats | null = null;
  readonly samples = new Samples(SPAN_MS, SAMPLES_MAX);
  language: Language;
  words: Words;
  private theme: Theme;
  private frame!: Frame;
  private view: View | null = null;
  private isSignedIn = false;
  private readAt: number | null = null;
  private messageTimer = 0;
  private readonly pace = new Pace(
    () => this.refresh(),
    (seconds) => this.showLost(seconds),
  );

  constructor(private readonly root: HTMLElement) {
    this.language = preferredLanguage(settings.setting("language").read(), navigator.languages);
    this.words = wordsOf(this.language);
    const theme = settings.setting("theme").read();
    this.theme = THEMES.find((one) => one === theme) ?? "auto";
    addEventListener("hashchange", () => this.open(true));
    addEventListener("keydown", (event) => this.onKey(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.restyle());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.pace.now();
    });
  }

  /** The server tells dates, and this clock may be another one. */
  readonly now = (): number => Date.now() + this.offsetMs;
  private offsetMs = 0;

  can(role: Role): boolean {
    return this.key.roles.includes(role);
  }

  async start(): Promise<void> {
    this.draw();
    const wrong = await this.enter(settings.key.read());
    if (!this.isSignedIn) this.askForKey(settings.key.read() === null ? "" : wrong);
  }

  async act(
    question: Question | null,
    action: () => Promise<void>,
    done = this.words.done,
  ): Promise<boolean> {
    if (question && !(await confirm(this.words, question))) return false;
    try {
      await action();
      this.say(done, true);
      this.pace.now();
      return true;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.say(fill(this.words.failed, { detail }), false);
      return false;
    }
  }

  /** Takes a key; what is wrong with it, or nothing. */
  private async enter(key: string | null): Promise<string> {
    const api = new Api(key);
    const { words } = this;
    try {
      const info = await api.self();
      if (!info.roles.includes("read")) return words.noRole;
      if (info.channels !== null) return words.channelKey;
      settings.key.write(info.dev ? null : key);
      [this.api, this.key, this.isSignedIn] = [api, info, true];
    } catch (error) {
      if (error instanceof ApiError && error.isKey) return words.wrongKey;
      if (error instanceof ApiError && !error.isLost) return error.message;
      return words.lostBefore;
    }
    this.draw();
    this.open(false);
    this.pace.start();
    return "";
  }

  private signOut(problem: string): void {
    settings.key.write(null);
    this.pace.stop();
    [this.api, this.isSignedIn, this.stats] = [new Api(null), false, null];
    this.samples.clear();
    this.draw();
    this.askForKey(problem);
  }

  private askForKey(problem: string): void {
    const form = signIn(this.words, problem, (key) => this.enter(key));
    this.frame.place.replaceChildren(form);
    form.querySelector("input")?.focus();
  }

  /** The frame, in the language and the colours of now. */
  private draw(): void {
    document.documentElement.lang = this.language;
    document.documentElement.dataset["theme"] = this.theme;
    const { language, theme } = this;
    this.frame = new Frame(
      this.root,
      this.words,
      this.isSignedIn ? this.key : null,
      { language, theme },
      {
        language: (chosen) => this.choose(chosen),
        theme: (chosen) => this.paint(chosen),
        signOut: () => this.signOut(""),
        retry: () => this.pace.now(),
      },
    );
    if (this.stats) this.frame.showNode(this.stats, this.words);
  }

  private choose(language: Language): void {
    settings.setting("language").write(language);
    [this.language, this.words] = [language, wordsOf(language)];
    this.draw();
    document.getElementById("language")?.focus();
    if (this.isSignedIn) this.open(false);
    else this.askForKey("");
  }

  private paint(theme: Theme): void {
    settings.setting("theme").write(theme);
    this.theme = theme;
    document.documentElement.dataset["theme"] = theme;
    this.restyle();
  }

  private restyle(): void {
    this.view?.restyle?.();
  }

  /** Shows the part that the address names. */
  private open(isMove: boolean): void {
    if (!this.isSignedIn) return;
    const route = routeOf(location.hash);
    this.view?.close?.();
    this.say("", true);
    this.view = this.viewOf(route);
    this.frame.show(route);
    this.frame.place.replaceChildren(this.view.element);
    this.view.preview?.();
    let heading = this.view.element.querySelector("h1");
    if (!heading) {
      heading = make("h1", { class: "unseen" }, this.words[route.page]) as HTMLHeadingElement;
      this.frame.place.prepend(heading);
    }
    document.title = `${heading.textContent} · Steadfast`;
    if (isMove) {
      this.frame.place.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    this.pace.now();
  }

  private viewOf(route: Route): View {
    const go = (fragment: string): void => {
      location.hash = fragment;
    };
    switch (route.page) {
      case "overview":
        return new Overview(this);
      case "connections":
        return new Connections(this, route.filters, go);
      case "connection":
        return new ConnectionView(this, route.id);
      case "channels":
        return new Channels(this, go);
      case "channel":
        return new ChannelView(this, route.name);
      case "nodes":
        return new Nodes(this);
    }
  }

  /** Reads statistics and view once. False where the server cannot be reached. */
  private async refresh(): Promise<boolean> {
    try {
      const { view } = this;
      const asked = Date.now();
      const stats = await this.api.stats();
      const started = Date.parse(stats.started_at) + stats.uptime_seconds * 1000;
      // Uptime is told in whole seconds: only a clock that is off by more is corrected.
      const offset = started - (asked + Date.now()) / 2;
      this.offsetMs = Math.abs(offset) > 2_000 ? offset : 0;
      this.stats = stats;
      this.samples.add(readingOf(stats, Date.now()));
      this.frame.showNode(stats, this.words);
      await view?.refresh();
      this.readAt = Date.now();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.isKey) this.signOut(this.words.wrongKey);
      else if (error.isLost) return false;
      else this.say(fill(this.words.failed, { detail: error.message }), false);
      return true;
    }
  }

  private showLost(seconds: number | null): void {
    const { words, language, readAt } = this;
    if (seconds === null) return this.frame.showLost(null);
    const time = readAt === null ? null : clock(readAt, language);
    const what = time === null ? words.lostBefore : fill(words.lost, { time });
    this.frame.showLost(`${what} ${fill(words.retryIn, { seconds })}`);
  }

  private say(text: string, isGood: boolean): void {
    this.frame.say(text, isGood);
    clearTimeout(this.messageTimer);
    if (isGood) this.messageTimer = window.setTimeout(() => this.frame.say("", true), MESSAGE_MS);
  }

  /** `/` leads to the search, unless something is typed. */
  private onKey(event: KeyboardEvent): void {
    const { target } = event;
    const isTyping = target instanceof Element && target.matches("input, select, textarea");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const search = document.getElementById("search-for");
    if (!search) return;
    event.preventDefault();
    search.focus();
  }
}

const root = document.getElementById("app");
if (root) void new Dashboard(root).start();
