/**
 * The diagnoses that this phone has opened, kept over restarts. In: records. Out: the same, later.
 * Must not know what is in a record but its id.
 */
const { blank } = require('./diagnosis');

/** @typedef {import('./diagnosis').Diagnosis} Diagnosis */

const LIST_KEY = 'diagnoses';
/** The oldest beyond these are forgotten. */
const KEPT_MAX = 20;

/** @returns {string[]} Ids, the last opened first. */
function list() {
  return wx.getStorageSync(LIST_KEY) || [];
}

/** @param {string} id @returns {Diagnosis} */
function open(id) {
  const ids = [id, ...list().filter((other) => other !== id)];
  ids.slice(KEPT_MAX).forEach((other) => wx.removeStorageSync(keyOf(other)));
  wx.setStorageSync(LIST_KEY, ids.slice(0, KEPT_MAX));
  return wx.getStorageSync(keyOf(id)) || blank(id);
}

/** @param {Diagnosis} record */
function keep(record) {
  wx.setStorageSync(keyOf(record.id), record);
}

/** @param {string} id */
function keyOf(id) {
  return `diagnosis/${id}`;
}

module.exports = { KEPT_MAX, keep, list, open };
