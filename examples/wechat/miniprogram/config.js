/**
 * Where the service is, by the mini-program's version: the one in the developer tools, the one on
 * trial, the one that is released. WeChat asks for https (and so wss) outside the developer tools,
 * and for both hosts to be among the legal domains of the account, see README.md.
 *
 * `rehearses`: the mini-program plays the backend too, so that there is something to follow without
 * one. Never where a token would have to permit it. `backend`: your own, which gives tokens and
 * answers; empty where there is none, and then neither is asked for.
 */

/** @typedef {{ url: string, backend: string, rehearses: boolean }} Config */

/** @type {Record<'develop' | 'trial' | 'release', Config>} */
const configs = {
  develop: { url: 'http://127.0.0.1:8080', backend: '', rehearses: true },
  trial: {
    url: 'https://realtime.example.com',
    backend: 'https://app.example.com',
    rehearses: false,
  },
  release: {
    url: 'https://realtime.example.com',
    backend: 'https://app.example.com',
    rehearses: false,
  },
};

module.exports = configs[wx.getAccountInfoSync().miniProgram.envVersion];
