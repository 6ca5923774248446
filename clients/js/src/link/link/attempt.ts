// Twin of crates/link/src/link/attempt.rs. From nothing to a session, and from a session to
// nothing. In: what a socket did. Out: the dial, the `hello`, and after an end whatever the plan
// says. Must not know what frames say of channels.

import { type Millis, NEVER, NOT_YET } from "../../machine/time.js";
import { ABNORMAL, RECONNECT } from "../../protocol/close.js";
import type { Welcome } from "../../protocol/frame/server.js";
import * as backoff from "../backoff.js";
import { accept, rest, want } from "../credential.js";
import { fail, newEffort } from "../effort.js";
import { type End, closed, evidenceOf, leavesSocket, reasonOf } from "../end.js";
import type { Input, SocketId } from "../input.js";
import type { Link } from "../link.js";
import { stage, waiting } from "../phase.js";
import { newSession } from "../session.js";
import type { Reason } from "../state.js";
import { closeSocket, subscribe } from "./app.js";
import { paceSession } from "./device.js";
import { enterLive, enterReconnecting, enterResting } from "./enter.js";
import { gaugeEnd } from "./gauge.js";
import { plan } from "./plan.js";
import { cancelPolls, fallBackIfWanted, probePath } from "./polls.js";
import { noteEnd } from "./telling.js";

/** What the link closes a socket with when it means to come back. */
export const COMING_BACK = RECONNECT;

/** Begins the attempt that was planned; with a fresh token, where the last one was refused. */
export function beginAttempt(link: Link, now: Millis): void {
  const { phase } = link;
  if (!link.credential.isRefused) return openSocket(link, now);
  if (!phase.attempt) return;
  phase.attempt = { kind: "wanting_token", at: NEVER, socket: 0 };
  wantToken(link);
}

/** Asks the app for a token, unless it is being asked. */
export function wantToken(link: Link): void {
  if (want(link.credential)) link.out.push({ kind: "want_token" });
}

function openSocket(link: Link, now: Millis): void {
  const { phase } = link;
  if (!phase.attempt) return;
  const socket = ++link.lastSocket;
  phase.attempt = { kind: "opening", at: now + link.config.connectTimeoutMs, socket };
  // Whatever fails from here on, the change of network has had its attempt.
  link.networkChangedAt = NOT_YET;
  backoff.spend(link.schedule, now);
  link.record.begin(!(phase.kind === "trying" && phase.isFirst));
  link.out.push({ kind: "open_socket", socket, to: link.endpoint });
}

export function onSocketOpened(
  link: Link,
  now: Millis,
  { socket }: Input & { kind: "socket_opened" },
): void {
  const { phase } = link;
  if (!phase.attempt || stage(phase, socket) !== "opening") return;
  phase.attempt = { ...phase.attempt, kind: "greeting" };
  greet(link, now, socket);
}

export function onSocketFailed(
  link: Link,
  now: Millis,
  { socket, failure }: Input & { kind: "socket_failed" },
): void {
  const reached = stage(link.phase, socket);
  if (reached) onEnd(link, now, reached === "welcomed" ? closed(ABNORMAL) : failure);
}

export function onSocketClosed(
  link: Link,
  now: Millis,
  { socket, code }: Input & { kind: "socket_closed" },
): void {
  if (stage(link.phase, socket)) onEnd(link, now, closed(code));
}

/** The server took the session. */
export function onWelcome(link: Link, now: Millis, socket: SocketId, welcome: Welcome): void {
  const { phase } = link;
  link.hasConnected = true;
  link.record.succeed(now);
  link.gauge.welcome(now);
  accept(link.credential, link.greetedVersion);
  link.publishes.meet(welcome.limits.message_bytes);
  const session = newSession(socket, welcome, now);
  if (phase.kind === "trying") enterLive(link, now, session);
  if (phase.kind === "polling") {
    phase.attempt = undefined;
    phase.session = session;
  }
  paceSession(link, now);
  for (const id of link.channels.unasked()) subscribe(link, now, id);
  joinIfReady(link, now);
}

/** Once the session follows every channel, polling has done its work. */
export function joinIfReady(link: Link, now: Millis): void {
  const { phase } = link;
  if (phase.kind !== "polling" || !phase.session || !link.channels.allFollowed()) return;
  cancelPolls(link);
  enterLive(link, now, phase.session);
}

/** An attempt or a session has ended. */
export function onEnd(link: Link, now: Millis, end: End): void {
  if (leavesSocket(end)) closeSocket(link, COMING_BACK);
  gaugeEnd(link, now, end);
  noteEnd(link, now, end);
  const window = link.phase.session?.crashWindow;
  // The endpoint it was sent to has not taken it: the usual one is next.
  if (window === undefined) link.endpoint = null;
  settle(link, now);
  link.record.fail();
  if (link.isFinishing) return stop(link, now, "finished");
  const at = plan(link, now, end, window);
  if (at === undefined) return stop(link, now, "rejected");
  const attempt = waiting(at);
  const { phase } = link;
  switch (phase.kind) {
    case "live":
      return enterReconnecting(link, now, attempt, newEffort(now), reasonOf(end));
    case "trying":
      fail(phase.effort, evidenceOf(end));
      enterReconnecting(link, now, attempt, phase.effort, reasonOf(end));
      fallBackIfWanted(link, now);
      return probePath(link, now);
    case "polling":
      phase.attempt = attempt;
      phase.session = undefined;
      return;
    case "resting":
    case "offline":
      return;
  }
}

/** Takes leave of the session, if there is one: what it earned, and what it followed. */
export function settle(link: Link, now: Millis): void {
  const { session } = link.phase;
  if (session) {
    const { isAnswered } = session.pulse;
    backoff.settle(link.schedule, now, now - session.since, isAnswered, link.config);
  }
  link.channels.part();
  link.publishes.part();
}

/** As `rest`, where the socket has gone already. */
function stop(link: Link, now: Millis, reason: Reason): void {
  cancelPolls(link);
  rest(link.credential);
  link.endpoint = null;
  enterResting(link, now, reason);
}

function greet(link: Link, now: Millis, socket: SocketId): void {
  const { config, credential } = link;
  link.greetedVersion = credential.version;
  link.greetedAt = now;
  link.gauge.ask(now, 0);
  const channels = link.channels.askAll(now);
  link.send(socket, {
    type: "hello",
    link: config.link,
    generation: ++link.generation,
    token: credential.token ?? undefined,
    client: config.client,
    heartbeat: { interval: config.heartbeatIntervalMs, timeout: config.heartbeatTimeoutMs },
    channels: channels.length ? channels : undefined,
  });
}
