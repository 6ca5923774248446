/** The page that people begin at, and what it leads to. */
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it, mock } = require('node:test');

const { Phone } = require('./stage/phone');
const { made, theClient } = require('./stage/steadfast');
const { load, openPage, restart, settled, turnOn, usePackages } = require('./stage/world');

/** @type {Phone} */
let phone;
/** @type {import('./stage/world').Rendered} */
let page;

function open() {
  page = openPage('pages/index/index', {});
}

beforeEach(() => {
  restart();
  usePackages();
  phone = new Phone('en');
  turnOn(phone.wx);
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
});
afterEach(() => mock.timers.reset());

describe('the first page', () => {
  afterEach(() => page.detach());

  it('has the state of the link and its statistics', () => {
    open();
    theClient().becomes('connected', 'welcomed');
    assert.match(page.component.dom.textContent, /Connected/);
    assert.match(page.component.dom.textContent, /Availability/);
  });

  it('starts a diagnosis and goes to its page', async () => {
    open();
    await page.does('.start', 'tap');
    const [url] = phone.visited;
    const id = /^\/pages\/diagnosis\/index\?id=([\w-]+)$/.exec(url || '');
    assert.ok(id, url);
    assert.equal(theClient().published[0]?.channel, `diagnosis:${id[1]}`);
  });

  it('starts one for the page that was written for version 2.1.0', async () => {
    open();
    await page.does('.version-2', 'tap');
    const [url] = phone.visited;
    const id = /^\/pages\/version-2\/index\?id=([\w-]+)$/.exec(url || '');
    assert.ok(id, url);
    assert.equal(theClient().published[0]?.channel, `diagnosis:${id[1]}`);
  });

  it('leads to answers where there is a backend, and only there', async () => {
    open();
    assert.equal(page.text('.answer'), null);
    page.detach();
    restart();
    load('config.js').backend = 'http://127.0.0.1:9';
    open();
    await page.does('.answer', 'tap');
    assert.deepEqual(phone.visited, ['/pages/answer/index?id=']);
  });

  it('opens one page, however often people tap', async () => {
    open();
    await page.does('.start', 'tap');
    await page.does('.start', 'tap');
    assert.equal(phone.visited.length, 1);
    assert.equal(theClient().published.length, 1);
    page.instance.onShow();
    await page.does('.start', 'tap');
    assert.equal(phone.visited.length, 2);
  });

  it('says so when a diagnosis could not be started', async () => {
    open();
    theClient().publishError = new Error('closed');
    await page.does('.start', 'tap');
    assert.match(page.text('.problem') || '', /Could not be started/);
  });

  it('opens a diagnosis by its id', async () => {
    open();
    await page.does('.open__id', 'input', { value: ' 8f3c ' });
    await page.does('.open__go', 'tap');
    assert.deepEqual(phone.visited, ['/pages/diagnosis/index?id=8f3c']);
  });

  it('opens nothing that cannot be an id, and says what an id is', async () => {
    open();
    await page.does('.open__id', 'input', { value: 'a b' });
    await page.does('.open__go', 'tap');
    assert.deepEqual(phone.visited, []);
    assert.match(page.text('.problem') || '', /Letters, digits/);
    await page.does('.open__id', 'input', { value: 'a' });
    assert.equal(page.text('.problem'), null);
  });

  it('lists what was opened, the last first, and opens it again', async () => {
    open();
    assert.equal(page.text('.none'), 'Nothing yet.');
    const diagnoses = load('services/diagnoses.js');
    diagnoses.open('first');
    diagnoses.open('second');
    page.instance.onShow();
    assert.equal(page.text('.none'), null);
    assert.equal(page.text('.recent'), 'second');
    await page.does('.recent', 'tap');
    assert.deepEqual(phone.visited, ['/pages/diagnosis/index?id=second']);
  });
});

describe('the client of the mini-program', () => {
  it('is one, for whoever asks, and goes to the server of the config', () => {
    const { client } = load('services/realtime.js');
    assert.equal(load('services/realtime.js').client, client);
    assert.equal(made.client, client);
    assert.equal(made.options.url, 'http://127.0.0.1:8080');
  });

  it('connects when the mini-program is launched', () => {
    /** @type {any} */
    let app;
    Object.assign(globalThis, { App: (/** @type {any} */ options) => (app = options) });
    load('app.js');
    app.onLaunch();
    assert.equal(app.globalData.client, made.client);
  });
});

describe('diagnoses on the phone', () => {
  it('are remembered up to a limit, and forgotten whole beyond it', () => {
    const { KEPT_MAX, keep, list, open: openRecord } = load('services/diagnoses.js');
    for (let number = 0; number <= KEPT_MAX; number += 1) {
      keep(openRecord(`d${number}`));
    }
    assert.equal(list().length, KEPT_MAX);
    assert.equal(list()[0], `d${KEPT_MAX}`);
    assert.equal(phone.storage.has('diagnosis/d0'), false);
    assert.equal(phone.storage.has('diagnosis/d1'), true);
    assert.equal(phone.storage.size, KEPT_MAX + 1);
  });

  it('keep so many events and no more', () => {
    const { EVENTS_MAX, apply, blank } = load('services/diagnosis.js');
    const event = { epoch: 'e', event: 'note', data: null, time: '' };
    let record = blank('x');
    for (let offset = 1; offset <= EVENTS_MAX + 1; offset += 1) {
      record = apply(record, { ...event, offset });
    }
    assert.equal(record.events.length, EVENTS_MAX);
    assert.equal(record.events[0].offset, 2);
  });
});

describe('the rehearsal', () => {
  it('publishes progress that may be thinned, then the result, then the end', async () => {
    load('services/realtime.js');
    const { rehearse } = load('services/rehearsal.js');
    const over = rehearse(theClient(), 'x');
    for (let step = 0; step < 5; step += 1) {
      await settled();
      mock.timers.tick(1500);
    }
    await over;
    const told = theClient().published.map(({ event, options }) => ({ event, options }));
    const progress = { event: 'progress', options: { replace: 'progress' } };
    assert.deepEqual(told, [
      ...Array(5).fill(progress),
      { event: 'result', options: {} },
      { event: 'complete', options: { final: true } },
    ]);
  });
});
