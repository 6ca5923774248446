// A headless Chromium of its own for each test. In: a language. Out: the one tab of a new profile.
// Attached without the usual overrides, or a tab could neither be hidden nor frozen.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";
import { lineWith } from "./lines.js";

const PROGRAM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
/** Nothing of the browser's own may reach for the network. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--hide-scrollbars",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
];

/** A running browser. */
export interface Tab {
  readonly context: BrowserContext;
  readonly page: Page;
  end(): Promise<void>;
}

export async function openTab(locale: string): Promise<Tab> {
  const folder = mkdtempSync(join(tmpdir(), "steadfast-browser-"));
  const args = [...FLAGS, `--user-data-dir=${folder}`, `--accept-lang=${locale}`, "about:blank"];
  const program = spawn(PROGRAM, args, { stdio: ["ignore", "ignore", "pipe"] });
  const line = await lineWith(program.stderr, "DevTools listening on ");
  const address = line.slice(line.indexOf("ws://"));
  const browser = await chromium.connectOverCDP(address, { noDefaults: true });
  const [context] = browser.contexts();
  if (!context) throw new Error("the browser has no profile");
  const page = context.pages()[0] ?? (await context.newPage());
  const end = async (): Promise<void> => {
    const ended = once(program, "exit");
    await quit(browser);
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  return { context, page, end };
}

async function quit(browser: Browser): Promise<void> {
  const devtools = await browser.newBrowserCDPSession();
  // It may be gone before it has answered.
  await devtools.send("Browser.close").catch(() => undefined);
}
