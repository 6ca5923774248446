/**
 * The mini-program. It has one client for its whole life, which connects here and finds out by
 * itself when WeChat hides it, shows it or changes the network.
 */
const { client } = require('./services/realtime');

App({
  globalData: { client },

  onLaunch() {
    client.onStateChange((newState, oldState, reason) => {
      console.info(`[link] ${oldState} -> ${newState} (${reason})`);
    });
  },
});
