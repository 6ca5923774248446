/**
 * The part of `wx` that the client uses: sockets, requests, what WeChat tells of itself, all over
 * real connections. In: a phone for the rest of `wx`; what happens to the mini-program. Out: an
 * object to put in the place of `wx`. Has WeChat's limits: five sockets, none closed before it is
 * open, none kept in the background.
 */
const { WebSocket } = require('ws');

/** @typedef {import('./phone').Phone} Phone */
/** @typedef {Record<string, (told: any) => void>} Callbacks */

const SOCKETS_MAX = 5;

class Air {
  /** @param {Phone} phone */
  constructor(phone) {
    this.phone = phone;
    /** WebSocket does not get through; plain requests do. */
    this.isBlocked = false;
    /** @type {Set<WebSocket>} */
    this.sockets = new Set();
    /** @type {Map<string, Set<(told: any) => void>>} */
    this.listeners = new Map();
  }

  get wx() {
    return {
      ...this.phone.wx,
      ...this.signal('AppShow'),
      ...this.signal('AppHide'),
      ...this.signal('NetworkStatusChange'),
      ...this.signal('NetworkWeakChange'),
      /** @param {Callbacks} options */
      getNetworkType: (options) => options.success?.({ networkType: 'wifi' }),
      /** @param {any} options */
      connectSocket: (options) => this.connect(options),
      /** @param {any} options */
      request: (options) => this.ask(options),
    };
  }

  /** People look at something else: WeChat says so, and then takes the sockets. */
  hides() {
    this.tell('AppHide', undefined);
    this.sockets.forEach((socket) => socket.terminate());
  }

  /** People come back. */
  shows() {
    this.tell('AppShow', { path: '', query: {}, scene: 1001 });
  }

  /** @param {string} name */
  signal(name) {
    /** @type {Set<(told: any) => void>} */
    const all = new Set();
    this.listeners.set(name, all);
    return {
      [`on${name}`]: (/** @type {(told: any) => void} */ fn) => void all.add(fn),
      [`off${name}`]: (/** @type {(told: any) => void} */ fn) => void all.delete(fn),
    };
  }

  /** @param {string} name @param {unknown} what */
  tell(name, what) {
    this.listeners.get(name)?.forEach((fn) => fn(what));
  }

  /** @param {{ url: string, fail?: (told: { errMsg: string }) => void }} options */
  connect({ url, fail }) {
    /** @type {Callbacks} */
    const on = {};
    const full = this.sockets.size >= SOCKETS_MAX;
    const socket = new WebSocket(full || this.isBlocked ? 'ws://127.0.0.1:9' : url);
    if (full) {
      fail?.({ errMsg: 'connectSocket:fail exceed max task count' });
    }
    this.sockets.add(socket);
    socket.on('open', () => on.open?.({ header: {}, profile: {} }));
    socket.on('message', (data) => on.message?.({ data: String(data) }));
    socket.on('error', ({ message }) => on.error?.({ errMsg: message }));
    socket.on('close', (code) => {
      this.sockets.delete(socket);
      on.close?.({ code, reason: '' });
    });
    return {
      onOpen: (/** @type {Callbacks['']} */ fn) => void (on.open = fn),
      onMessage: (/** @type {Callbacks['']} */ fn) => void (on.message = fn),
      onError: (/** @type {Callbacks['']} */ fn) => void (on.error = fn),
      onClose: (/** @type {Callbacks['']} */ fn) => void (on.close = fn),
      /** @param {{ data: string }} options */
      send: ({ data }) => socket.send(data),
      /** @param {{ code: number, fail?: (told: { errMsg: string }) => void }} options */
      close: (options) => {
        if (socket.readyState === WebSocket.CONNECTING) {
          options.fail?.({ errMsg: 'closeSocket:fail WebSocket is not connected' });
        } else {
          socket.close(options.code);
        }
      },
    };
  }

  /**
   * @param {{ url: string, method?: string, header: Record<string, string>, timeout?: number,
   *   data?: string | object, dataType?: string } & Callbacks} asked
   */
  ask({ url, method, header, timeout = 60_000, data: sent, dataType = 'json', success, fail }) {
    const given = new AbortController();
    const signal = AbortSignal.any([given.signal, AbortSignal.timeout(timeout)]);
    const answer = async () => {
      const body = typeof sent === 'object' ? JSON.stringify(sent) : sent;
      const asked = { method, headers: header, body, redirect: 'manual', signal };
      const response = await fetch(url, /** @type {RequestInit} */ (asked));
      const text = await response.text();
      const data = dataType === 'json' ? parsed(text) : text;
      return { statusCode: response.status, header: Object.fromEntries(response.headers), data };
    };
    answer().then(success, () => fail?.({ errMsg: 'request:fail' }));
    return { abort: () => given.abort() };
  }
}

/** WeChat's own reading: what is no JSON stays text. @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

module.exports = { Air };
