// Twin of crates/link/src/coordinator/refresh.rs. A newer token for the live session, so that it
// outlives the one that opened it. In: when that one ends, tokens of the app, the server's answers.
// Out: a request to the app, and `refresh`. P-39

import { type Millis, NEVER, type Span } from "../../machine/time.js";
import type { ErrorFrame, Refreshed } from "../../protocol/frame/server.js";
import type { Link } from "../coordinator.js";
import { accept, wantEarly } from "../credential.js";
import { newRenewal, onRefused, takeAnswered } from "../credential/renewal.js";
import * as subscriptions from "../subscriptions.js";

/** The server took the token of this version, which ends the session after this time. */
export function onTokenAccepted(
  link: Link,
  now: Millis,
  version: number,
  endsIn: Span | null | undefined,
): void {
  accept(link.credential, version);
  link.sessionTokenVersion = version;
  link.renewal = endsIn == null ? undefined : newRenewal(now, endsIn, link.rng);
  refreshSession(link);
}

/** Sends the token in use to the session, where that has an older one and knows `refresh`. */
export function refreshSession(link: Link): void {
  const { renewal, credential, health } = link;
  const { token, version } = credential;
  if (version === link.sessionTokenVersion || !health.session || !renewal || token == null) return;
  const id = subscriptions.newRequest(link.subscriptions);
  renewal.askAt = NEVER;
  renewal.id = id;
  renewal.version = version;
  link.send(health.session.socket, { type: "refresh", id, token });
}

export function onRefreshed(link: Link, now: Millis, frame: Refreshed): void {
  const version = link.renewal && takeAnswered(link.renewal, frame.id);
  if (version !== undefined) onTokenAccepted(link, now, version, frame.expires_in_ms);
}

/** Whether an error was the answer to a `refresh`: the session goes on with the token it has. */
export function onRefreshError({ renewal }: Link, now: Millis, { id }: ErrorFrame): boolean {
  if (!renewal || takeAnswered(renewal, id) === undefined) return false;
  onRefused(renewal, now);
  return true;
}

/** When the app is to be asked for the session's next token. */
export const renewalAt = ({ renewal, health }: Link): Millis =>
  renewal && health.session ? renewal.askAt : NEVER;

export function runRenewal(link: Link, now: Millis): void {
  if (renewalAt(link) > now) return;
  link.renewal!.askAt = NEVER;
  if (wantEarly(link.credential)) link.out.push({ kind: "want_token" });
}
