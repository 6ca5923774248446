// What a browser's signals mean to a link, with a page made of event targets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser } from "../../src/lifecycle/browser.js";
import type { DeviceInput } from "../../src/lifecycle.js";

interface Page {
  document: EventTarget & { hidden: boolean };
  connection: EventTarget & { type?: string };
  navigator: { onLine: boolean; connection?: Page["connection"] };
}

const NAMES = ["document", "navigator", "addEventListener", "removeEventListener"] as const;

/** Runs `act` with a page in the place of what Node has. */
function onPage(act: (page: Page, window: EventTarget) => void, type?: string): void {
  const before = NAMES.map(
    (name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const,
  );
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { hidden: false });
  const connection = Object.assign(new EventTarget(), type === undefined ? {} : { type });
  const navigator = { onLine: true, connection };
  const values = {
    document,
    navigator,
    addEventListener: window.addEventListener.bind(window),
    removeEventListener: window.removeEventListener.bind(window),
  };
  for (const name of NAMES) {
    Object.defineProperty(globalThis, name, { value: values[name], configurable: true });
  }
  try {
    act({ document, connection, navigator }, window);
  } finally {
    for (const [name, own] of before) {
      if (own) Object.defineProperty(globalThis, name, own);
      else delete (globalThis as Record<string, unknown>)[name];
    }
  }
}

function told(): { inputs: string[]; end: () => void } {
  const inputs: string[] = [];
  const end = browser((input: DeviceInput) => {
    inputs.push(input.kind === "network_changed" ? `${input.kind} ${input.network}` : input.kind);
  });
  return { inputs, end };
}

const pageshow = (persisted: boolean): Event => Object.assign(new Event("pageshow"), { persisted });

test("sight, freezing and the cache are told, and ended with the client", () => {
  onPage(({ document }, window) => {
    const { inputs, end } = told();
    document.hidden = true;
    document.dispatchEvent(new Event("visibilitychange"));
    document.dispatchEvent(new Event("freeze"));
    document.hidden = false;
    document.dispatchEvent(new Event("resume"));
    document.dispatchEvent(new Event("visibilitychange"));
    window.dispatchEvent(pageshow(false));
    window.dispatchEvent(new Event("pagehide"));
    window.dispatchEvent(pageshow(true));
    assert.deepEqual(inputs, [
      "background",
      "background",
      "resumed",
      "foreground",
      "foreground",
      "background",
      "resumed",
      "foreground",
    ]);
    end();
    document.dispatchEvent(new Event("visibilitychange"));
    window.dispatchEvent(new Event("offline"));
    assert.equal(inputs.length, 8);
  });
});

test("a network that goes and comes is told", () => {
  onPage((page, window) => {
    page.navigator.onLine = false;
    page.document.hidden = true;
    const { inputs } = told();
    assert.deepEqual(inputs, ["background", "offline"]);
    window.dispatchEvent(new Event("online"));
    window.dispatchEvent(new Event("offline"));
    assert.deepEqual(inputs.slice(2), ["online", "offline"]);
  });
});

test("the kind of network is told where it is known, and again only when it is another", () => {
  onPage(({ connection }) => {
    const { inputs } = told();
    connection.dispatchEvent(new Event("change"));
    connection.type = "cellular";
    connection.dispatchEvent(new Event("change"));
    connection.type = "none";
    connection.dispatchEvent(new Event("change"));
    connection.type = "ethernet";
    connection.dispatchEvent(new Event("change"));
    assert.deepEqual(inputs, [
      "network_changed wifi",
      "network_changed cellular",
      "network_changed wired",
    ]);
  }, "wifi");
  onPage(({ connection }) => {
    const { inputs } = told();
    connection.dispatchEvent(new Event("change"));
    assert.deepEqual(inputs, [], "speed alone is no other network");
  });
});

test("where there is no page nothing is told", () => {
  const { inputs, end } = told();
  end();
  assert.deepEqual(inputs, []);
});
