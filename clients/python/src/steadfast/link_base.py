"""What a link is made of, whatever happens to it: its parts, its deadline, its state, its ends.

In: nothing by itself; `Link` and `LinkPolls` call it. Out: values in `outputs`.
"""

from __future__ import annotations

import math
import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random
from typing import Any, Dict, List, Mapping, Optional

from . import outputs
from .backoff import Backoff
from .credentials import Credentials, Need
from .errors import LinkRejected
from .items import ChannelRefused, Finished, Since, State, StateChange
from .outputs import Output
from .polling import Polling
from .session import Session
from .subscription import Subscription


@dataclass
class Attempt:
    """A socket that is being opened, and has to be welcomed in time."""

    socket: int
    began: float
    ends: float
    is_open: bool = False


class LinkBase(ABC):
    """The parts of a link; changed by its subclasses."""

    def __init__(
        self,
        now: float,
        channels: Mapping[str, Since],
        *,
        token: Optional[str] = None,
        is_asked_for_token: bool = False,
        client: Optional[Dict[str, str]] = None,
        random: Optional[Random] = None,
    ) -> None:
        self.outputs: List[Output] = []
        self.state = State.DISCONNECTED
        self._random = random or Random(secrets.randbits(64))  # noqa: S311
        self._id = secrets.token_urlsafe(16)
        self._generation = 0
        self._client = client or {}
        self._credentials = Credentials(token, is_asked_for=is_asked_for_token, random=self._random)
        self._subscriptions = [
            Subscription(channel, since, self._tell) for channel, since in channels.items()
        ]
        self._backoff = Backoff(self._random)
        self._polling = Polling(now, self._backoff)
        self._asked: Dict[str, Since] = {}
        self._attempt: Optional[Attempt] = None
        self._session: Optional[Session] = None
        self._dial_at = now
        self._dial_to: Optional[str] = None
        self._grace_until: float = -math.inf
        self._sockets = 0
        self._request = 0
        self._was_connected = False
        self._has_ended = False
        self._why = "asked"
        self._update(now)

    @property
    def token(self) -> Optional[str]:
        """The token in force."""
        return self._credentials.token

    @property
    def deadline(self) -> float:
        """When `on_time` is to be called next."""
        if self._has_ended:
            return math.inf
        polling, session = self._polling, self._session
        times = [polling.probe_due, polling.begin_at()]
        if self._credentials.ask_at is not None:
            times.append(self._credentials.ask_at)
        elif not self._credentials.is_asking:
            times += [polling.next_at, math.inf if self._attempt else self._dial_at]
        if self._attempt:
            times.append(self._attempt.ends)
        if session:
            times.append(session.deadline)
            times += [one.retry_at for one in self._subscriptions if one.retry_at is not None]
            if polling.is_on and self._is_all_followed:
                times.append(session.began + polling.proven_after_s)
        elif self._grace_until > -math.inf:
            times.append(self._grace_until)
        return min(times)

    @property
    def _is_all_followed(self) -> bool:
        return all(one.is_followed for one in self._subscriptions)

    @abstractmethod
    def _update(self, now: float) -> None:
        """Begin what is due and permitted, and tell the state."""

    def _tell_state(self, now: float) -> None:
        if self._session or now < self._grace_until:
            new = State.CONNECTED
        elif self._polling.is_on:
            new = State.FALLBACK
        else:
            new = State.RECONNECTING if self._was_connected else State.CONNECTING
        self._change(new)

    def _change(self, new: State) -> None:
        if new is not self.state:
            self._tell(StateChange(new, self.state, self._why))
            self.state = new
        self._was_connected = self._was_connected or new in (State.CONNECTED, State.FALLBACK)

    def _has_token(self, now: float) -> bool:
        need = self._credentials.need(now)
        if need is Need.ASK:
            self.outputs.append(outputs.AskToken())
        return need is Need.NOTHING

    def _hold(self, now: float, hint_s: Optional[float]) -> None:
        if hint_s is None:
            self._backoff.hold_a_while(now)
        else:
            self._backoff.hold(now, hint_s)

    def _finish(self, one: Subscription) -> None:
        self._tell(Finished(one.channel))
        self._subscriptions.remove(one)
        if not self._subscriptions:
            self._end("finished", None)

    def _refuse(self, one: Subscription, code: str, detail: str) -> None:
        self._tell(ChannelRefused(one.channel, code, detail))
        self._subscriptions.remove(one)
        if not self._subscriptions:
            self._reject(code, detail)

    def _reject(self, code: Any, detail: str) -> None:
        self._end("rejected", LinkRejected(code, detail))

    def _end(self, why: str, error: Optional[LinkRejected]) -> None:
        if self._has_ended:
            return
        if self._session:
            self.outputs.append(outputs.CloseSocket(self._session.socket))
        if self._attempt:
            self.outputs.append(outputs.CloseSocket(self._attempt.socket))
        self.outputs.append(outputs.StopPolling())
        self._session = self._attempt = None
        self._why = why
        self._change(State.DISCONNECTED)
        self._has_ended = True
        self.outputs.append(outputs.End(error))

    def _send(self, socket: int, frame: Mapping[str, Any]) -> None:
        self.outputs.append(outputs.Send(socket, dict(frame)))

    def _tell(self, item: Any) -> None:
        self.outputs.append(outputs.Tell(item))
