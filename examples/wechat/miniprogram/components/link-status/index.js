/**
 * How the link is: its state in a colour, a shape and a word, its quality, and what people are to
 * be told of it. Comes in: the client; `actions`, what the page can do about a notice beside what
 * is done here. Goes out: the event `action`, when people ask for one of those. Must not decide
 * what is shown when: the client does.
 */
const { textOf } = require('steadfast/texts');
const { client } = require('../../services/realtime');
const { language, texts } = require('../../i18n/index');

/**
 * @typedef {import('steadfast').Message} Notice
 * @typedef {import('steadfast/texts').Action} Action
 * @typedef {{ severity: string, title: string, body: string, action: Action | null }} Shown
 */

/** Has the link here again, after another place took it over. */
const USE_HERE = 'use_here';

Component({
  properties: {
    /** Kinds of actions that the page carries out; a notice's button is shown for no others. */
    actions: { type: Array, value: /** @type {string[]} */ ([]) },
  },

  data: {
    state: client.state,
    word: '',
    grade: '',
    notice: /** @type {Shown | null} */ (null),
  },

  lifetimes: {
    attached() {
      const stops = [
        client.onStateChange(() => this.drawState()),
        client.onQuality(() => this.drawState()),
        client.onNotice((notice) => this.drawNotice(notice)),
      ];
      this.stop = () => stops.forEach((stop) => stop());
      this.drawState();
      this.drawNotice(client.notices);
    },

    detached() {
      this.stop();
    },
  },

  methods: {
    /** Each instance gets its own when it is attached. */
    stop() {},

    drawState() {
      const { state, quality } = client;
      const { states, grades, quality: label } = texts();
      const flows = state === 'connected' || state === 'fallback';
      const word = quality.grade === 'unknown' || !flows ? '' : grades[quality.grade];
      this.setData({
        state,
        word: states[state],
        grade: word && `${label}: ${word}`,
      });
    },

    /** @param {Notice | null} notice */
    drawNotice(notice) {
      this.setData({ notice: notice && this.shown(notice) });
    },

    /** @param {Notice} notice @returns {Shown} */
    shown(notice) {
      const { title, body, action } = textOf(notice, language());
      const canAct = action && [USE_HERE, ...this.data.actions].includes(action.kind);
      return { severity: notice.severity, title, body, action: canAct ? action : null };
    },

    act() {
      const kind = this.data.notice && this.data.notice.action && this.data.notice.action.kind;
      if (kind === USE_HERE) {
        client.reconnect();
      } else if (kind) {
        this.triggerEvent('action', { kind });
      }
    },
  },
});
