// How good the path is, as a part of a link. In: answers, misses, losses, delays. Out: notices of
// the grade, the report of an instant. Operators are told of it where `statistics` are there, too.

import { sleptFrom } from "../link/coordinator/device.js";
import { flow, measureDelivery, updateQuality } from "../link/coordinator/measurements.js";
import * as health from "../link/health.js";
import { tell } from "../link/health/path_stats.js";
import { newServerClock, sample } from "../link/health/server_clock.js";
import * as qualities from "../link/quality.js";
import type { QualityPart } from "./parts.js";

/** Makes the part. */
export function quality(): QualityPart {
  const meter = health.newMeter();
  const own = meter.quality;
  const awake = (now: number): void => {
    meter.serverClock = newServerClock(now);
  };
  return {
    onAnswer: (now, rtt) => qualities.onAnswer(own, now, rtt),
    onMiss: (now) => qualities.onMiss(own, now),
    onDelay: (microseconds) => qualities.onDelay(own, microseconds),
    onDisconnect: (now, isPlanned) => qualities.onDisconnect(own, now, isPlanned),
    onWeak: (now, isWeak) => qualities.onWeak(own, now, isWeak),
    onSleep: (from, to) => {
      qualities.onSleep(own, from, to);
      awake(to);
    },
    onResumed: awake,
    onServerTime: (now, rtt, serverTime) => sample(meter.serverClock, now, rtt, serverTime),
    onEvent: (link, now, event) => measureDelivery(link, meter, now, event),
    tell: (now, rtt, statistics) => statistics && tell(meter, rtt, now, statistics),
    update: (link, now) => updateQuality(link, meter, now),
    isPoor: (now) => health.isPoor(meter, now),
    report: (link, now) => health.report(meter, now, sleptFrom(link, now), flow(link, now)),
  };
}
