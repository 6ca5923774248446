// Twin of crates/link/src/link/attempt.rs. From nothing to a session, and from a session to
// nothing. In: what a socket did. Out: the dial, the `hello`, and after an end whatever the plan
// says. Must not know what frames say of channels.

import type { Millis } from "../../machine/time.js";
import { ABNORMAL, type CloseCode, RECONNECT } from "../../protocol/close.js";
import type { Welcome } from "../../protocol/frame/server.js";
import { Effort } from "../effort.js";
import { type End, endEvidence, endReason, leavesSocket } from "../end.js";
import type { DialFailure, SocketId } from "../input.js";
import type { Link } from "../link.js";
import { type Attempt, stage, wantedSocket } from "../phase.js";
import { Session } from "../session.js";
import type { Reason } from "../state.js";
import { subscribe } from "./app.js";
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
  phase.attempt = { kind: "wanting_token" };
  wantToken(link);
}

/** Asks the app for a token, unless it is being asked. */
export function wantToken(link: Link): void {
  if (link.credential.want()) link.out.push({ kind: "want_token" });
}

function openSocket(link: Link, now: Millis): void {
  const { phase } = link;
  if (!phase.attempt) return;
  const socket = ++link.lastSocket;
  phase.attempt = { kind: "opening", socket, until: now + link.config.connectTimeoutMs };
  // Whatever fails from here on, the change of network has had its attempt.
  link.networkChangedAt = undefined;
  link.schedule.spend(now);
  link.record.begin(!(phase.kind === "trying" && phase.isFirst));
  link.out.push({ kind: "open_socket", socket, to: link.endpoint });
}

export function onSocketOpened(link: Link, now: Millis, socket: SocketId): void {
  const { phase } = link;
  if (!phase.attempt || stage(phase, socket) !== "opening") return;
  phase.attempt = { ...phase.attempt, kind: "greeting" } as Attempt;
  greet(link, now, socket);
}

export function onSocketFailed(
  link: Link,
  now: Millis,
  socket: SocketId,
  failure: DialFailure,
): void {
  const reached = stage(link.phase, socket);
  if (!reached) return;
  const isLost = reached === "welcomed";
  onEnd(link, now, isLost ? { kind: "closed", code: ABNORMAL } : { kind: "dial", failure });
}

export function onSocketClosed(link: Link, now: Millis, socket: SocketId, code: CloseCode): void {
  if (stage(link.phase, socket)) onEnd(link, now, { kind: "closed", code });
}

/** The server took the session. */
export function onWelcome(link: Link, now: Millis, socket: SocketId, welcome: Welcome): void {
  const { phase } = link;
  link.hasConnected = true;
  link.record.succeed(now);
  link.gauge.welcome(now);
  link.credential.accept(link.greetedVersion);
  link.publishes.meet(welcome.limits.message_bytes);
  const session = new Session(socket, welcome, now);
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
  const wanted = wantedSocket(link.phase);
  if (wanted && leavesSocket(end)) {
    link.out.push({ kind: "close_socket", socket: wanted[0], code: COMING_BACK });
  }
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
  const attempt: Attempt = { kind: "waiting", at };
  const { phase } = link;
  switch (phase.kind) {
    case "live":
      return enterReconnecting(link, now, attempt, new Effort(now), endReason(end));
    case "trying":
      phase.effort.fail(endEvidence(end));
      enterReconnecting(link, now, attempt, phase.effort, endReason(end));
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
    link.schedule.settle(now, now - session.since, session.pulse.isAnswered, link.config);
  }
  link.channels.part();
  link.publishes.part();
}

/** As `rest`, where the socket has gone already. */
function stop(link: Link, now: Millis, reason: Reason): void {
  cancelPolls(link);
  link.credential.rest();
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
