// Twin of crates/link/src/connector/connect_race.rs. The sockets of one attempt while none is open:
// one, and after a while a rival to another endpoint, of which the first to open is kept. In: what
// was dialled, what opened or failed. Out: what is left. Must not know addresses.

import type { Millis } from "../../machine/time.js";
import type { SocketId } from "../input.js";

/** One socket that is opening. */
export interface Dial {
  readonly socket: SocketId;
  readonly endpoint: number;
  readonly since: Millis;
}

/** At least one socket that is opening, and at most two: the one that was dialled last is last. */
export type ConnectRace = readonly Dial[];

/** What is left without a socket that will not open. */
export const remove = (dials: ConnectRace, socket: SocketId): ConnectRace =>
  dials.filter((dial) => dial.socket !== socket);

/** The dial of this socket. */
export const find = (dials: ConnectRace, socket: SocketId): Dial | undefined =>
  dials.find((dial) => dial.socket === socket);
