/**
 * The mini-program on a stage: its files run as they are, in a window that jsdom draws, with the
 * official compiler of wxml. In: a phone, and which `steadfast` there is. Out: rendered components
 * and pages, `restart`, which forgets everything but the phone.
 */
const Module = require('node:module');
const path = require('node:path');
const { JSDOM } = require('jsdom');

const ROOT = path.join(__dirname, '../../miniprogram');
const FAKE = path.join(__dirname, 'steadfast.js');

const { window } = new JSDOM('<!doctype html><html><head></head><body></body></html>');
const { document, CustomEvent, TouchEvent } = window;
Object.assign(globalThis, { window, document, CustomEvent, TouchEvent });

/** Has to come after the window. @type {typeof import('miniprogram-simulate')} */
const simulate = require('miniprogram-simulate');

/**
 * @typedef {object} Rendered
 * @property {any} instance What is `this` in the component's methods.
 * @property {any} component For selectors and events, see j-component.
 * @property {(selector: string) => string | null} text What is read there; null where nothing is.
 * @property {(selector: string, property: string) => string} style
 * @property {(selector: string, event: string, detail?: object) => Promise<void>} does
 * @property {() => void} detach
 */

/** What a name without a path stands for. @type {Map<string, string>} */
const packages = new Map();
const resolver = /** @type {any} */ (Module);
const resolveFilename = resolver._resolveFilename;
/** @param {string} request @param {unknown[]} rest */
resolver._resolveFilename = (request, ...rest) =>
  resolveFilename.call(Module, packages.get(request) || request, ...rest);

/** As 构建 npm left them; the client that is driven by the test, or the real one. */
function usePackages({ isClientReal = false } = {}) {
  for (const name of ['steadfast', 'steadfast/texts', 'steadfast/v2']) {
    packages.set(name, path.join(ROOT, 'miniprogram_npm', name));
  }
  if (!isClientReal) {
    packages.set('steadfast', FAKE);
  }
}

/** @param {object} wx */
function turnOn(wx) {
  Object.assign(globalThis, { wx });
}

/** Ends the mini-program as WeChat does: without a word to it. */
function restart() {
  Object.keys(resolver._cache)
    .filter((file) => file.startsWith(ROOT))
    .forEach((file) => delete resolver._cache[file]);
}

/** @param {string} file A module of the mini-program. */
function load(file) {
  return require(path.join(ROOT, file));
}

/** @param {string} file @param {object} [properties] @returns {Rendered} */
function render(file, properties) {
  const id = simulate.load(path.join(ROOT, file), path.basename(path.dirname(file)), {
    rootPath: ROOT,
  });
  const component = /** @type {any} */ (simulate.render(id, properties));
  const parent = document.createElement('div');
  document.body.appendChild(parent);
  component.attach(parent);
  return rendered(component);
}

/**
 * A page is drawn as a component whose methods are the page's functions.
 * @param {string} file
 * @param {Record<string, string>} query
 */
function openPage(file, query) {
  Object.assign(globalThis, {
    /** @param {Record<string, any>} options */
    Page: ({ data, ...own }) => {
      const names = Object.keys(own);
      const methods = Object.fromEntries(
        names.filter((name) => typeof own[name] === 'function').map((name) => [name, own[name]]),
      );
      Component({
        data,
        methods,
        lifetimes: {
          created() {
            const fields = names.filter((name) => !(name in methods));
            fields.forEach((name) => Object.assign(this, { [name]: structuredClone(own[name]) }));
          },
        },
      });
    },
  });
  const page = render(file, undefined);
  page.instance.onLoad?.(query);
  page.instance.onShow?.();
  return page;
}

/** @param {any} component @returns {Rendered} */
function rendered(component) {
  /** @param {string} selector */
  const find = (selector) => component.querySelector(selector);
  return {
    instance: component.instance,
    component,
    text: (selector) => find(selector)?.dom.textContent.trim() ?? null,
    style: (selector, property) =>
      window.getComputedStyle(find(selector).dom).getPropertyValue(property),
    does: async (selector, event, detail = {}) => {
      find(selector).dispatchEvent(event, { detail });
      await settled();
    },
    detach: () => component.detach(),
  };
}

/**
 * Waits until a page shows something: looks now, and whenever the page has drawn.
 * @param {Rendered} page
 * @param {() => boolean} isShown
 * @returns {Promise<void>}
 */
function shows({ instance }, isShown) {
  return new Promise((resolve) => {
    const { setData } = instance;
    const look = () => {
      if (isShown()) {
        instance.setData = setData;
        resolve();
      }
    };
    instance.setData = (/** @type {object} */ data) => {
      setData.call(instance, data);
      look();
    };
    look();
  });
}

/** Everything that was asked for already has happened. @returns {Promise<void>} */
function settled() {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

module.exports = { load, openPage, render, restart, settled, shows, turnOn, usePackages };
