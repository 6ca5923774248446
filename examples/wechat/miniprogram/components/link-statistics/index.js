/**
 * How the link has fared. Comes in: the client's statistics. Goes out: nothing. Numbers that grow
 * with time are read anew every second, as long as somebody can see them.
 */
const { client } = require('../../services/realtime');
const { texts } = require('../../i18n/index');
const { clockOf, percentOf, spanOf } = require('./numbers');

const REFRESH_MS = 1000;

Component({
  data: {
    texts: texts().statistics,
    total: 0,
    successful: 0,
    failed: 0,
    downtime: '',
    availability: '',
    realtime: '',
    lastConnected: '',
    lastDisconnected: '',
  },

  lifetimes: {
    attached() {
      this.stop = client.onStateChange(() => this.draw());
      this.start();
    },

    detached() {
      this.pause();
      this.stop();
    },
  },

  pageLifetimes: {
    show() {
      this.start();
    },

    hide() {
      this.pause();
    },
  },

  methods: {
    /** Each instance gets its own of these two: when it is attached, and when it is started. */
    stop() {},
    pause() {},

    start() {
      this.pause();
      this.draw();
      const timer = setInterval(() => this.draw(), REFRESH_MS);
      this.pause = () => clearInterval(timer);
    },

    draw() {
      const statistics = client.getStatistics();
      const words = this.data.texts;
      this.setData({
        total: statistics.totalReconnects,
        successful: statistics.successfulReconnects,
        failed: statistics.failedReconnects,
        downtime: spanOf(statistics.totalDowntime, words),
        availability: percentOf(statistics.availability),
        realtime: percentOf(statistics.realtimeAvailability),
        lastConnected: clockOf(statistics.lastConnectedAt) || words.never,
        lastDisconnected: clockOf(statistics.lastDisconnectedAt) || words.never,
      });
    },
  },
});
