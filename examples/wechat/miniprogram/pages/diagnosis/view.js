/** A diagnosis as its page shows it. In: a record and the texts. Out: data for `setData`. */
const { clockOf } = require('../../components/link-statistics/numbers');

/** The page shows the newest events; setData is slow with long lists. */
const LINES_MAX = 30;

/**
 * @param {import('../../services/diagnosis').Diagnosis} record
 * @param {import('../../i18n/index').Texts['diagnosis']} texts
 */
function view(record, texts) {
  /** @type {Record<string, string>} */
  const steps = texts.steps;
  return {
    phase: record.phase,
    phaseText: texts.phases[record.phase],
    percent: record.percent,
    step: record.phase === 'running' ? steps[record.step] || record.step : '',
    result: record.result === null ? '' : JSON.stringify(record.result, null, 2),
    hasGap: record.hasGap,
    lines: record.events
      .slice(-LINES_MAX)
      .reverse()
      .map(({ epoch, offset, name, time }) => ({
        key: `${epoch}:${offset}`,
        offset,
        name,
        time: clockOf(time),
      })),
  };
}

module.exports = { LINES_MAX, view };
