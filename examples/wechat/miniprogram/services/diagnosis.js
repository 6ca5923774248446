/**
 * What a diagnosis looks like, from its events. In: a record and an event, or a gap. Out: the next
 * record. A record has its position in it: what is shown and where it was read to are one thing, so
 * that neither can be ahead of the other. Must not know wx, pages or the client.
 */

/** Older events of a long diagnosis are not kept on the phone. */
const EVENTS_MAX = 100;

/**
 * @typedef {{ epoch: string, offset: number }} Position
 * @typedef {{ epoch: string, offset: number, name: string, time: string }} Line
 * @typedef {'waiting' | 'running' | 'complete' | 'failed'} Phase
 * @typedef {object} Diagnosis
 * @property {string} id
 * @property {Position | null} position The last event that is in here; null before the first.
 * @property {Phase} phase
 * @property {number} percent 0 to 100.
 * @property {string} step What is being done, in the backend's words.
 * @property {unknown} result Null until there is one.
 * @property {boolean} isFinished Nothing more will come.
 * @property {boolean} hasGap Some events could not be had.
 * @property {Line[]} events The newest last.
 */

/** @param {string} id @returns {Diagnosis} */
function blank(id) {
  return {
    id,
    position: null,
    phase: 'waiting',
    percent: 0,
    step: '',
    result: null,
    isFinished: false,
    hasGap: false,
    events: [],
  };
}

/** @param {string} id */
function channelOf(id) {
  return `diagnosis:${id}`;
}

/** @param {string} id Whether it can be part of a channel's name. */
function isId(id) {
  return /^[A-Za-z0-9_.-]{1,200}$/.test(id);
}

/**
 * @param {Diagnosis} record
 * @param {{ epoch: string, offset: number, event: string, data: unknown, time: string }} event
 * @returns {Diagnosis}
 */
function apply(record, event) {
  const { epoch, offset, time } = event;
  const line = { epoch, offset, name: event.event, time };
  const next = {
    ...record,
    position: { epoch, offset },
    events: [...record.events, line].slice(-EVENTS_MAX),
  };
  switch (event.event) {
    case 'progress':
      return { ...next, phase: 'running', ...progressOf(event.data, record) };
    case 'result':
      return { ...next, result: event.data };
    case 'complete':
      return { ...next, phase: 'complete', percent: 100, step: '' };
    case 'error':
      return { ...next, phase: 'failed' };
    default:
      return next;
  }
}

/** @param {Diagnosis} record @param {Position} to @returns {Diagnosis} */
function skip(record, to) {
  return { ...record, position: to, hasGap: true };
}

/** @param {Diagnosis} record @returns {Diagnosis} */
function finish(record) {
  return { ...record, isFinished: true };
}

/**
 * The backend may say how far it is, what it does, or both.
 * @param {unknown} data
 * @param {Diagnosis} record
 */
function progressOf(data, record) {
  const { percent, step } = /** @type {{ percent?: unknown, step?: unknown }} */ (data || {});
  return {
    percent: typeof percent === 'number' ? Math.min(100, Math.max(0, percent)) : record.percent,
    step: typeof step === 'string' ? step : record.step,
  };
}

module.exports = { EVENTS_MAX, apply, blank, channelOf, finish, isId, skip };
