"""The sockets of a follower: one WebSocket at a time or two, probes and requests for pages.

In: outputs of a link. Out: calls of `LinkIo.report`, each with what happened. Must not decide.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from typing import Any, Awaitable, Callable, Coroutine, Dict, Optional, Set

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException

from . import close_codes, outputs
from .endpoint import Endpoint
from .http_client import VERSION, AnswerTooLarge, verification
from .outputs import DialFailure, HttpAnswer
from .problem import Problem, read_problem

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
"""The largest message that is taken. An event of the server's limit (1 MiB) is longer as a frame
than the 1 MiB that `websockets` takes by default."""
CLOSE_S = 2.0
PROBE_S = 4.0
POLL_EXTRA_S = 10.0
_AGENT = f"steadfast-python/{VERSION}"
_NODE = "steadfast-node"
_PROBLEM = "application/problem+json"

# At its level DEBUG the library writes frames, and so tokens.
_websockets_log = logging.getLogger("steadfast.websocket")
_websockets_log.setLevel(logging.WARNING)

Report = Callable[..., None]


class LinkIo:
    """Does what a link wants. `report(name, *args, **options)` calls a method of the link."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        report: Report,
        room: Callable[[], Awaitable[None]],
        token: Callable[[], Optional[str]],
        tls: Optional[ssl.SSLContext],
    ) -> None:
        self._endpoint = endpoint
        self._report = report
        self._room = room
        self._token = token
        self._tls = tls
        self._tasks: Set[asyncio.Task[None]] = set()
        self._dials: Dict[int, asyncio.Task[None]] = {}
        self._sockets: Dict[int, ClientConnection] = {}
        self._poll: Optional[asyncio.Task[None]] = None
        self._http = httpx.AsyncClient(
            headers={"User-Agent": _AGENT},
            follow_redirects=False,
            trust_env=not endpoint.is_loopback,
            verify=verification(is_tls=endpoint.is_tls, tls=tls),
        )

    def dial(self, output: outputs.Dial) -> None:
        """Open a WebSocket and read from it until it ends."""
        task = self._start(self._run_socket(output.socket, self._endpoint.moved_to(output.url)))
        self._dials[output.socket] = task

    def send(self, output: outputs.Send) -> None:
        """Send a frame, behind those sent before."""
        socket = self._sockets.get(output.socket)
        if socket is not None:
            text = json.dumps(output.frame, ensure_ascii=False, separators=(",", ":"))
            self._start(self._send(socket, text))

    def close_socket(self, output: outputs.CloseSocket) -> None:
        """Close a socket; its task ends without a report."""
        socket = self._sockets.pop(output.socket, None)
        task = self._dials.pop(output.socket, None)
        if task is not None:
            task.cancel()
        if socket is not None and task is not None:
            self._start(self._close(socket, task))

    def probe(self) -> None:
        """Ask whether plain HTTP gets through."""
        self._start(self._run_probe())

    def poll(self, output: outputs.Poll) -> None:
        """Make a request for pages."""
        self.stop_polling()
        self._poll = self._start(self._run_poll(output))

    def stop_polling(self) -> None:
        """Give up the request that is under way."""
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None

    async def close(self) -> None:
        """Wait until sockets are closed, for a moment at most, and give up the rest."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run_socket(self, number: int, endpoint: Endpoint) -> None:
        try:
            socket = await connect(
                endpoint.socket_url,
                # Whoever dials gives up in time, and heartbeats are frames of the protocol.
                open_timeout=None,
                ping_interval=None,
                close_timeout=CLOSE_S,
                max_size=MESSAGE_BYTES_MAX,
                user_agent_header=_AGENT,
                logger=_websockets_log,
                proxy=None if endpoint.is_loopback else True,
                ssl=self._tls if endpoint.is_tls else None,
            )
        except (OSError, EOFError, WebSocketException) as error:
            self._dials.pop(number, None)
            kind, hint = _failure(error)
            self._report("on_dial_failed", number, kind, hint, _why(error))
            return
        self._sockets[number] = socket
        self._report("on_open", number)
        try:
            async for message in socket:
                if isinstance(message, str):
                    self._report("on_text", number, message)
                    await self._room()
        except WebSocketException:
            pass  # The code says it.
        finally:
            is_ours = self._sockets.pop(number, None) is not None
            self._dials.pop(number, None)
        if is_ours:
            code = socket.close_code or close_codes.ABNORMAL
            self._report("on_closed", number, code, socket.close_reason or "")

    @staticmethod
    async def _send(socket: ClientConnection, text: str) -> None:
        # Whoever reads from it reports its end.
        with contextlib.suppress(WebSocketException):
            await socket.send(text)

    @staticmethod
    async def _close(socket: ClientConnection, reader: asyncio.Task[None]) -> None:
        await asyncio.wait({reader})
        # Where many messages wait the library has stopped reading, and would not see the answer.
        drain = asyncio.ensure_future(_read_away(socket))
        try:
            await socket.close()
        finally:
            drain.cancel()
            socket.transport.abort()

    async def _run_probe(self) -> None:
        try:
            request = self._http.get(self._endpoint.probe_url, timeout=PROBE_S)
            answer = await asyncio.wait_for(request, PROBE_S)
            is_through = answer.status_code == 204 and _NODE in answer.headers
        except (httpx.HTTPError, OSError, asyncio.TimeoutError):
            is_through = False
        self._report("on_probe", is_through=is_through)

    async def _run_poll(self, output: outputs.Poll) -> None:
        timeout = output.wait_s + POLL_EXTRA_S
        answer: Optional[HttpAnswer] = None
        try:
            answer = await asyncio.wait_for(self._exchange(output, timeout), timeout)
        except (httpx.HTTPError, OSError, asyncio.TimeoutError):
            answer = None
        await self._room()
        self._report("on_poll", output.number, answer)

    async def _exchange(self, output: outputs.Poll, timeout_s: float) -> HttpAnswer:
        headers = {"Content-Type": "application/json"}
        token = self._token()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        body = bytearray()
        text = json.dumps(output.body).encode()
        async with self._http.stream(
            "POST", self._endpoint.poll_url, content=text, headers=headers, timeout=timeout_s
        ) as answer:
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MESSAGE_BYTES_MAX:
                    raise AnswerTooLarge(f"the answer is over {MESSAGE_BYTES_MAX} bytes")
            is_ours = _NODE in answer.headers
            return HttpAnswer(answer.status_code, answer.headers, bytes(body), is_ours)


async def _read_away(socket: ClientConnection) -> None:
    with contextlib.suppress(WebSocketException):
        async for _ in socket:
            pass


def _failure(error: Exception) -> tuple[DialFailure, Optional[float]]:
    """Tell what a failed handshake is evidence of, and the hint in it."""
    if not isinstance(error, InvalidHandshake):
        return DialFailure.UNREACHABLE, None
    if not isinstance(error, InvalidStatus):
        ended = isinstance(error.__cause__, (EOFError, OSError))
        return (DialFailure.UNREACHABLE if ended else DialFailure.BLOCKED), None
    problem, is_ours = _problem(error)
    if not is_ours:
        return DialFailure.BLOCKED, None
    kind = DialFailure.BUSY if problem.is_retryable else DialFailure.REFUSED
    return kind, problem.retry_after_s


def _problem(error: InvalidStatus) -> tuple[Problem, bool]:
    """Read the answer to an upgrade; and whether it is one of a Steadfast server."""
    response = error.response
    headers = {name.lower(): text for name, text in response.headers.raw_items()}
    is_ours = _NODE in headers or headers.get("content-type", "").startswith(_PROBLEM)
    return read_problem(response.status_code, headers, bytes(response.body or b""), 0.0), is_ours


def _why(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        problem, _ = _problem(error)
        return f"HTTP {problem.status}, {problem.code}: {problem.detail}"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
