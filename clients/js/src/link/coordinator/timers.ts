// Twin of crates/link/src/coordinator/timers.rs. Everything whose time has come, and when the next
// thing's will. In: the time. Out: whatever is due, done. Each step may end in another state; the
// next one sees that.

import { type Millis, NEVER } from "../../machine/time.js";
import { takeDue } from "../credential.js";
import * as policy from "../fallback_policy.js";
import type { Link } from "../coordinator.js";
import * as poll from "../poll.js";
import { due, wake } from "../session.js";
import { runRequests } from "./app.js";
import { beginAttempt, planProbe, race } from "./attempt.js";
import { onAttemptEnd, onSessionEnd, showReconnecting } from "./reconnect.js";
import { askAgain } from "./frame.js";
import { sendTimed } from "./measurements.js";
import { fallBackIfWanted, probePath, returnAt, returnIfProven, runPolls } from "./polls.js";
import { restIfFinished, runPublishes } from "./publishes.js";
import { leaveSession } from "./successor.js";

/** Does what is due. */
export function run(link: Link, now: Millis): void {
  runSession(link, now);
  runSubscriptions(link, now);
  runRequests(link, now);
  runPublishes(link, now);
  restIfFinished(link, now);
  runAttempt(link, now);
  runPolicy(link, now);
  runPolls(link, now);
  runToken(link, now);
  returnIfProven(link, now);
}

/** When something will be due; never where only an input can change things. */
export function nextWake(link: Link): Millis {
  const { phase, channels } = link;
  const { attempt, session } = phase;
  return Math.min(
    link.publishes.wake(session ? link.pacer.openAt() : undefined) ?? NEVER,
    link.pacer.wake(),
    tokenWake(link),
    attempt ? Math.min(attempt.at, attempt.raceAt) : NEVER,
    phase.kind === "trying" ? policy.wake(phase.policy) : NEVER,
    returnAt(link),
    session ? Math.min(wake(session, link.config), channels.wake() ?? NEVER) : NEVER,
    phase.kind === "polling" ? poll.wake(phase.polls, link.endpoints.http) : NEVER,
  );
}

/** Nobody is asked for a token while the link wants none, or has no network. */
const tokenWake = ({ phase, credential }: Link): Millis =>
  phase.kind === "resting" || phase.kind === "offline" ? NEVER : credential.askAt;

function runSession(link: Link, now: Millis): void {
  for (;;) {
    const { session } = link.phase;
    const next = session && due(session, now, link.config, link.pathStats.rtt);
    if (!next) return;
    switch (next.kind) {
      case "say":
        sendTimed(link, now, session.socket, next.frame);
        break;
      case "doubt":
        link.pathStats.doubt();
        link.send(session.socket, next.frame);
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
  while (link.phase.session && (id = link.channels.due(now))) askAgain(link, now, id);
}

/** An attempt that has taken too long may be followed by the next one at once. */
function runAttempt(link: Link, now: Millis): void {
  for (;;) {
    const { attempt } = link.phase;
    if (!attempt) return;
    if (attempt.at <= now) {
      if (attempt.dials.length) onAttemptEnd(link, now, { kind: "timeout" });
      else beginAttempt(link, now);
    } else if (attempt.raceAt <= now) race(link, now);
    else return;
  }
}

function runPolicy(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind !== "trying") return;
  const isProbeDue = policy.takeProbeDue(phase.policy, now);
  const isDue = policy.takeDue(phase.policy, now);
  if (isProbeDue && phase.attempt.dials.length) {
    showReconnecting(link, now);
    probePath(link, now);
  } else if (isProbeDue && phase.attempt.kind === "waiting" && !link.device.isBackground) {
    probePath(link, now);
    planProbe(link, now);
  }
  if (isDue) fallBackIfWanted(link, now);
}

function runToken(link: Link, now: Millis): void {
  if (tokenWake(link) < NEVER && takeDue(link.credential, now)) {
    link.out.push({ kind: "want_token" });
  }
}
