// How a link has fared, as a part of it. In: changes of state, ends of attempts. Out: numbers that
// are right at any instant.

import { uptimeState } from "../link/coordinator/transitions.js";
import * as records from "../link/statistics.js";
import type { StatisticsPart } from "./parts.js";

/** Makes the part. */
export function statistics(): StatisticsPart {
  const record = records.newRecord();
  return {
    turn: (now, state, reason) => records.turn(record, now, uptimeState(state, reason)),
    sleep: (from, to) => records.sleep(record, from, to),
    begin: (isReconnect) => records.begin(record, isReconnect),
    succeed: (now) => records.succeed(record, now),
    fail: () => records.fail(record),
    withdraw: () => records.withdraw(record),
    answer: (rtt) => records.answer(record, rtt),
    at: (now, sleptFrom) => {
      const copy = records.clone(record);
      if (sleptFrom !== undefined) records.sleep(copy, sleptFrom, now);
      return records.statistics(copy, now);
    },
  };
}
