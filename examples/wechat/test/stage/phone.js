/**
 * The part of `wx` that pages use themselves: storage, navigation, who and where we are. In: a
 * language. Out: an object to put in the place of `wx`, and what was asked of it.
 */

class Phone {
  /** @param {'zh_CN' | 'en'} language */
  constructor(language) {
    this.language = language;
    this.title = '';
    /** @type {string[]} */
    this.visited = [];
    /** @type {Map<string, string>} JSON, so that nobody shares an object with the storage. */
    this.storage = new Map();
  }

  get wx() {
    return {
      getAccountInfoSync: () => ({ miniProgram: { envVersion: 'develop' } }),
      getAppBaseInfo: () => ({ language: this.language }),
      /** @param {() => void} fn */
      nextTick: (fn) => queueMicrotask(fn),
      /** @param {{ url: string }} options */
      navigateTo: ({ url }) => void this.visited.push(url),
      /** @param {{ title: string }} options */
      setNavigationBarTitle: ({ title }) => void (this.title = title),
      /** @param {string} key */
      getStorageSync: (key) => JSON.parse(this.storage.get(key) || '""'),
      /** @param {string} key @param {unknown} value */
      setStorageSync: (key, value) => void this.storage.set(key, JSON.stringify(value)),
      /** @param {string} key */
      removeStorageSync: (key) => void this.storage.delete(key),
    };
  }
}

module.exports = { Phone };
