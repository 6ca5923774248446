// Twin of crates/link/src/coordinator/timers.rs. Everything whose time has come, and when the next
// thing's will. In: the time. Out: whatever is due, done. Each step may end in another state; the
// next one sees that.

import { type Millis, NEVER } from "../../machine/time.js";
import * as connector from "../connector.js";
import { takeDue as takeReviewDue, takeProbeDue } from "../connector/fallback_policy.js";
import type { Link } from "../coordinator.js";
import { takeDue } from "../credential.js";
import * as health from "../health.js";
import * as pacer from "../pacer.js";
import { isLive } from "../phase.js";
import * as poller from "../poller.js";
import * as subscriptions from "../subscriptions.js";
import { runRequests } from "./app.js";
import { beginAttempt } from "./dials.js";
import { fallBackIfWanted, planProbe, probePath, wantsProbeInPause } from "./fallback.js";
import { askAgain } from "./frame.js";
import { sendTimed } from "./measurements.js";
import { runPolls } from "./polls.js";
import { onAttemptEnd, onSessionEnd, restIfFinished, showReconnecting } from "./reconnect.js";
import { renewalAt, runRenewal } from "./refresh.js";
import { returnAt, returnIfProven } from "./returning.js";

/** Does what is due. */
export function run(link: Link, now: Millis): void {
  runSession(link, now);
  runSubscriptions(link, now);
  runRequests(link, now);
  link.publisher?.run(link, now);
  restIfFinished(link, now);
  runAttempt(link, now);
  runPolicy(link, now);
  runPolls(link, now);
  runToken(link, now);
  runRenewal(link, now);
  returnIfProven(link, now);
}

/** When something will be due; never where only an input can change things. */
export function nextWake(link: Link): Millis {
  const { session } = link.health;
  return Math.min(
    link.publisher?.nextDeadline(session && pacer.openAt(link.pacer)) ?? NEVER,
    pacer.nextDeadline(link.pacer),
    tokenWake(link),
    connector.nextDeadline(link.connector),
    returnAt(link),
    health.nextDeadline(link.health, link.settings),
    session ? subscriptions.nextDeadline(link.subscriptions) : NEVER,
    poller.nextDeadline(link.poller, link.connector.endpoints.http),
  );
}

/** Nobody is asked for a token while the link wants none, or has no network. */
const tokenWake = (link: Link): Millis =>
  link.phase === "resting" || link.phase === "offline"
    ? NEVER
    : Math.min(link.credential.askAt, renewalAt(link));

function runSession(link: Link, now: Millis): void {
  for (let next; (next = health.nextAction(link.health, now, link.settings)); ) {
    switch (next.kind) {
      case "say":
        sendTimed(link, now, next.frame);
        break;
      case "doubt":
        link.send(link.health.session!.socket, next.frame);
        break;
      case "leave":
        leaveSession(link, now);
        break;
      case "silent":
        onSessionEnd(link, now, { kind: "silent" });
    }
  }
}

function runSubscriptions(link: Link, now: Millis): void {
  let id;
  while (link.health.session && (id = subscriptions.due(link.subscriptions, now))) {
    askAgain(link, now, id);
  }
}

/** An attempt that has taken too long may be followed by the next one at once. */
function runAttempt(link: Link, now: Millis): void {
  for (;;) {
    const { attempt } = link.connector;
    if (!attempt) return;
    if (attempt.at <= now) {
      if (attempt.dials.length) onAttemptEnd(link, now, { kind: "timeout" });
      else beginAttempt(link, now);
    } else if (attempt.raceAt <= now) link.connector.racing!.race(link, now);
    else return;
  }
}

function runPolicy(link: Link, now: Millis): void {
  const { attempt, policy } = link.connector;
  if (!policy) return;
  const isProbeDue = takeProbeDue(policy, now);
  const isReviewDue = takeReviewDue(policy, now);
  if (isProbeDue && attempt?.dials.length) {
    showReconnecting(link, now);
    probePath(link, now);
  } else if (isProbeDue && attempt?.kind === "waiting" && wantsProbeInPause(link)) {
    probePath(link, now);
    planProbe(link, now);
  }
  if (isReviewDue) fallBackIfWanted(link, now);
}

function runToken(link: Link, now: Millis): void {
  if (tokenWake(link) < NEVER && takeDue(link.credential, now)) {
    link.out.push({ kind: "want_token" });
  }
}

/** The server wants the session gone by now: the next one is sought beside it. */
export function leaveSession(link: Link, now: Millis): void {
  if (isLive(link.phase)) connector.leave(link.connector, now);
  // While it polls nothing is lost by breaking first.
  else onSessionEnd(link, now, { kind: "left" });
}
