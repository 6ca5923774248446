/**
 * The one client of the mini-program. Comes in: where the service is. Goes out: the client, for
 * pages and components. WeChat allows five sockets; this is one, however many pages follow how
 * many channels.
 */
const { connect } = require('steadfast');
const config = require('../config');
const backend = require('./backend');

const client = connect({
  url: config.url,
  token: config.backend ? backend.token : undefined,
  client: { name: 'steadfast-wechat-example', version: '0.1.0', platform: 'wechat' },
});

module.exports = { client };
