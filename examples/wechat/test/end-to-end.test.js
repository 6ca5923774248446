/** Pages over the real client, a simulated `wx` over real sockets, and a real server. */
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it, mock } = require('node:test');

const { Air } = require('./stage/air');
const { Backend } = require('./stage/backend');
const { Phone } = require('./stage/phone');
const { Server } = require('./stage/server');
const { load, openPage, restart, shows, turnOn, usePackages } = require('./stage/world');

/** @typedef {import('./stage/world').Rendered} Rendered */

/** @type {Server} */
let server;
/** @type {Phone} */
let phone;
/** @type {Air} */
let air;
/** @type {Rendered} */
let page;

/** WeChat starts the mini-program, with what the phone has stored. */
function launch() {
  restart();
  air = new Air(phone);
  turnOn(air.wx);
  load('config.js').url = server.url;
}

/** WeChat ends it without a word: nothing that is stored from now on stays. */
function kill() {
  const { client } = load('services/realtime.js');
  turnOn(new Air(new Phone('en')).wx);
  client.close();
}

/** @param {'diagnosis' | 'version-2' | 'answer'} name @param {string} id */
function open(name, id) {
  page = openPage(`pages/${name}/index`, { id });
}

/** @param {number} percent */
function progress(percent) {
  return server.publish('diagnosis:a1', 'progress', { percent, step: 'asking' });
}

/** @returns {string[]} The lines on the screen: offset and name, the newest first. */
function lines() {
  const all = page.component.querySelectorAll('.line');
  return all.map((/** @type {any} */ line) =>
    [...line.dom.children].slice(0, 2).map((part) => part.textContent).join(' '),
  );
}

/** @returns {string} The word for the link's state. */
function state() {
  return page.component.querySelector('.link').querySelector('.word').dom.textContent;
}

/** @param {number} percent */
function showsPercent(percent) {
  return shows(page, () => page.text('.percent') === `${percent}%`);
}

describe('the mini-program', { timeout: 120_000 }, () => {
  beforeEach(async () => {
    usePackages({ isClientReal: true });
    mock.method(console, 'log', () => {});
    mock.method(console, 'warn', () => {});
    server = await Server.start();
    phone = new Phone('en');
    launch();
  });
  afterEach(async () => {
    mock.timers.reset();
    mock.restoreAll();
    page.instance.onUnload();
    page.detach();
    kill();
    await server.stop();
  });

  it('shows progress, the result and the end as the backend publishes them', async () => {
    open('diagnosis', 'a1');
    await progress(40);
    await showsPercent(40);
    assert.equal(page.text('.step'), 'Asking the models');
    assert.equal(state(), 'Connected');

    await server.publish('diagnosis:a1', 'result', { score: 87 });
    await shows(page, () => page.text('.result') !== null);
    assert.deepEqual(JSON.parse(page.text('.result') || ''), { score: 87 });

    await server.publish('diagnosis:a1', 'complete', null, { final: true });
    await shows(page, () => page.text('.phase__word--complete') !== null);
    assert.deepEqual(lines(), ['3 complete', '2 result', '1 progress']);
  });

  it('loses nothing and doubles nothing over ten seconds in the background', async () => {
    open('diagnosis', 'a1');
    await progress(10);
    await showsPercent(10);

    // In the background a mini-program stands still, timers and all: only the time goes on.
    mock.timers.enable({ apis: ['Date'], now: Date.now() });
    page.instance.onHide();
    air.hides();
    for (const percent of [20, 30, 40]) {
      await progress(percent);
    }
    mock.timers.tick(10_000);
    air.shows();
    page.instance.onShow();
    await showsPercent(40);

    await server.publish('diagnosis:a1', 'complete', null, { final: true });
    await shows(page, () => page.text('.phase__word--complete') !== null);
    const all = ['5 complete', '4 progress', '3 progress', '2 progress', '1 progress'];
    assert.deepEqual(lines(), all);
  });

  it('loses nothing and doubles nothing when WeChat ends it in the middle', async () => {
    open('diagnosis', 'a1');
    await progress(10);
    await progress(20);
    await showsPercent(20);
    page.detach();
    kill();
    await progress(30);

    launch();
    open('diagnosis', 'a1');
    assert.equal(page.text('.percent'), '20%');
    await showsPercent(30);
    assert.deepEqual(lines(), ['3 progress', '2 progress', '1 progress']);
  });

  it('gets every event where WebSocket does not get through, and says so', async () => {
    air.isBlocked = true;
    open('diagnosis', 'a1');
    await progress(10);
    await showsPercent(10);
    assert.equal(state(), 'Connected, with a delay');
    await progress(20);
    await showsPercent(20);
    assert.deepEqual(lines(), ['2 progress', '1 progress']);
  });

  it('says that events are gone after the server lost them, and goes on', async () => {
    open('diagnosis', 'a1');
    await progress(10);
    await showsPercent(10);
    await server.restart();
    await shows(page, () => page.text('.gap__text') !== null);
    await progress(50);
    await showsPercent(50);
    assert.deepEqual(lines(), ['1 progress', '1 progress']);

    await page.does('.gap__reload', 'tap');
    await showsPercent(50);
    assert.deepEqual(lines(), ['1 progress']);
  });

  it('starts another diagnosis after one has finished, and the link has come to rest', async () => {
    open('diagnosis', 'a1');
    const { client } = load('services/realtime.js');
    const { rehearse } = load('services/rehearsal.js');
    const rest = new Promise((resolve) => {
      client.onStateChange((/** @type {string[]} */ ...told) => {
        if (told[0] === 'disconnected') {
          resolve(told[2]);
        }
      });
    });
    await server.publish('diagnosis:a1', 'complete', null, { final: true });
    assert.equal(await rest, 'finished');
    page.instance.onUnload();
    page.detach();

    rehearse(client, 'a2').catch(() => {});
    open('diagnosis', 'a2');
    await shows(page, () => page.text('.step') === 'Collecting data');
  });

  it('shows an answer through a restart, stops it, and asks for another', async () => {
    const backend = await Backend.start(server);
    /** @param {number} answer @param {string[]} pieces */
    const says = async (answer, ...pieces) => {
      for (const text of pieces) {
        await server.publish(`answer:${answer}`, 'delta', { text });
      }
    };
    const launchAgain = () => {
      launch();
      load('config.js').backend = backend.url;
      open('answer', '');
    };
    launchAgain();
    page.instance.setData({ typed: ' Why? ' });
    await page.does('.ask', 'tap');
    await shows(page, () => page.text('.asked') === 'Why?');
    await says(1, 'Because ', 'links ');
    await shows(page, () => page.text('.text') === 'Because links');
    page.detach();
    kill();
    await says(1, 'hold');

    launchAgain();
    await shows(page, () => page.text('.text') === 'Because links hold');
    assert.ok(backend.tokens >= 2);
    await page.does('.stop', 'tap');
    await shows(page, () => page.text('.end') === 'Stopped');

    await page.does('.again', 'tap');
    page.instance.setData({ typed: 'And then?' });
    await page.does('.ask', 'tap');
    await shows(page, () => page.text('.asked') === 'And then?');
    await says(2, 'Nothing.');
    await shows(page, () => page.text('.text') === 'Nothing.');
    assert.deepEqual(backend.questions, ['Why?', 'And then?']);
    backend.stop();
  });

  it('runs code that was written for version 2.1.0', async () => {
    open('version-2', 'a1');
    await progress(40);
    await shows(page, () => page.text('.progress') === '40%');
    assert.equal(page.text('.state'), 'connected');
    assert.equal(page.style('.dot', 'background-color'), 'rgb(82, 196, 26)');
    assert.match(page.text('.availability') || '', /^可用率 \d+\.\d\d%$/);

    await server.publish('diagnosis:a1', 'result', { score: 87 });
    await server.publish('diagnosis:a1', 'complete', null, { final: true });
    await shows(page, () => page.text('.complete') !== null);
    assert.equal(page.text('.result'), '{"score":87}');
    assert.equal(page.text('.reconnects'), '重连 0 次');
  });
});
