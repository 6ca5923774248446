/** Numbers as people read them. In: milliseconds, shares, dates. Out: text. */

/**
 * @param {number} ms
 * @param {{ hours: string, minutes: string, seconds: string }} words
 */
function spanOf(ms, words) {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours > 0) {
    return `${hours} ${words.hours} ${minutes % 60} ${words.minutes}`;
  }
  if (minutes > 0) {
    return `${minutes} ${words.minutes} ${seconds % 60} ${words.seconds}`;
  }
  return `${seconds} ${words.seconds}`;
}

/** @param {number} percent 0 to 100. */
function percentOf(percent) {
  return `${percent.toFixed(2)}%`;
}

/**
 * @param {string | null} date ISO 8601.
 * @returns {string} The time of day on this phone; empty for none.
 */
function clockOf(date) {
  if (date === null) {
    return '';
  }
  const at = new Date(date);
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

module.exports = { clockOf, percentOf, spanOf };
