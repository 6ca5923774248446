/**
 * A page as it was written for version 2.1.0, not a line of it changed since: the old client's
 * callbacks, its state colours, its statistics every minute. It shows that such code runs on.
 */
const webSocketClient = require('../../services/webSocketClient');

Page({
  data: {
    executionId: '',
    connectionStatus: 'disconnected',
    statusColor: '#ccc',
    progress: 0,
    result: '',
    isComplete: false,
    errorMessage: '',
    isFallback: false,
    availability: '',
    totalReconnects: 0,
  },

  statisticsTimer: 0,

  /** @param {{ id?: string }} options */
  onLoad(options) {
    const executionId = options.id || '';
    this.setData({ executionId });

    webSocketClient.connect(executionId, {
      onConnected: () => {
        console.log('[WebSocket] 连接成功');
        this.updateStatistics();
      },
      onDisconnected: (info) => {
        console.warn('[WebSocket] 连接断开', info.reason);
      },
      onProgress: (data) => {
        this.setData({ progress: /** @type {{ percent: number }} */ (data).percent });
      },
      onResult: (data) => {
        this.setData({ result: JSON.stringify(data) });
      },
      onComplete: () => {
        this.setData({ progress: 100, isComplete: true });
        this.updateStatistics();
      },
      onError: () => {
        this.setData({ errorMessage: '诊断未成功' });
      },
      onFallback: () => {
        this.setData({ isFallback: true });
      },
      onStateChange: (newState, oldState) => {
        console.log(`状态变更：${oldState} -> ${newState}`);
        const statusColors = {
          'disconnected': '#ccc',
          'connecting': '#ffa500',
          'connected': '#52c41a',
          'reconnecting': '#faad14',
          'fallback': '#ff4d4f'
        };

        this.setData({
          connectionStatus: newState,
          statusColor: statusColors[newState]
        });
      },
    });

    this.statisticsTimer = setInterval(() => this.updateStatistics(), 60000);
  },

  updateStatistics() {
    const stats = webSocketClient.getStatistics();
    this.setData({
      availability: stats.availability,
      totalReconnects: stats.totalReconnects
    });
  },

  onUnload() {
    clearInterval(this.statisticsTimer);
    webSocketClient.disconnect();
  },
});
