/** The state indicator, drawn as WeChat draws it, over a link that does what the test says. */
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it } = require('node:test');

const { Phone } = require('./stage/phone');
const { theClient } = require('./stage/steadfast');
const { load, render, restart, turnOn, usePackages } = require('./stage/world');

/** @typedef {import('steadfast').LinkState} LinkState */

const COMPONENT = 'components/link-status/index';

/** @type {{ state: LinkState, color: string, zh: string, en: string }[]} */
const STATES = [
  { state: 'disconnected', color: '#cccccc', zh: '未连接', en: 'Not connected' },
  { state: 'connecting', color: '#ffa500', zh: '连接中', en: 'Connecting' },
  { state: 'connected', color: '#52c41a', zh: '已连接', en: 'Connected' },
  { state: 'reconnecting', color: '#faad14', zh: '重新连接中', en: 'Reconnecting' },
  { state: 'fallback', color: '#ff4d4f', zh: '已连接，稍有延迟', en: 'Connected, with a delay' },
];

/** What a shape is made of, but for its colour. */
const OUTLINE = ['background-color', 'background-image', 'border-right-color', 'border-radius'];

/** @type {import('./stage/world').Rendered} */
let status;

/** @param {'zh_CN' | 'en'} language @param {object} [properties] */
function show(language, properties) {
  turnOn(new Phone(language).wx);
  load('services/realtime.js');
  status = render(COMPONENT, properties);
}

/** @param {string} color As computed: `rgb(…)`. */
function hexOf(color) {
  const parts = color.match(/\d+/g) || [];
  return `#${parts.map((part) => Number(part).toString(16).padStart(2, '0')).join('')}`;
}

describe('the state indicator', () => {
  beforeEach(() => {
    restart();
    usePackages();
  });
  afterEach(() => status.detach());

  for (const { state, color, zh, en } of STATES) {
    it(`shows ${state} in its colour and its word`, () => {
      show('zh_CN');
      theClient().becomes(state, 'asked');
      assert.equal(hexOf(status.style('.shape', 'color')), color);
      assert.equal(status.text('.word'), zh);
    });

    it(`says ${state} in English to who reads English`, () => {
      show('en');
      theClient().becomes(state, 'asked');
      assert.equal(status.text('.word'), en);
    });
  }

  it('shows the state that the link is in already when it appears', () => {
    turnOn(new Phone('en').wx);
    load('services/realtime.js');
    theClient().becomes('connected', 'welcomed');
    status = render(COMPONENT);
    assert.equal(status.text('.word'), 'Connected');
  });

  it('has a shape of its own for each state, for who does not see colours', () => {
    show('en');
    const shapes = STATES.map(({ state }) => {
      theClient().becomes(state, 'asked');
      const outline = OUTLINE.map((property) => status.style('.shape', property)).join();
      return outline.replaceAll(status.style('.shape', 'color'), 'its colour');
    });
    assert.equal(new Set(shapes).size, STATES.length);
  });

  it('says how good the link is, once that is known', () => {
    show('zh_CN');
    theClient().becomes('connected', 'welcomed');
    assert.equal(status.text('.grade'), null);
    theClient().grades('good');
    assert.equal(status.text('.grade'), '网络质量: 良好');
    theClient().grades('poor');
    assert.equal(status.text('.grade'), '网络质量: 较差');
  });

  it('says nothing of the quality while nothing flows', () => {
    show('en');
    theClient().becomes('connected', 'welcomed');
    theClient().grades('excellent');
    theClient().becomes('reconnecting', 'lost');
    assert.equal(status.text('.grade'), null);
  });

  it('shows a notice as long as it is true, in the language of the user', () => {
    show('zh_CN');
    assert.equal(status.text('.notice'), null);
    theClient().tells({ code: 'NET_OFFLINE', severity: 'warn', retryInMs: null });
    assert.equal(status.text('.notice__title'), '网络已断开');
    assert.equal(status.text('.notice__body'), '已显示的内容不受影响，联网后会自动更新。');
    assert.notEqual(status.text('.notice--warn'), null);
    theClient().tells(null);
    assert.equal(status.text('.notice'), null);
  });

  it('fills in when the link tries again', () => {
    show('en');
    theClient().tells({ code: 'SRV_BUSY', severity: 'warn', retryInMs: 4200 });
    assert.match(status.text('.notice__body') || '', /within 5 s\./);
  });

  it('shows louder notices louder', () => {
    show('en');
    theClient().tells({ code: 'LINK_RECONNECTING', severity: 'info', retryInMs: null });
    assert.notEqual(status.text('.notice--info'), null);
    theClient().tells({ code: 'LINK_RECONNECTING', severity: 'warn', retryInMs: null });
    assert.equal(status.text('.notice--info'), null);
    assert.notEqual(status.text('.notice--warn'), null);
  });

  it('shows a notice that was true before it appeared', () => {
    turnOn(new Phone('en').wx);
    load('services/realtime.js');
    theClient().tells({ code: 'CAPTIVE', severity: 'block', retryInMs: null });
    status = render(COMPONENT);
    assert.equal(status.text('.notice__title'), 'This network asks you to sign in first');
  });

  it('offers an action that the page carries out, and hands it on', async () => {
    show('en', { actions: ['reload'] });
    /** @type {unknown[]} */
    const asked = [];
    const listen = (/** @type {{ detail: unknown }} */ event) => asked.push(event.detail);
    status.component.addEventListener('action', listen);
    theClient().tells({ code: 'GAP_LOST', severity: 'warn', retryInMs: null });
    assert.equal(status.text('.notice__action'), 'Reload');
    await status.does('.notice__action', 'tap');
    assert.deepEqual(asked, [{ kind: 'reload' }]);
  });

  it('has the link here again, after another place took it over', async () => {
    show('zh_CN');
    theClient().tells({ code: 'REPLACED', severity: 'block', retryInMs: null });
    assert.equal(status.text('.notice__action'), '在这里使用');
    await status.does('.notice__action', 'tap');
    assert.equal(theClient().reconnects, 1);
  });

  it('offers no action that nobody would carry out', () => {
    show('en', { actions: ['reload'] });
    theClient().tells({ code: 'AUTH_EXPIRED', severity: 'block', retryInMs: null });
    assert.equal(status.text('.notice__title'), 'Please sign in again');
    assert.equal(status.text('.notice__action'), null);
  });

  it('hears nothing more once it is gone', () => {
    show('en');
    const before = theClient().listeners;
    assert.equal(before, 3);
    status.detach();
    assert.equal(theClient().listeners, 0);
  });
});
