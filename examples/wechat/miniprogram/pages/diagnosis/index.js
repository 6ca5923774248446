/**
 * One diagnosis, from progress to result to complete. Comes in: its id. Goes out: what is known of
 * it, on the screen and into storage, each time with the position it was read to. The client sees
 * to outages, to the background and to the order of events; this page only shows.
 */
const { client } = require('../../services/realtime');
const { apply, blank, channelOf, finish, isId, skip } = require('../../services/diagnosis');
const diagnoses = require('../../services/diagnoses');
const { texts } = require('../../i18n/index');
const { view } = require('./view');

/**
 * @typedef {import('../../services/diagnosis').Diagnosis} Diagnosis
 * @typedef {import('steadfast').Subscription} Subscription
 * @typedef {{ code: string, isRetryable: boolean }} Refusal
 */

Page({
  data: {
    texts: texts().diagnosis,
    id: '',
    shown: view(blank(''), texts().diagnosis),
    refusal: /** @type {Refusal | null} */ (null),
  },

  record: blank(''),
  subscription: /** @type {Subscription | null} */ (null),
  isHidden: false,
  isDrawing: false,

  onLoad({ id = '' }) {
    wx.setNavigationBarTitle({ title: this.data.texts.title });
    this.setData({ id });
    if (!isId(id)) {
      this.setData({ refusal: { code: 'bad_id', isRetryable: false } });
      return;
    }
    this.record = diagnoses.open(id);
    this.setData({ shown: view(this.record, this.data.texts) });
    this.follow();
  },

  onShow() {
    this.isHidden = false;
    this.draw();
  },

  onHide() {
    this.isHidden = true;
    this.keep();
  },

  onUnload() {
    this.isHidden = true;
    this.leave();
    this.keep();
  },

  /** Goes on behind what the record has, or from the start of what the server keeps. */
  follow() {
    if (this.record.isFinished) {
      return;
    }
    this.subscription = client.subscribe(channelOf(this.record.id), {
      since: this.record.position || 'start',
      onEvent: (event) => this.take(apply(this.record, event)),
      onSubscribed: () => this.setData({ refusal: null }),
      onGap: (gap) => this.take(skip(this.record, gap.to)),
      onFinished: () => this.take(finish(this.record)),
      onError: (error) => this.refuse(error),
    });
  },

  /** @param {Refusal} error */
  refuse({ code, isRetryable }) {
    // Why a whole link was rejected is told by link-status, with what to do about it.
    if (code !== 'rejected') {
      this.setData({ refusal: { code, isRetryable } });
    }
  },

  again() {
    this.leave();
    this.setData({ refusal: null });
    this.follow();
  },

  leave() {
    if (this.subscription) {
      this.subscription.unsubscribe();
      this.subscription = null;
    }
  },

  /** Forgets what is known and asks for everything that the server still has. */
  reload() {
    this.take(blank(this.record.id));
    this.again();
  },

  /** @param {Diagnosis} record */
  take(record) {
    this.record = record;
    this.draw();
  },

  /** Many events may come at once: they are drawn and kept together, never in the background. */
  draw() {
    if (this.isDrawing) {
      return;
    }
    this.isDrawing = true;
    wx.nextTick(() => {
      this.isDrawing = false;
      if (!this.isHidden) {
        this.setData({ shown: view(this.record, this.data.texts) });
        this.keep();
      }
    });
  },

  keep() {
    if (this.record.id !== '') {
      diagnoses.keep(this.record);
    }
  },

  /** @param {{ detail: { kind: string } }} event */
  onAction({ detail }) {
    if (detail.kind === 'reload') {
      this.reload();
    }
  },
});
