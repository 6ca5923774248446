/**
 * Plays the backend, so that there is a diagnosis to follow without one. In: a client. Out: events
 * of a diagnosis, published one after the other. In your app a server does this, and the
 * mini-program only asks it to, with `wx.request`.
 */
const { channelOf } = require('./diagnosis');

/** @typedef {Pick<import('steadfast').Client, 'publish' | 'reconnect'>} Publisher */

const STEPS = ['collecting', 'asking', 'comparing', 'weighing', 'writing'];
const STEP_MS = 1500;

/** @returns {string} */
function newId() {
  const random = Math.random().toString(36).slice(2, 8);
  return `${Date.now().toString(36)}-${random}`;
}

/**
 * @param {Publisher} client
 * @param {string} id
 * @returns {Promise<void>} When the last event is published, or one could not be.
 */
async function rehearse(client, id) {
  const channel = channelOf(id);
  // A link whose channels have all finished rests, and takes nothing to publish.
  client.reconnect();
  for (let done = 0; done < STEPS.length; done += 1) {
    const percent = Math.round((done / STEPS.length) * 100);
    // The bar's old values are worth nothing: a slow reader may be given only the newest.
    const replace = { replace: 'progress' };
    await client.publish(channel, 'progress', { percent, step: STEPS[done] }, replace);
    await pause(STEP_MS);
  }
  await client.publish(channel, 'result', { score: 87, findings: 3 });
  await client.publish(channel, 'complete', {}, { final: true });
}

/** @param {number} ms @returns {Promise<void>} */
function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

module.exports = { newId, rehearse };
