/**
 * The texts of pages and components, in the language of the user's WeChat. What is said of the link
 * itself comes with the client, see components/link-status.
 */

/** @typedef {typeof import('./en')} Texts */

/** @returns {'zh-CN' | 'en'} */
function language() {
  return wx.getAppBaseInfo().language.startsWith('zh') ? 'zh-CN' : 'en';
}

/** @returns {Texts} */
function texts() {
  return language() === 'zh-CN' ? require('./zh-CN') : require('./en');
}

module.exports = { language, texts };
