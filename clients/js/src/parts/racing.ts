// The race between two endpoints, as a part of a link. In: how long sockets took to open. Out: when
// to dial another endpoint beside the first. Without it the next endpoint is dialled once the first
// has failed.

import { NEVER } from "../machine/time.js";
import { race } from "../link/coordinator/dials.js";
import { isHeldBack } from "../link/connector/dialing.js";
import { open, raceAfter, rivalOf } from "../link/connector/endpoints.js";
import type { RacingPart } from "./parts.js";

/** Makes the part. */
export const racing = (): RacingPart => ({
  raceAt: (endpoints, now, endpoint) =>
    rivalOf(endpoints, endpoint) === undefined ? NEVER : now + raceAfter(endpoints),
  race,
  onOpened: (connector, took) => {
    if (!isHeldBack(connector)) open(connector.endpoints, took);
  },
});
