/**
 * A client whose link does what a test says. In: `becomes`, `grades`, `tells`, `fares`, and on each
 * subscription `deliver` and the like. Out: what the mini-program hears, as from the real one. It
 * decides nothing.
 */

/**
 * @typedef {import('steadfast').Client} Client
 * @typedef {import('steadfast').LinkState} LinkState
 * @typedef {import('steadfast').Reason} Reason
 * @typedef {import('steadfast').Message} Notice
 * @typedef {import('steadfast').QualityReport} QualityReport
 * @typedef {import('steadfast').Statistics} Statistics
 * @typedef {NonNullable<Parameters<Client['subscribe']>[1]>} Handlers
 * @typedef {'state' | 'reason' | 'quality' | 'notices' | 'getStatistics'} Said
 * @typedef {'onStateChange' | 'onQuality' | 'onNotice' | 'publish' | 'reconnect'} Done
 */

/** @template {unknown[]} A */
class Listeners {
  constructor() {
    /** @type {Set<(...told: A) => void>} */
    this.all = new Set();
  }

  /** @param {(...told: A) => void} listener */
  add(listener) {
    this.all.add(listener);
    return () => void this.all.delete(listener);
  }

  /** @param {A} told */
  tell(...told) {
    this.all.forEach((listener) => listener(...told));
  }
}

class FakeSubscription {
  /** @param {string} channel @param {Handlers} handlers */
  constructor(channel, handlers) {
    this.channel = channel;
    this.handlers = handlers;
    this.isFollowed = true;
    this.offset = 0;
  }

  unsubscribe() {
    this.isFollowed = false;
  }

  /** @param {string} event @param {unknown} [data] */
  deliver(event, data = null) {
    this.offset += 1;
    const time = '2026-03-01T08:00:00.000Z';
    const { channel, offset } = this;
    this.told('onEvent', { channel, epoch: 'e1', offset, event, data, time });
  }

  follow() {
    const position = { epoch: 'e1', offset: this.offset };
    this.told('onSubscribed', { position, isRecovered: true });
  }

  finish() {
    this.told('onFinished', undefined);
  }

  /** @param {'epoch_changed' | 'retention'} cause @param {{ epoch: string, offset: number }} to */
  gap(cause, to) {
    this.offset = to.offset;
    this.told('onGap', { from: { epoch: 'e0', offset: 3 }, to, cause });
  }

  /** @param {string} code @param {boolean} isRetryable */
  refuse(code, isRetryable) {
    this.told('onError', Object.assign(new Error(code), { code, isRetryable }));
  }

  /**
   * @param {'onEvent' | 'onGap' | 'onSubscribed' | 'onFinished' | 'onError'} name
   * @param {any} what
   */
  told(name, what) {
    const handler = /** @type {((what: any) => void) | undefined} */ (this.handlers[name]);
    if (this.isFollowed && handler) {
      handler(what);
    }
  }
}

/** @implements {Pick<Client, Said | Done>} */
class FakeClient {
  constructor() {
    /** @type {LinkState} */
    this.state = 'disconnected';
    /** @type {Reason} */
    this.reason = 'closed';
    /** @type {QualityReport['grade']} */
    this.grade = 'unknown';
    /** @type {Notice | null} */
    this.notices = null;
    /** @type {Statistics} */
    this.statistics = {
      totalReconnects: 0,
      successfulReconnects: 0,
      failedReconnects: 0,
      lastConnectedAt: null,
      lastDisconnectedAt: null,
      totalDowntime: 0,
      availability: 0,
      realtimeAvailability: 0,
    };
    /** @type {FakeSubscription[]} */
    this.subscriptions = [];
    /** @type {{ channel: string, event: string, data: unknown, options: object }[]} */
    this.published = [];
    this.reconnects = 0;
    /** @type {Error | null} Why publishing fails. */
    this.publishError = null;
    /** @type {Listeners<[LinkState, LinkState, Reason]>} */
    this.states = new Listeners();
    /** @type {Listeners<[QualityReport]>} */
    this.qualities = new Listeners();
    /** @type {Listeners<[Notice | null]>} */
    this.told = new Listeners();
  }

  /** @returns {QualityReport} */
  get quality() {
    const parts = { delay: 0, loss: 0, disconnects: 0, outage: 0, delivery: 0 };
    return { score: 80, grade: this.grade, parts, reason: null };
  }

  /** @param {(newState: LinkState, oldState: LinkState, reason: Reason) => void} fn */
  onStateChange(fn) {
    return this.states.add(fn);
  }

  /** @param {(report: QualityReport) => void} fn */
  onQuality(fn) {
    return this.qualities.add(fn);
  }

  /** @param {(notice: Notice | null) => void} fn */
  onNotice(fn) {
    return this.told.add(fn);
  }

  getStatistics() {
    return this.statistics;
  }

  reconnect() {
    this.reconnects += 1;
  }

  /** @param {string} channel @param {Handlers} [handlers] */
  subscribe(channel, handlers = {}) {
    const subscription = new FakeSubscription(channel, handlers);
    this.subscriptions.push(subscription);
    return subscription;
  }

  /**
   * @param {string} channel
   * @param {string} event
   * @param {unknown} data
   * @param {object} [options]
   */
  async publish(channel, event, data, options = {}) {
    if (this.publishError) {
      throw this.publishError;
    }
    this.published.push({ channel, event, data, options });
    return { epoch: 'e1', offset: this.published.length };
  }

  /** @param {LinkState} state @param {Reason} reason */
  becomes(state, reason) {
    const old = this.state;
    this.state = state;
    this.reason = reason;
    this.states.tell(state, old, reason);
  }

  /** @param {QualityReport['grade']} grade */
  grades(grade) {
    this.grade = grade;
    this.qualities.tell(this.quality);
  }

  /** @param {Notice | null} notice */
  tells(notice) {
    this.notices = notice;
    this.told.tell(notice);
  }

  /** How many the mini-program has not taken back. */
  get listeners() {
    return this.states.all.size + this.qualities.all.size + this.told.all.size;
  }
}

module.exports = { FakeClient };
