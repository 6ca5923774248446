// Twin of crates/link/src/link/run.rs. Everything whose time has come, and when the next thing's
// will. In: the time. Out: whatever is due, done. Each step may end in another state; the next one
// sees that.

import { type Millis, NEVER } from "../../machine/time.js";
import { takeDue } from "../effort.js";
import type { Link } from "../link.js";
import * as poll from "../poll.js";
import { due, wake } from "../session.js";
import { beginAttempt, onEnd } from "./attempt.js";
import { askAgain } from "./frame.js";
import { say } from "./gauge.js";
import { fallBackIfWanted, runPolls } from "./polls.js";
import { restIfFinished, runPublishes } from "./publishes.js";

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

/** When something will be due; never where only an input can change things. */
export function nextWake(link: Link): Millis {
  const { phase, channels } = link;
  const { attempt, session } = phase;
  return Math.min(
    link.publishes.wake(!!session) ?? NEVER,
    attempt ? attempt.at : NEVER,
    phase.kind === "trying" ? phase.effort.dueAt : NEVER,
    session ? Math.min(wake(session, link.config), channels.wake() ?? NEVER) : NEVER,
    ...(phase.kind === "polling" ? phase.polls.map(poll.wake) : []),
  );
}

function runSession(link: Link, now: Millis): void {
  for (;;) {
    const { session } = link.phase;
    const next = session && due(session, now, link.config, link.gauge.rtt);
    if (!next) return;
    switch (next.kind) {
      case "say":
        say(link, now, session.socket, next.frame);
        break;
      case "doubt":
        link.gauge.doubt();
        link.send(session.socket, next.frame);
        break;
      case "left":
      case "silent":
        onEnd(link, now, next);
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
    if (!attempt || attempt.at > now) return;
    if (attempt.socket) onEnd(link, now, { kind: "timeout" });
    else beginAttempt(link, now);
  }
}

function runEffort(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind === "trying" && takeDue(phase.effort, now)) fallBackIfWanted(link, now);
}
