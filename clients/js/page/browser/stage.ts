// A real server and a real browser for each test. In: how the page is to be looked at. Out: the
// page, and what a person sees on it. Every wait is for something that is seen; both end with the
// test.

import type { BrowserContext, CDPSession, Page } from "playwright-core";
import { type Tab, openTab } from "./chromium.js";
import { serve } from "./serve.js";

/** How long anything may take that does come. */
export const PATIENCE_MS = 60_000;

/** How the page is looked at. */
export interface Look {
  width?: number;
  height?: number;
  locale?: string;
  colorScheme?: "light" | "dark";
}

/** An event as the server keeps it. */
export interface Kept {
  offset: number;
  event: string;
  data: { percent?: number; check?: string };
}

/** An event as the page lists it. */
export interface Row {
  offset: number;
  event: string;
}

export class Stage {
  private constructor(
    readonly url: string,
    readonly context: BrowserContext,
    readonly page: Page,
    readonly devtools: CDPSession,
    /** What the page's console complained about. */
    readonly complaints: string[],
    private readonly end: () => Promise<void>,
  ) {}

  /** Starts both, and opens the page. */
  static async open(look: Look = {}): Promise<Stage> {
    const ends: (() => Promise<void>)[] = [];
    const end = async (): Promise<void> => {
      for (const one of ends.splice(0)) await one();
    };
    try {
      const server = await serve(["--dev"]);
      ends.unshift(server.end);
      const tab = await openTab(look.locale ?? "en-GB");
      ends.unshift(tab.end);
      return await Stage.of(`http://${server.clients}/`, tab, look, end);
    } catch (error) {
      await end();
      throw error;
    }
  }

  private static async of(
    url: string,
    { context, page }: Tab,
    { width = 1280, height = 900, colorScheme = "light" }: Look,
    end: () => Promise<void>,
  ): Promise<Stage> {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    page.setDefaultTimeout(PATIENCE_MS);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    const devtools = await context.newCDPSession(page);
    await page.goto(url);
    return new Stage(url, context, page, devtools, complaints, end);
  }

  /** Ends both; once is enough. */
  async close(): Promise<void> {
    await this.end();
  }

  /** Starts a job of so many milliseconds; its channel. */
  async startsJob(durationMs: number): Promise<string> {
    // The page offers longer ones; a test has its own.
    await this.page.locator("input[name=duration]").first().evaluate((input, value) => {
      (input as HTMLInputElement).value = String(value);
    }, durationMs);
    await this.page.locator("input[name=duration]").first().check({ force: true });
    const before = await this.page.locator("#channel").textContent();
    await this.page.locator("#start").click();
    await this.page.waitForFunction((old) => {
      const channel = document.getElementById("channel")?.textContent;
      return channel && channel !== old;
    }, before);
    return (await this.page.locator("#channel").textContent()) ?? "";
  }

  /** Waits until the bar shows this word. */
  async seesState(word: string): Promise<void> {
    await this.sees("#state-word", new RegExp(`^${word}$`));
  }

  /** Waits until so many events are listed. */
  async seesEvents(count: number): Promise<void> {
    await this.page.waitForFunction(
      (least) => document.querySelectorAll("#events [data-offset]").length >= least,
      count,
    );
  }

  /** Waits until the text of an element fits. */
  async sees(selector: string, text: RegExp): Promise<void> {
    await this.page.locator(selector).filter({ hasText: text }).waitFor({ state: "attached" });
  }

  /** The colour of the sign in the bar. */
  async signColour(): Promise<string> {
    return this.page
      .locator(".sign")
      .evaluate((sign) => getComputedStyle(sign).backgroundColor);
  }

  /** The events as listed, in the order in which they were handed over. */
  async rows(): Promise<Row[]> {
    const rows = await this.page.locator("#events [data-offset]").evaluateAll((items) =>
      items.map((item) => ({
        offset: Number(item.getAttribute("data-offset")),
        event: item.getAttribute("data-event") ?? "",
      })),
    );
    return rows.reverse();
  }

  /** The names of the states that the link was in, in order. */
  async states(): Promise<string[]> {
    const names = ["disconnected", "connecting", "connected", "reconnecting", "fallback"];
    const all = await this.page
      .locator("#history li")
      .evaluateAll((items) => items.map((item) => item.getAttribute("data-name") ?? ""));
    return all.reverse().filter((name) => names.includes(name));
  }

  /** Whether the device has a network, as far as the browser knows. */
  async setsOffline(offline: boolean): Promise<void> {
    const free = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    await this.devtools.send("Network.enable");
    await this.devtools.send("Network.emulateNetworkConditions", { offline, ...free });
  }

  /** Presses a switch. */
  async turns(name: "cut" | "block" | "stall", isOn: boolean): Promise<void> {
    const knob = this.page.locator(`#${name}`);
    await knob.click();
    await this.page.locator(`#${name}[aria-checked=${isOn}]`).waitFor();
  }

  /** Waits until the server keeps so many events of a channel; all of them. */
  async published(channel: string, count: number): Promise<Kept[]> {
    const until = Date.now() + PATIENCE_MS;
    for (let kept: Kept[] = []; ; ) {
      if (kept.length >= count) return kept;
      if (Date.now() > until) throw new Error(`${kept.length} of ${count} events after all`);
      kept = await this.kept(channel);
      if (kept.length < count) await this.poll(channel, "offset=latest&wait=5");
    }
  }

  /** All that the server keeps of a channel. */
  async kept(channel: string): Promise<Kept[]> {
    return (await this.poll(channel, "limit=1000")).events;
  }

  private async poll(channel: string, query: string): Promise<{ events: Kept[] }> {
    const answer = await fetch(`${this.url}v1/channels/${channel}/events?${query}`);
    return (await answer.json()) as { events: Kept[] };
  }
}
