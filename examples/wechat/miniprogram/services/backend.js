/**
 * Your backend, over `wx.request`: it gives tokens, begins an answer and stops one. In: questions.
 * Out: promises. The backend of examples/python-llm answers these routes.
 */
const config = require('../config');

/**
 * @param {string} path
 * @param {WechatMiniprogram.IAnyObject} [data]
 * @returns {Promise<{ statusCode: number, data: any }>}
 */
function post(path, data = {}) {
  return new Promise((resolve, reject) => {
    wx.request({
      url: `${config.backend}${path}`,
      method: 'POST',
      header: { 'Content-Type': 'application/json' },
      data,
      success: resolve,
      fail: ({ errMsg }) => reject(new Error(errMsg)),
    });
  });
}

/**
 * A token for the client, which asks again whenever one has ended or is refused.
 * @returns {Promise<string | null>} Null where there is none, as after a sign-out.
 */
async function token() {
  const { statusCode, data } = await post('/realtime-token');
  if (statusCode === 401) {
    return null;
  }
  if (statusCode !== 200) {
    throw new Error(`no token for now: ${statusCode}`);
  }
  return data.token;
}

/** @param {string} text @returns {Promise<string>} The channel of the answer. */
async function ask(text) {
  const { statusCode, data } = await post('/answers', { text });
  if (statusCode !== 200) {
    throw new Error(`not asked: ${statusCode}`);
  }
  return data.channel;
}

/** @param {string} channel */
async function stop(channel) {
  await post(`/answers/${channel.slice('answer:'.length)}/stop`);
}

module.exports = { ask, stop, token };
