/**
 * What `require('steadfast')` gives where a test drives the link. In: what the mini-program connects
 * with. Out: its client, for the test.
 */
const { FakeClient } = require('./client');

/** @type {{ client: FakeClient | null, options: any }} */
const made = { client: null, options: null };

/** @param {object} options */
function connect(options) {
  made.client = new FakeClient();
  made.options = options;
  return made.client;
}

/** @returns {FakeClient} */
function theClient() {
  if (made.client === null) {
    throw new Error('the mini-program has not connected yet');
  }
  return made.client;
}

module.exports = { connect, made, theClient };
