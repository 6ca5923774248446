/** The page of one diagnosis, over a link that does what the test says. */
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it, mock } = require('node:test');

const { Phone } = require('./stage/phone');
const { theClient } = require('./stage/steadfast');
const { openPage, restart, settled, turnOn, usePackages } = require('./stage/world');

const PAGE = 'pages/diagnosis/index';

/** @type {Phone} */
let phone;
/** @type {import('./stage/world').Rendered} */
let page;

/** @param {string} [id] */
function open(id = '8f3c') {
  page = openPage(PAGE, { id });
}

/** The page's subscription, the newest if there were several. */
function subscription() {
  const { subscriptions } = theClient();
  const last = subscriptions[subscriptions.length - 1];
  assert.ok(last, 'the page follows a channel');
  return last;
}

/** @returns {string[]} The lines on the screen: offset and name, the newest first. */
function lines() {
  const all = page.component.querySelectorAll('.line');
  return all.map((/** @type {any} */ line) =>
    [...line.dom.children].slice(0, 2).map((part) => part.textContent).join(' '),
  );
}

describe('the page of a diagnosis', () => {
  beforeEach(() => {
    restart();
    usePackages();
    phone = new Phone('en');
    turnOn(phone.wx);
  });
  afterEach(() => page.detach());

  it('follows the channel of its id from the start', () => {
    open('8f3c');
    assert.equal(subscription().channel, 'diagnosis:8f3c');
    assert.equal(subscription().handlers.since, 'start');
    assert.equal(page.text('.id'), '8f3c');
    assert.equal(page.text('.phase__word'), 'Waiting for the first event');
    assert.equal(phone.title, 'Diagnosis');
  });

  it('shows progress, then the result, then that it is complete', async () => {
    open();
    subscription().deliver('progress', { percent: 40, step: 'asking' });
    await settled();
    assert.equal(page.text('.percent'), '40%');
    assert.equal(page.text('.step'), 'Asking the models');
    assert.equal(page.text('.phase__word--running'), 'Running');
    assert.equal(page.text('.result'), null);

    subscription().deliver('result', { score: 87 });
    await settled();
    assert.deepEqual(JSON.parse(page.text('.result') || ''), { score: 87 });

    subscription().deliver('complete');
    subscription().finish();
    await settled();
    assert.equal(page.text('.phase__word--complete'), 'Complete');
    assert.equal(page.text('.percent'), '100%');
    assert.deepEqual(lines(), ['3 complete', '2 result', '1 progress']);
  });

  it('shows that a diagnosis failed', async () => {
    open();
    subscription().deliver('progress', { percent: 40 });
    subscription().deliver('error', { message: 'no answer' });
    await settled();
    assert.equal(page.text('.phase__word--failed'), 'Failed');
    assert.equal(page.text('.percent'), '40%');
  });

  it('shows steps that it has no word for as they come', async () => {
    open();
    subscription().deliver('progress', { step: '模型 3/7' });
    await settled();
    assert.equal(page.text('.step'), '模型 3/7');
  });

  it('draws and keeps many events at once', async () => {
    open();
    await settled();
    const setData = mock.method(page.instance, 'setData');
    for (let percent = 1; percent <= 50; percent += 1) {
      subscription().deliver('progress', { percent });
    }
    await settled();
    assert.equal(setData.mock.callCount(), 1);
    assert.equal(page.text('.percent'), '50%');
    assert.equal(lines().length, 30);
  });

  it('draws nothing in the background, and everything when it is shown again', async () => {
    open();
    await settled();
    const setData = mock.method(page.instance, 'setData');
    page.instance.onHide();
    subscription().deliver('progress', { percent: 10 });
    subscription().deliver('progress', { percent: 20 });
    await settled();
    assert.equal(setData.mock.callCount(), 0);
    page.instance.onShow();
    await settled();
    assert.equal(page.text('.percent'), '20%');
    assert.deepEqual(lines(), ['2 progress', '1 progress']);
  });

  it('goes on where it was after a restart, and has all that it showed', async () => {
    open();
    subscription().deliver('progress', { percent: 10 });
    subscription().deliver('progress', { percent: 30 });
    await settled();

    restart();
    open();
    assert.deepEqual(subscription().handlers.since, { epoch: 'e1', offset: 2 });
    assert.equal(page.text('.percent'), '30%');
    subscription().offset = 2;
    subscription().deliver('result', { score: 1 });
    await settled();
    assert.deepEqual(lines(), ['3 result', '2 progress', '1 progress']);
  });

  it('asks again after a restart for events that it had not kept', async () => {
    open();
    subscription().deliver('progress', { percent: 10 });
    await settled();
    subscription().deliver('progress', { percent: 90 });

    restart();
    open();
    assert.deepEqual(subscription().handlers.since, { epoch: 'e1', offset: 1 });
    assert.equal(page.text('.percent'), '10%');
  });

  it('keeps what came in the background before WeChat ended it', async () => {
    open();
    await settled();
    subscription().deliver('progress', { percent: 10 });
    page.instance.onHide();

    restart();
    open();
    assert.deepEqual(subscription().handlers.since, { epoch: 'e1', offset: 1 });
  });

  it('follows nothing for a diagnosis that had finished, and shows it', async () => {
    open();
    subscription().deliver('complete');
    subscription().finish();
    await settled();

    restart();
    open();
    assert.equal(theClient().subscriptions.length, 0);
    assert.equal(page.text('.phase__word--complete'), 'Complete');
  });

  it('leaves the channel when it is closed', async () => {
    open();
    page.instance.onUnload();
    assert.equal(subscription().isFollowed, false);
  });

  it('says in plain words that events are missing, and reloads on demand', async () => {
    open();
    subscription().deliver('progress', { percent: 10 });
    subscription().gap('retention', { epoch: 'e1', offset: 7 });
    subscription().deliver('progress', { percent: 80 });
    await settled();
    assert.match(page.text('.gap__text') || '', /could not be recovered/);
    assert.deepEqual(lines(), ['8 progress', '1 progress']);

    const before = subscription();
    await page.does('.gap__reload', 'tap');
    assert.equal(before.isFollowed, false);
    assert.equal(subscription().handlers.since, 'start');
    assert.equal(page.text('.gap__text'), null);
    assert.deepEqual(lines(), []);
  });

  it('resumes behind a gap after a restart', async () => {
    open();
    subscription().gap('epoch_changed', { epoch: 'e2', offset: 0 });
    await settled();

    restart();
    open();
    assert.deepEqual(subscription().handlers.since, { epoch: 'e2', offset: 0 });
    assert.notEqual(page.text('.gap__text'), null);
  });

  it('reloads when the notice of the link offers it', async () => {
    open();
    subscription().deliver('progress', { percent: 10 });
    await settled();
    theClient().tells({ code: 'GAP_LOST', severity: 'warn', retryInMs: null });
    const status = page.component.querySelector('.link');
    status.querySelector('.notice__action').dispatchEvent('tap', {});
    await settled();
    assert.equal(theClient().subscriptions.length, 2);
  });

  it('says why a diagnosis cannot be opened, and tries again where that may help', async () => {
    open();
    subscription().refuse('too_many_channels', true);
    assert.match(page.text('.refusal') || '', /cannot be opened: too_many_channels/);
    await page.does('.refusal__again', 'tap');
    assert.equal(page.text('.refusal'), null);
    assert.equal(theClient().subscriptions.length, 2);
  });

  it('tries again from where it was', async () => {
    open();
    subscription().deliver('progress', { percent: 10 });
    subscription().refuse('too_many_channels', true);
    await page.does('.refusal__again', 'tap');
    assert.deepEqual(subscription().handlers.since, { epoch: 'e1', offset: 1 });
    assert.equal(page.text('.percent'), '10%');
  });

  it('takes a refusal down once the channel is followed after all', () => {
    open();
    subscription().refuse('too_many_channels', true);
    subscription().follow();
    assert.equal(page.text('.refusal'), null);
  });

  it('leaves it to the notice to say why a whole link was rejected', () => {
    open();
    subscription().refuse('rejected', true);
    assert.equal(page.text('.refusal'), null);
  });

  it('offers no second try where it would be refused again', () => {
    open();
    subscription().refuse('forbidden', false);
    assert.match(page.text('.refusal') || '', /forbidden/);
    assert.equal(page.text('.refusal__again'), null);
  });

  it('follows nothing for an id that no channel can have', () => {
    open('../x y');
    assert.equal(theClient().subscriptions.length, 0);
    assert.match(page.text('.refusal') || '', /bad_id/);
    page.instance.onHide();
    assert.deepEqual([...phone.storage.keys()], []);
  });

  it('speaks the language of the phone', () => {
    phone.language = 'zh_CN';
    open();
    assert.equal(phone.title, '诊断详情');
    assert.equal(page.text('.phase__word'), '等待开始');
  });
});
