// Twin of crates/link/src/link/run.rs. Everything whose time has come, and when the next thing's
// will. In: the time. Out: whatever is due, done. Each step may end in another state; the next one
// sees that.

import type { Millis } from "../../machine/time.js";
import { type Wake, earlier } from "../../machine/wake.js";
import type { Link } from "../link.js";
import type { Attempt } from "../phase.js";
import type { Why } from "../wake.js";
import { beginAttempt, onEnd } from "./attempt.js";
import { askAgain } from "./frame.js";
import { say } from "./gauge.js";
import { fallBackIfWanted, runPolls } from "./polls.js";
import { restIfFinished, runPublishes } from "./publishes.js";

type MaybeWake = Wake<Why> | undefined;

/** Does what is due. */
export function run(link: Link, now: Millis): void {
  runSession(link, now);
  runRequests(link, now);
  runPublishes(link, now);
  restIfFinished(link, now);
  runAttempt(link, now);
  runEffort(link, now);
  runPolls(link, now);
}

/** When something will be due, and what. */
export function nextWake(link: Link): MaybeWake {
  const publishAt = link.publishes.wake(!!link.phase.session);
  return earlier(phaseWake(link), wakeAt(publishAt, "publish"));
}

function phaseWake(link: Link): MaybeWake {
  const { phase, config, channels } = link;
  const { attempt, session } = phase;
  const isPolling = phase.kind === "polling";
  let wake: MaybeWake = attempt && attemptWake(attempt, isPolling ? "return" : "backoff");
  if (phase.kind === "trying") wake = earlier(wake, wakeAt(phase.effort.dueAt, "effort"));
  if (session) wake = earlier(session.wake(config), wakeAt(channels.wake(), "subscribe"));
  if (isPolling) for (const one of phase.polls) wake = earlier(wake, one.wake());
  return wake;
}

function runSession(link: Link, now: Millis): void {
  for (;;) {
    const { session } = link.phase;
    const due = session?.due(now, link.config, link.gauge.rtt);
    switch (due?.kind) {
      case "say":
        say(link, now, session!.socket, due.frame);
        break;
      case "doubt":
        link.gauge.doubt();
        link.send(session!.socket, due.frame);
        break;
      case "end":
        onEnd(link, now, due.end);
        break;
      case undefined:
        return;
    }
  }
}

function runRequests(link: Link, now: Millis): void {
  let id;
  while (link.phase.session && (id = link.channels.due(now))) askAgain(link, now, id);
}

/** An attempt that has taken too long may be followed by the next one at once. */
function runAttempt(link: Link, now: Millis): void {
  for (;;) {
    const { attempt } = link.phase;
    if (attempt?.kind === "waiting" && attempt.at <= now) beginAttempt(link, now);
    else if (attempt && "until" in attempt && attempt.until <= now) {
      onEnd(link, now, { kind: "timeout" });
    } else return;
  }
}

function runEffort(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind === "trying" && phase.effort.takeDue(now)) fallBackIfWanted(link, now);
}

function attemptWake(attempt: Attempt, waiting: Why): MaybeWake {
  switch (attempt.kind) {
    case "waiting":
      return { at: attempt.at, why: waiting };
    case "wanting_token":
      return undefined;
    case "opening":
    case "greeting":
      return { at: attempt.until, why: "connect_timeout" };
  }
}

/** A wake then, if there is such a time. */
export const wakeAt = (at: Millis | undefined, why: Why): MaybeWake =>
  at === undefined || at === Infinity ? undefined : { at, why };
