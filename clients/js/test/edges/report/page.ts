// A diagnosis page as it was written for version 2.1.0 of the report's client, which stood in
// `../services/webSocketClient`. Only the line that imports it is another one.

import webSocketClient from "../../../src/v2.js";

const STATUS_COLORS = {
  disconnected: "#ccc",
  connecting: "#ffa500",
  connected: "#52c41a",
  reconnecting: "#faad14",
  fallback: "#ff4d4f",
};

/** What the page shows, in the order in which it was set. */
export interface Shown {
  connectionStatus?: keyof typeof STATUS_COLORS;
  statusColor?: string;
  progress?: number;
  result?: unknown;
  isComplete?: boolean;
  error?: string;
  hint?: string;
  availability?: string;
  totalReconnects?: number;
}

/** The page; `shown` stands for what `setData` shows. */
export function diagnosisPage(shown: (data: Shown) => void) {
  return {
    data: {} as Shown,

    setData(data: Shown) {
      Object.assign(this.data, data);
      shown(data);
    },

    onLoad({ executionId }: { executionId: string }) {
      webSocketClient.connect(executionId, {
        onConnected: () => this.setData({ hint: "" }),
        onDisconnected: (about) => this.setData({ hint: `断开：${about.reason}` }),
        onProgress: (data) => this.setData({ progress: (data as { percent: number }).percent }),
        onResult: (data) => this.setData({ result: data }),
        onComplete: () => {
          this.setData({ isComplete: true });
          this.showStatistics();
        },
        onError: (error) => this.setData({ error: (error as { message: string }).message }),
        onFallback: () => this.setData({ hint: "使用轮询降级方案" }),
        onStateChange: (newState, oldState) => {
          if (newState === oldState) throw new Error("no change");
          const statusColor = STATUS_COLORS[newState];
          this.setData({ connectionStatus: newState, statusColor });
        },
      });
    },

    showStatistics() {
      const stats = webSocketClient.getStatistics();
      const { availability, totalReconnects } = stats;
      this.setData({ availability, totalReconnects });
    },

    onUnload() {
      webSocketClient.disconnect();
    },
  };
}
