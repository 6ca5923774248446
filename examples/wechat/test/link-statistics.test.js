/** The panel of statistics, and how its numbers are written. */
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it, mock } = require('node:test');

process.env.TZ = 'Asia/Shanghai';

const { Phone } = require('./stage/phone');
const { theClient } = require('./stage/steadfast');
const { load, render, restart, turnOn, usePackages } = require('./stage/world');

const COMPONENT = 'components/link-statistics/index';

/** @type {import('./stage/world').Rendered} */
let panel;

/** @param {'zh_CN' | 'en'} language @param {Partial<import('steadfast').Statistics>} statistics */
function show(language, statistics) {
  turnOn(new Phone(language).wx);
  load('services/realtime.js');
  fare(statistics);
  panel = render(COMPONENT);
}

/** @param {Partial<import('steadfast').Statistics>} statistics */
function fare(statistics) {
  theClient().statistics = { ...theClient().statistics, ...statistics };
}

describe('the panel of statistics', () => {
  beforeEach(() => {
    restart();
    usePackages();
    mock.timers.enable({ apis: ['setInterval'] });
  });
  afterEach(() => {
    panel.detach();
    mock.timers.reset();
  });

  it('shows how the link has fared', () => {
    show('en', {
      totalReconnects: 5,
      successfulReconnects: 3,
      failedReconnects: 2,
      totalDowntime: 62_900,
      availability: 99.87,
      realtimeAvailability: 90.5,
      lastConnectedAt: '2026-03-01T01:02:03.456Z',
      lastDisconnectedAt: '2026-03-01T00:59:59.000Z',
    });
    assert.equal(panel.text('.value--reconnects'), '5 (succeeded 3, failed 2)');
    assert.equal(panel.text('.value--downtime'), '1 min 2 s');
    assert.equal(panel.text('.value--availability'), '99.87%');
    assert.equal(panel.text('.value--realtime'), '90.50%');
    assert.equal(panel.text('.value--connected'), '09:02:03');
    assert.equal(panel.text('.value--disconnected'), '08:59:59');
  });

  it('says so where something has never happened', () => {
    show('zh_CN', {});
    assert.equal(panel.text('.value--connected'), '—');
    assert.equal(panel.text('.value--disconnected'), '—');
    assert.equal(panel.text('.value--reconnects'), '0 (成功 0, 失败 0)');
    assert.equal(panel.text('.value--downtime'), '0 秒');
  });

  it('reads the numbers anew every second, for an outage grows', () => {
    show('en', { totalDowntime: 1000 });
    fare({ totalDowntime: 2000 });
    mock.timers.tick(999);
    assert.equal(panel.text('.value--downtime'), '1 s');
    mock.timers.tick(1);
    assert.equal(panel.text('.value--downtime'), '2 s');
  });

  it('reads them at once when the state changes', () => {
    show('en', {});
    fare({ totalReconnects: 1 });
    theClient().becomes('reconnecting', 'lost');
    assert.equal(panel.text('.value--reconnects'), '1 (succeeded 0, failed 0)');
  });

  it('rests while its page is hidden, and is right as soon as it is shown', () => {
    show('en', {});
    panel.component.triggerPageLifeTime('hide');
    fare({ totalDowntime: 60_000 });
    mock.timers.tick(10_000);
    assert.equal(panel.text('.value--downtime'), '0 s');
    panel.component.triggerPageLifeTime('show');
    assert.equal(panel.text('.value--downtime'), '1 min 0 s');
  });

  it('neither reads nor hears anything once it is gone', () => {
    show('en', {});
    panel.detach();
    const read = mock.method(theClient(), 'getStatistics');
    mock.timers.tick(10_000);
    assert.equal(read.mock.callCount(), 0);
    assert.equal(theClient().listeners, 0);
  });
});

describe('numbers', () => {
  const { clockOf, percentOf, spanOf } = load('components/link-statistics/numbers.js');
  const words = { hours: 'h', minutes: 'min', seconds: 's' };

  it('are spans in the two largest units', () => {
    assert.equal(spanOf(0, words), '0 s');
    assert.equal(spanOf(59_999, words), '59 s');
    assert.equal(spanOf(60_000, words), '1 min 0 s');
    assert.equal(spanOf(3_599_999, words), '59 min 59 s');
    assert.equal(spanOf(3_600_000, words), '1 h 0 min');
    assert.equal(spanOf(90_000_000, words), '25 h 0 min');
  });

  it('are shares with two decimals', () => {
    assert.equal(percentOf(100), '100.00%');
    assert.equal(percentOf(0), '0.00%');
  });

  it('are times of day on this phone', () => {
    assert.equal(clockOf('2026-03-01T16:00:00.000Z'), '00:00:00');
    assert.equal(clockOf(null), '');
  });
});
