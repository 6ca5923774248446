// What an entry adds to a client of `steadfast/core`. In: a client. Out: parts for its link, and
// what the app can do with them. Knows no plugin.

import type { Client } from "./client.js";
import type { NetworkRecord } from "./link/connector/network_history.js";
import type { Parts } from "./parts/parts.js";

/** A feature of its own, made by the function of an entry; one may be given to several clients. */
export interface Plugin<Api extends object = object> {
  /** @internal The parts of a link that it needs. */
  readonly parts: Parts;
  /** Called once by each client, before its link is made. */
  attach?(client: Client): Attached<Api>;
}

/** What a plugin is to one client. */
export interface Attached<Api extends object = object> {
  /** Its properties become those of the client. */
  readonly api?: Api;
  /** @internal What was remembered of networks. */
  readonly networks?: readonly NetworkRecord[];
  /** @internal Saves what is to be kept over a reload. */
  save?(): void;
}

/** What a client has with these plugins. */
export type ApiOf<P extends readonly Plugin[]> = Intersection<
  { [I in keyof P]: P[I] extends Plugin<infer Api> ? (api: Api) => void : never }[number]
>;

type Intersection<F> = [F] extends [(api: infer Api) => void] ? Api : unknown;
