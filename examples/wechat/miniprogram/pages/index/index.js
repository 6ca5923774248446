/**
 * Where people begin: the link's state, a diagnosis to start or to open by its id, those opened
 * lately. Comes in: taps. Goes out: the way to the page of a diagnosis.
 */
const config = require('../../config');
const { client } = require('../../services/realtime');
const { isId } = require('../../services/diagnosis');
const diagnoses = require('../../services/diagnoses');
const { newId, rehearse } = require('../../services/rehearsal');
const { texts } = require('../../i18n/index');

Page({
  data: {
    texts: texts().index,
    canStart: config.rehearses,
    canAsk: config.backend !== '',
    recent: /** @type {string[]} */ ([]),
    typed: '',
    problem: '',
  },

  isLeaving: false,

  onShow() {
    this.isLeaving = false;
    this.setData({ recent: diagnoses.list() });
  },

  start() {
    this.rehearse('diagnosis');
  },

  startVersion2() {
    this.rehearse('version-2');
  },

  /** @param {WechatMiniprogram.Input} event */
  type({ detail }) {
    this.setData({ typed: detail.value.trim(), problem: '' });
  },

  openTyped() {
    const { typed } = this.data;
    if (isId(typed)) {
      this.go('diagnosis', typed);
    } else {
      this.setData({ problem: this.data.texts.idWrong });
    }
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  openRecent({ currentTarget }) {
    this.go('diagnosis', currentTarget.dataset.id);
  },

  openAnswer() {
    this.go('answer', '');
  },

  /** @param {'diagnosis' | 'version-2'} page */
  rehearse(page) {
    if (this.isLeaving) {
      return;
    }
    const id = newId();
    this.setData({ problem: '' });
    rehearse(client, id).catch(() => this.setData({ problem: this.data.texts.startFailed }));
    this.go(page, id);
  },

  /**
   * A second tap, while the page is still on its way, opens no second page.
   * @param {'diagnosis' | 'version-2' | 'answer'} page
   * @param {string} id
   */
  go(page, id) {
    if (!this.isLeaving) {
      this.isLeaving = true;
      const fail = () => (this.isLeaving = false);
      wx.navigateTo({ url: `/pages/${page}/index?id=${id}`, fail });
    }
  },
});
