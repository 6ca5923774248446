"""A link without sockets, clock or tasks: what a follower does about each thing that happens.

In: `on_*` with the time; after each, `outputs` are to be done in order, and `on_time` is to be
called at `deadline`. Out: the values of `outputs`. Keeps to PROTOCOL.md; what it leaves out
(doubt, races of endpoints, memory of networks) is optional there.
"""

from __future__ import annotations

import math
from typing import Any, Dict, Mapping, Optional

from . import close_codes, outputs
from .close_codes import Advice
from .frames import read_frame
from .link_base import Attempt
from .link_polls import LinkPolls
from .outputs import DialFailure
from .session import Session
from .subscription import Subscription, by_channel

ATTEMPT_S = 8.0
"""How long dialling, `hello` and `welcome` take together at most (P-63)."""
HEARTBEAT_MS = {"interval": 15_000, "timeout": 10_000}
AGAIN_AFTER_S = 5.0
WELCOME_GRACE_S = 2.0
RETURN_FIRST_S = 30.0
RETURN_EACH_S = 35.0
CHANNELS_MAX = 128


class Link(LinkPolls):
    """Follows channels, each from where its app stands, until all have ended."""

    # The app.

    def close(self) -> None:
        """The app wants no more."""
        self._end("closed", None)

    def on_reading(self, now: float, *, is_paused: bool) -> None:
        """The app takes what has come, or does not."""
        if self._session:
            self._session.on_reading(now, is_paused=is_paused)

    def on_token(self, now: float, token: Optional[str]) -> None:
        """The app gave a token; None: there is none, as after a sign-out."""
        if self._has_ended:
            return
        if token is None:
            code = close_codes.TOKEN_MISSING
            self._reject(code, "there is no token any more")
            return
        if self._session and self._credentials.token is not None:
            self._refresh(now, self._session, token)
        else:
            self._credentials.on_token(now, token)
        self._update(now)

    def on_token_failed(self, now: float) -> None:
        """The app cannot say now."""
        if self._has_ended:
            return
        if self._session and self._credentials.token is not None:
            self._credentials.on_newer()
            self._session.on_refresh_failed(now)
        else:
            self._credentials.on_not_now(now)
        self._update(now)

    def _refresh(self, now: float, session: Session, token: str) -> None:
        """Offer the session a newer token (P-39)."""
        self._credentials.on_newer()
        if token == self._credentials.token:
            session.on_refresh_failed(now)
            return
        self._request += 1
        session.refresh_id, session.offered = self._request, token
        self._send(session.socket, {"type": "refresh", "id": self._request, "token": token})

    # Time.

    def on_time(self, now: float) -> None:
        """Do what is due."""
        if self._has_ended:
            return
        attempt, session = self._attempt, self._session
        if attempt and now >= attempt.ends:
            self.outputs.append(outputs.CloseSocket(attempt.socket))
            self._on_attempt_failed(now, "connect_timeout")
        if session:
            self._on_session_time(now, session)
        if now >= self._grace_until:
            self._grace_until = -math.inf
        self._update(now)

    def _on_session_time(self, now: float, session: Session) -> None:
        if session.is_silent(now):
            self.outputs.append(outputs.CloseSocket(session.socket))
            self._on_session_lost(now, Advice.RETRY_NOW, "heartbeat_timeout", is_sudden=True)
            return
        if now >= session.heartbeat_at:
            self._send(session.socket, session.heartbeat(now))
        if now >= session.leave_at:
            session.leave_at = math.inf
            self._dial_to = session.leave_to
            self._dial_at = self._backoff.admit_soon(now)
        if now >= session.refresh_at:
            session.refresh_at = math.inf
            if self._credentials.ask_newer():
                self.outputs.append(outputs.AskToken())
        for one in self._subscriptions:
            if self._session and one.retry_at is not None and now >= one.retry_at:
                # Asked for 30 s ago, or refused for a while.
                if one.is_asked:
                    self._resubscribe(now, one)
                else:
                    self._subscribe(now, one)

    def _update(self, now: float) -> None:
        """Begin what is due and permitted, and tell the state."""
        if self._has_ended:
            return
        if now >= self._dial_at and not self._attempt:
            self._dial(now)
        if self._polling.take_probe(now):
            self.outputs.append(outputs.Probe())
        if now >= self._polling.begin_at() and not self._session:
            self._polling.begin(now)
            self._why = "polling"
            soon = self._backoff.jittered(RETURN_FIRST_S, 0.2)
            self._dial_at = max(self._dial_at, self._backoff.admit(now + soon))
        self._stop_polling_if_proven(now)
        if self._polling.is_on and self._has_token(now):
            number = self._polling.take_request(now)
            if number is not None:
                self._poll(number)
        self._tell_state(now)

    # Attempts.

    def _dial(self, now: float) -> None:
        if not self._has_token(now):
            # The answer, or the time to ask again, calls `_update`.
            return
        self._dial_at = math.inf
        self._sockets += 1
        self._attempt = Attempt(self._sockets, now, now + ATTEMPT_S)
        self._backoff.spend(now)
        if not self._session:
            self._polling.on_attempt(now)
        to, self._dial_to = self._dial_to, None
        self.outputs.append(outputs.Dial(self._sockets, to))

    def on_open(self, now: float, socket: int) -> None:
        """A socket has opened: it takes the place of the session's, if there is one (P-56)."""
        attempt = self._attempt
        if not attempt or attempt.socket != socket:
            return
        attempt.is_open = True
        if self._session:
            self.outputs.append(outputs.CloseSocket(self._session.socket))
            self._leave_session(now)
            self._grace_until = now + WELCOME_GRACE_S
        self._generation += 1
        hello: Dict[str, Any] = {
            "type": "hello",
            "link": self._id,
            "generation": self._generation,
            "client": self._client,
            "heartbeat": HEARTBEAT_MS,
            "channels": [one.request(now, None) for one in self._subscriptions],
        }
        if self._credentials.token is not None:
            hello["token"] = self._credentials.token
        self._send(socket, hello)
        self._update(now)

    def on_dial_failed(
        self, now: float, socket: int, failure: DialFailure, hint_s: Optional[float], why: str
    ) -> None:
        """A socket did not open."""
        attempt = self._attempt
        if self._has_ended or not attempt or attempt.socket != socket:
            return
        if failure is DialFailure.REFUSED and not self._session:
            self._reject("refused", why)
            return
        is_busy = failure is DialFailure.BUSY
        if is_busy:
            self._hold(now, hint_s)
        blocked = failure is DialFailure.BLOCKED
        self._on_attempt_failed(now, why, is_busy=is_busy, is_blocked=blocked)
        self._update(now)

    def _on_attempt_failed(
        self, now: float, why: str, *, is_busy: bool = False, is_blocked: bool = False
    ) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is None or self._session:
            return  # A session that was to be left lives on until the server ends it.
        self._why, self._grace_until = why, -math.inf
        if not is_busy:
            self._polling.on_attempt_failed(now, attempt.began, is_blocked=is_blocked)
        if self._polling.is_on:
            pause = self._backoff.jittered(RETURN_EACH_S, 0.2)
        else:
            pause = self._backoff.delay()
        self._dial_at = self._backoff.admit(now + pause)

    # The session.

    def on_text(self, now: float, socket: int, text: str) -> None:
        """A message arrived."""
        if self._has_ended:
            return
        session, attempt = self._session, self._attempt
        frame = read_frame(text)
        if session and session.socket == socket:
            session.on_heard()
            if frame:
                self._on_frame(now, session, frame)
        elif attempt and attempt.socket == socket and frame and frame["type"] == "welcome":
            self._attempt = None
            self._on_welcome(now, socket, frame)
        self._update(now)

    def _on_welcome(self, now: float, socket: int, frame: Mapping[str, Any]) -> None:
        self._session = Session(socket, now, frame, replaced=self._polling.is_on)
        self._session.on_expiry(now, frame.get("token_expires_in_ms"), self._random.random())
        self._credentials.on_accepted()
        self._grace_until, self._dial_at, self._why = -math.inf, math.inf, "welcomed"
        self._polling.on_session()

    def _on_frame(self, now: float, session: Session, frame: Mapping[str, Any]) -> None:
        kind = frame["type"]
        if kind == "ping":
            pong = {"type": "pong", "id": frame["id"]} if "id" in frame else {"type": "pong"}
            self._send(session.socket, pong)
        elif kind == "heartbeat_ack":
            session.is_answered = True
        elif kind == "refreshed":
            if session.offered is not None and frame.get("id") == session.refresh_id:
                self._credentials.on_token(now, session.offered)
                session.on_expiry(now, frame.get("expires_in_ms"), self._random.random())
        elif kind == "go_away":
            session.on_go_away(now, frame, self._random.random())
        elif kind == "error":
            self._on_error(now, session, frame)
        else:
            one = by_channel(self._subscriptions, frame.get("channel"))
            if one:
                self._on_channel_frame(now, one, frame)

    def _on_channel_frame(self, now: float, one: Subscription, frame: Mapping[str, Any]) -> None:
        kind, is_whole = frame["type"], True
        if kind == "subscribed":
            is_whole = one.on_subscribed(frame)
        elif kind == "event":
            is_whole = one.on_event(frame)
        elif kind == "superseded":
            is_whole = one.on_superseded(frame["from"], frame["to"])
        elif kind == "finished" and one.is_followed:
            self._finish(one)
        if not is_whole:
            self._resubscribe(now, one)

    def _on_error(self, now: float, session: Session, frame: Mapping[str, Any]) -> None:
        if session.refresh_id is not None and frame.get("id") == session.refresh_id:
            session.on_refresh_failed(now)
            return
        one = by_channel(self._subscriptions, frame.get("channel"))
        if one is None:
            asked = frame.get("id")
            one = next((it for it in self._subscriptions if it.asked_id == asked), None)
            one = one if asked is not None else None
        if one is None or (frame["retry"] and not one.is_asked):
            return
        if frame["retry"]:
            one.retry_later(now + self._backoff.jittered(AGAIN_AFTER_S))
        else:
            self._refuse(one, frame["code"], frame["message"])

    def _subscribe(self, now: float, one: Subscription) -> None:
        if self._session:
            self._request += 1
            request = one.request(now, self._request)
            self._send(self._session.socket, {"type": "subscribe", **request})

    def _resubscribe(self, now: float, one: Subscription) -> None:
        """Something is missing: ask again from the app's position, once in a session (P-23)."""
        if one.try_resubscribe():
            self._subscribe(now, one)
        elif self._session:
            self.outputs.append(outputs.CloseSocket(self._session.socket))
            self._on_session_lost(now, Advice.RETRY_NOW, "events_missing", is_sudden=False)

    def on_closed(self, now: float, socket: int, code: int, why: str = "") -> None:
        """A socket that had opened was closed or lost."""
        session, attempt = self._session, self._attempt
        if self._has_ended:
            return
        advice = close_codes.advice(code)
        told = f"closed with {code}" + (f": {why}" if why else "")
        if session and session.socket == socket:
            if not self._on_final(now, advice, code, why):
                sudden = code in (close_codes.NO_CODE, close_codes.ABNORMAL)
                self._on_session_lost(now, advice, told, is_sudden=sudden)
        elif attempt and attempt.socket == socket and not self._on_final(now, advice, code, why):
            if advice is Advice.RETRY_AFTER:
                self._hold(now, None)
            is_meant = advice in (Advice.RETRY_AFTER, Advice.REFRESH_TOKEN)
            self._on_attempt_failed(now, told, is_busy=is_meant)
            if advice is Advice.REFRESH_TOKEN:
                self._dial_at = self._backoff.admit_soon(now)
        self._update(now)

    def _on_final(self, now: float, advice: Advice, code: int, why: str) -> bool:
        """Whether nothing can follow a close."""
        if advice is Advice.REFRESH_TOKEN:
            is_expired = code == close_codes.TOKEN_EXPIRED
            if self._credentials.on_refused(now, is_expired=is_expired):
                return False
        elif advice is not Advice.NEVER:
            return False
        self._reject(code, why or "the server gives no reason")
        return True

    def _on_session_lost(self, now: float, advice: Advice, why: str, *, is_sudden: bool) -> None:
        session = self._session
        if session is None:
            return
        self._leave_session(now)
        self._why = why
        held = now - session.began
        self._polling.on_session_lost(now, held, replaced=session.replaced_polling)
        if self._attempt:
            return  # Another socket is being opened already.
        if advice is Advice.RETRY_AFTER:
            self._hold(now, None)
        if advice is Advice.MOVE_TO:
            self._dial_to = session.leave_to
        if advice in (Advice.MOVE_TO, Advice.REFRESH_TOKEN):
            self._dial_at = self._backoff.admit_soon(now)
        elif is_sudden:
            pause = self._backoff.crash_delay(session.crash_window_s)
            self._dial_at = self._backoff.admit(now + pause)
        else:
            self._dial_at = self._backoff.admit(now + self._backoff.delay())

    def _leave_session(self, now: float) -> None:
        session, self._session = self._session, None
        if session:
            held = now - session.began
            self._backoff.credit_session(now, held, is_answered=session.is_answered)
            for one in self._subscriptions:
                one.on_session_lost()
