"""A server, a network and a clock that never existed, around a real `Link`. In: a seed, faults.
Out: what the app was handed and when. Everything happens in virtual time.
"""

from __future__ import annotations

import heapq
import itertools
import json
from random import Random
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from steadfast import outputs
from steadfast.errors import LinkRejected
from steadfast.items import Event, Item, Moved, Since, StateChange
from steadfast.link import Link
from steadfast.outputs import DialFailure, HttpAnswer

WELCOME = {
    "type": "welcome",
    "heartbeat": {"interval": 15_000, "timeout": 10_000},
    "limits": {"message_bytes": 1_048_576},
    "crash_window_ms": 5_000,
    "server_time": "2026-11-30T00:00:00.000Z",
}


class World:
    """Time goes on in `run`. `websocket` and `http` say what gets through: `open`, `refused`,
    `blocked` (answered by something else), `silent` or `busy`."""

    def __init__(
        self,
        seed: int = 1,
        channels: Optional[Mapping[str, Since]] = None,
        tokens: Sequence[Any] = (),
    ) -> None:
        self.random = Random(seed)
        self.now = 100.0
        self.websocket = "open"
        self.http = "open"
        self.poll_status = 200
        self.epoch = "e1"
        self.logs: Dict[str, List[Dict[str, Any]]] = {}
        self.finished: set[str] = set()
        self.items: List[Tuple[float, Item]] = []
        self.dials: List[Tuple[float, Optional[str]]] = []
        self.polls: List[float] = []
        self.tokens = list(tokens)
        self.hellos: List[Dict[str, Any]] = []
        self.closed: List[int] = []
        self.token_s: Optional[float] = None
        self.refreshes: List[Tuple[float, str]] = []
        self.ended: Optional[Tuple[float, Optional[LinkRejected]]] = None
        self._queue: List[Tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.sessions: Dict[int, Dict[str, Any]] = {}
        self._poll: Optional[outputs.Poll] = None
        self.link = Link(
            self.now,
            channels or {"a": "start"},
            is_asked_for_token=bool(tokens),
            random=Random(seed),
        )
        self.step()

    # What a test does.

    def at(self, seconds: float, what: Callable[[], None]) -> None:
        """Do something later."""
        heapq.heappush(self._queue, (self.now + seconds, next(self._order), what))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end, spins = self.now + seconds, 0
        while not self.ended:
            due = self._queue[0][0] if self._queue else float("inf")
            at = min(due, self.link.deadline)
            if at > end:
                break
            spins = spins + 1 if at <= self.now else 0
            assert spins < 200, f"busy loop at {self.now}"
            self.now = max(self.now, at)
            if due <= at:
                heapq.heappop(self._queue)[2]()
            else:
                self.link.on_time(self.now)
            self.step()
        self.now = end

    def publish(self, channel: str, data: Any, *, final: bool = False) -> None:
        """Add an event, and send it to those who follow."""
        log = self.logs.setdefault(channel, [])
        event = {"offset": len(log) + 1, "event": "e", "data": data, "time": "t"}
        log.append(event)
        if final:
            self.finished.add(channel)
        for socket in list(self.sessions):
            self._deliver(socket, channel)
        self._answer_poll()
        self.step()

    def cut(self, code: int = 1006) -> None:
        """End every session."""
        for socket in list(self.sessions):
            del self.sessions[socket]
            self.link.on_closed(self.now, socket, code)
        self.step()

    def say(self, frame: Dict[str, Any]) -> None:
        """Send a frame on every session."""
        for socket in list(self.sessions):
            self._text(socket, frame)
        self.step()

    def told(self, kind: type) -> List[Any]:
        """What of this kind the app was handed."""
        return [item for _, item in self.items if isinstance(item, kind)]

    @property
    def states(self) -> List[str]:
        """The states in their order."""
        return [change.new.value for change in self.told(StateChange)]

    @property
    def data(self) -> List[Any]:
        """The data of all events in their order."""
        return [event.data for event in self.told(Event)]

    # What the link wants.

    def step(self) -> None:
        while self.link.outputs:
            self._do(self.link.outputs.pop(0))

    def _do(self, output: Any) -> None:
        if isinstance(output, outputs.Tell):
            if not isinstance(output.item, Moved):
                self.items.append((self.now, output.item))
        elif isinstance(output, outputs.Dial):
            self.dials.append((self.now, output.url))
            self.at(self.random.uniform(0.01, 0.2), lambda: self._dialed(output.socket))
        elif isinstance(output, outputs.Send):
            frame = json.loads(json.dumps(output.frame))
            self.at(self.random.uniform(0.01, 0.1), lambda: self._heard(output.socket, frame))
        elif isinstance(output, outputs.CloseSocket):
            self.closed.append(output.socket)
            self.sessions.pop(output.socket, None)
        elif isinstance(output, outputs.Probe):
            through = self.http == "open"
            self.at(0.1 if through else 4.0, lambda: self._probed(through))
        elif isinstance(output, outputs.Poll):
            self.polls.append(self.now)
            self._poll = output
            self.at(0.05, self._answer_poll)
            self.at(output.wait_s + 0.05, lambda: self._answer_poll(last=output.number))
        elif isinstance(output, outputs.StopPolling):
            self._poll = None
        elif isinstance(output, outputs.AskToken):
            self.at(0.1, self._give_token)
        else:
            self.ended = (self.now, output.error)

    def _dialed(self, socket: int) -> None:
        failures = {
            "refused": (DialFailure.UNREACHABLE, None),
            "blocked": (DialFailure.BLOCKED, None),
            "busy": (DialFailure.BUSY, 20.0),
        }
        if self.websocket == "open":
            self.link.on_open(self.now, socket)
        elif self.websocket != "silent":
            kind, hint = failures[self.websocket]
            self.link.on_dial_failed(self.now, socket, kind, hint, self.websocket)

    def _give_token(self) -> None:
        token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        if isinstance(token, Exception):
            self.link.on_token_failed(self.now)
        else:
            self.link.on_token(self.now, token)

    def _probed(self, through: bool) -> None:
        self.link.on_probe(self.now, is_through=through)

    # The server.

    def _heard(self, socket: int, frame: Dict[str, Any]) -> None:
        if self.websocket == "silent":
            return
        kind = frame["type"]
        if kind == "hello":
            self.hellos.append(frame)
            if frame.get("token") == "bad":
                self.link.on_closed(self.now, socket, 4202, "the token is not ours")
                return
            self.sessions[socket] = {}
            expiry = {} if self.token_s is None else {"token_expires_in_ms": self.token_s * 1000}
            self._text(socket, {**WELCOME, **expiry})
            for request in frame["channels"]:
                self._subscribe(socket, request)
        elif socket in self.sessions and kind == "heartbeat":
            self._text(socket, {"type": "heartbeat_ack", "server_time": "t"})
        elif socket in self.sessions and kind == "subscribe":
            self._subscribe(socket, frame)
        elif socket in self.sessions and kind == "refresh":
            self.refreshes.append((self.now, frame["token"]))
            answer = {"id": frame["id"], "type": "refreshed", "expires_in_ms": 100_000}
            if frame["token"] == "bad":
                answer.update(type="error", code="forbidden", message="m", retry=False)
            self._text(socket, answer)

    def _start(self, channel: str, since: Any) -> Tuple[int, Optional[Dict[str, Any]]]:
        log = self.logs.get(channel, [])
        if not isinstance(since, dict):
            return (0 if since == "start" else len(log)), None
        if since["epoch"] == self.epoch:
            return since["offset"], None
        to = {"epoch": self.epoch, "offset": 0}
        return 0, {"from": since, "to": to, "cause": "epoch_changed"}

    def _subscribe(self, socket: int, request: Dict[str, Any]) -> None:
        channel = request["channel"]
        offset, gap = self._start(channel, request["since"])
        frame = {"type": "subscribed", "channel": channel, "epoch": self.epoch, "offset": offset}
        frame.update({"recovered": gap is None, "head": len(self.logs.get(channel, []))})
        frame.update({"id": request["id"]} if "id" in request else {})
        frame.update({"gap": gap} if gap else {})
        self._text(socket, frame)
        if socket in self.sessions:
            self.sessions[socket][channel] = offset
            self._deliver(socket, channel)

    def _deliver(self, socket: int, channel: str) -> None:
        log = self.logs.get(channel, [])
        session = self.sessions.get(socket)
        while session is not None and session.get(channel, len(log)) < len(log):
            event = log[session[channel]]
            session[channel] += 1
            self._text(socket, {"type": "event", "channel": channel, **event})
        if session and session.get(channel) == len(log) and channel in self.finished:
            del session[channel]
            self._text(socket, {"type": "finished", "channel": channel})

    def _text(self, socket: int, frame: Mapping[str, Any]) -> None:
        if self.websocket != "silent":
            self.link.on_text(self.now, socket, json.dumps(frame))

    def _answer_poll(self, last: Optional[int] = None) -> None:
        poll = self._poll
        if poll is None or (last is not None and poll.number != last):
            return
        if self.http == "open" and self.poll_status != 200:
            self._poll = None
            answer = HttpAnswer(self.poll_status, {}, b'{"code":"x"}', is_ours=True)
            self.link.on_poll(self.now, poll.number, answer)
            return
        if self.http != "open":
            if last is not None:
                self._poll = None
                self.link.on_poll(self.now, poll.number, None)
            return
        pages = []
        for request in poll.body["channels"]:
            channel = request["channel"]
            offset, gap = self._start(channel, request["since"])
            log = self.logs.get(channel, [])
            events = log[offset : offset + poll.body["limit"]]
            if events or gap or channel in self.finished or request["since"] in ("start", "now"):
                end = offset + len(events)
                final = channel in self.finished and end == len(log)
                page = {"channel": channel, "epoch": self.epoch, "offset": end, "events": events}
                pages.append({**page, "final": final, "gap": gap})
        if pages or last is not None or poll.body["wait"] == 0:
            self._poll = None
            body = json.dumps({"pages": pages, "refused": [], "next_poll_ms": 0}).encode()
            self.link.on_poll(self.now, poll.number, HttpAnswer(200, {}, body, is_ours=True))
