/**
 * In the place of version 2.1.0's own `services/webSocketClient.js`: the same calls, callbacks and
 * statistics, over a link of today. Pages that were written for it stay as they are.
 */
const webSocketClient = require('steadfast/v2').default;
const config = require('../config');

webSocketClient.configure({ url: config.url });

module.exports = webSocketClient;
