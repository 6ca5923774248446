/**
 * One answer of a language model, as it is written. Comes in: a question. Goes out: the text so far,
 * on the screen. The text stands in the answer's channel, so that only the channel's name is
 * stored: whoever comes back, to the page or from the background, reads from the start.
 */
const backend = require('../../services/backend');
const { client } = require('../../services/realtime');
const { texts } = require('../../i18n/index');

/** @typedef {import('steadfast').Subscription} Subscription */

const KEY = 'answer';

Page({
  data: {
    texts: texts().answer,
    channel: '',
    typed: '',
    asked: '',
    text: '',
    end: 'running',
    problem: '',
  },

  text: '',
  subscription: /** @type {Subscription | null} */ (null),
  isDrawing: false,

  onLoad({ channel = '' }) {
    wx.setNavigationBarTitle({ title: this.data.texts.title });
    const stored = channel || wx.getStorageSync(KEY);
    if (stored) {
      this.follow(stored);
    }
  },

  onUnload() {
    this.leave();
  },

  /** @param {WechatMiniprogram.Input} event */
  type({ detail }) {
    this.setData({ typed: detail.value, problem: '' });
  },

  async ask() {
    const question = this.data.typed.trim();
    if (question === '') {
      return;
    }
    try {
      const channel = await backend.ask(question);
      wx.setStorageSync(KEY, channel);
      this.follow(channel);
    } catch {
      this.setData({ problem: this.data.texts.askFailed });
    }
  },

  stop() {
    backend.stop(this.data.channel).catch(() => {
      this.setData({ problem: this.data.texts.askFailed });
    });
  },

  again() {
    this.leave();
    wx.removeStorageSync(KEY);
    this.setData({ channel: '', typed: '', problem: '' });
  },

  /** @param {string} channel */
  follow(channel) {
    this.leave();
    this.text = '';
    this.setData({ channel, asked: '', text: '', end: 'running', problem: '' });
    this.subscription = client.subscribe(channel, {
      since: 'start',
      onEvent: ({ event, data }) => this.take(event, /** @type {any} */ (data)),
      onGap: () => this.setData({ problem: this.data.texts.gap }),
      onError: ({ code }) => this.setData({ problem: `${this.data.texts.refused} ${code}` }),
    });
  },

  /** @param {string} event @param {{ question: string, text: string, reason: string }} data */
  take(event, data) {
    if (event === 'start') {
      this.setData({ asked: data.question });
    } else if (event === 'delta') {
      this.text += data.text;
      this.draw();
    } else if (event === 'end') {
      this.setData({ end: data.reason });
    }
  },

  /** Many pieces may come at once: they are drawn together. */
  draw() {
    if (!this.isDrawing) {
      this.isDrawing = true;
      wx.nextTick(() => {
        this.isDrawing = false;
        this.setData({ text: this.text });
      });
    }
  },

  leave() {
    if (this.subscription) {
      this.subscription.unsubscribe();
      this.subscription = null;
    }
  },
});
