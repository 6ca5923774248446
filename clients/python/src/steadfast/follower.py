"""`Follower`: follows channels from a Python program. The clock, the sockets and the queue of a
`Link`. In: channels, and what the app takes. Out: items, in order, and positions to go on from.
"""

from __future__ import annotations

import asyncio
import collections
import inspect
import logging
import platform
import ssl
from types import TracebackType
from typing import (
    AsyncIterator,
    Awaitable,
    Callable,
    Deque,
    Dict,
    Iterable,
    Mapping,
    Optional,
    Type,
    Union,
)

from . import outputs
from .endpoint import Endpoint
from .errors import LinkRejected
from .http_client import VERSION
from .items import Event, Item, Moved, Position, Since, StateChange
from .link import CHANNELS_MAX, Link
from .link_io import LinkIo
from .names import check_channel

ITEMS_MAX = 256
"""So many items wait for the app; then nothing more is read, and the server waits."""
TOKEN_S = 30.0

_log = logging.getLogger("steadfast.follower")

Token = Union[str, Callable[[], Union[Optional[str], Awaitable[Optional[str]]]]]


class Follower:
    """An async iterator over what happens in channels: `Event`, `Gap`, `Finished`,
    `ChannelRefused` and `StateChange`.

    Ends when every channel has, and raises `LinkRejected` where the server will not have it; any
    other trouble is waited out. Use it as an async context manager. `channels` begin at `since`,
    or behind their position in `positions`, as `Follower.positions` gave it. `token` is a token,
    or a function that gives one, is called again whenever one is refused or has ended, gives None
    where there is none any more, and raises where nobody can say now.
    """

    def __init__(
        self,
        channels: Union[str, Iterable[str]],
        url: str = "http://127.0.0.1:8080",
        *,
        since: Since = "start",
        positions: Optional[Mapping[str, Position]] = None,
        token: Optional[Token] = None,
        tls: Optional[ssl.SSLContext] = None,
    ) -> None:
        if since not in ("start", "now") and not isinstance(since, Position):
            raise ValueError(f"`since` is 'start', 'now' or a Position, not {since!r}")
        names = [channels] if isinstance(channels, str) else list(dict.fromkeys(channels))
        if not 0 < len(names) <= CHANNELS_MAX:
            raise ValueError(f"a follower has 1 to {CHANNELS_MAX} channels, not {len(names)}")
        self._positions: Dict[str, Position] = dict(positions or {})
        self._channels = {check_channel(name): self._positions.get(name, since) for name in names}
        self._endpoint = Endpoint.read(url)
        self._token = token.strip() if isinstance(token, str) else token
        self._tls = tls
        self._items: Deque[Union[Item, Moved]] = collections.deque()
        self._news: asyncio.Event
        self._room: asyncio.Event
        self._error: Optional[LinkRejected] = None
        self._has_ended = False
        self._link: Optional[Link] = None
        self._io: Optional[LinkIo] = None
        self._timer: Optional[asyncio.TimerHandle] = None
        self._asking: Optional[asyncio.Task[None]] = None

    def __repr__(self) -> str:
        return f"Follower({list(self._channels)!r}, {self._endpoint.place!r})"

    @property
    def positions(self) -> Dict[str, Position]:
        """The last event of each channel that the app was handed, for `positions` of the next."""
        return dict(self._positions)

    async def __aenter__(self) -> Follower:
        self._start()
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[Item]:
        return self

    async def __anext__(self) -> Item:
        self._start()
        while True:
            while self._items:
                item = self._items.popleft()
                if len(self._items) <= ITEMS_MAX // 2:
                    self._room.set()
                if isinstance(item, (Event, Moved)):
                    self._positions[item.channel] = item.position
                if not isinstance(item, Moved):
                    return item
            if self._has_ended:
                await self.close()
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        """Leave. What was not taken is not taken any more; `positions` stay."""
        if self._link is not None:
            self._call("close")
        if self._timer is not None:
            self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()
        io, self._io = self._io, None
        if io is not None:
            self._room.set()
            await io.close()

    def _start(self) -> None:
        if self._link is not None:
            return
        # Made here, since before Python 3.10 an event belongs to the loop that it was made in.
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        is_function = callable(self._token)
        self._link = Link(
            self._now(),
            self._channels,
            token=self._token if isinstance(self._token, str) else None,
            is_asked_for_token=is_function,
            client={
                "name": "steadfast-python",
                "version": VERSION,
                "platform": f"python {platform.python_version()}",
            },
        )
        self._io = LinkIo(
            self._endpoint,
            report=self._report,
            room=self._wait_for_room,
            token=lambda: self._link.token if self._link else None,
            tls=self._tls,
        )
        self._pump()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _report(self, name: str, *args: object, **options: object) -> None:
        if self._link is not None and self._io is not None:
            getattr(self._link, name)(self._now(), *args, **options)
            self._pump()

    def _call(self, name: str) -> None:
        getattr(self._link, name)()
        self._pump()

    def _pump(self) -> None:
        """Do what the link wants, and wake it when it says."""
        link, io = self._link, self._io
        if link is None or io is None:
            return
        while link.outputs:
            self._do(io, link.outputs.pop(0))
        if self._timer is not None:
            self._timer.cancel()
        if not self._has_ended:
            loop = asyncio.get_running_loop()
            at = min(link.deadline, loop.time() + 3600.0)
            self._timer = loop.call_at(at, self._report, "on_time")

    def _do(self, io: LinkIo, output: outputs.Output) -> None:
        if isinstance(output, outputs.Tell):
            self._take(output.item)
        elif isinstance(output, outputs.Send):
            io.send(output)
        elif isinstance(output, outputs.Dial):
            io.dial(output)
        elif isinstance(output, outputs.CloseSocket):
            io.close_socket(output)
        elif isinstance(output, outputs.Poll):
            io.poll(output)
        elif isinstance(output, outputs.StopPolling):
            io.stop_polling()
        elif isinstance(output, outputs.Probe):
            io.probe()
        elif isinstance(output, outputs.AskToken):
            self._asking = asyncio.get_running_loop().create_task(self._ask_token())
        else:
            self._error, self._has_ended = output.error, True
            self._news.set()

    def _take(self, item: Union[Item, Moved]) -> None:
        if isinstance(item, StateChange):
            level = logging.WARNING if item.new.value == "reconnecting" else logging.INFO
            _log.log(level, "%s (was %s): %s", item.new.value, item.old.value, item.reason)
        self._items.append(item)
        if len(self._items) >= ITEMS_MAX:
            self._room.clear()
        self._news.set()

    async def _wait_for_room(self) -> None:
        if self._room.is_set():
            return
        self._report("on_reading", is_paused=True)
        await self._room.wait()
        self._report("on_reading", is_paused=False)

    async def _ask_token(self) -> None:
        try:
            token = self._token() if callable(self._token) else self._token
            if inspect.isawaitable(token):
                token = await asyncio.wait_for(token, TOKEN_S)
            if token is not None and not (isinstance(token, str) and token.strip()):
                raise TypeError(f"the token function gave {type(token).__name__}")
        except Exception as error:  # noqa: BLE001
            # Whatever the app's function raises means: not now.
            _log.warning("no token for now: %s", type(error).__name__)
            self._report("on_token_failed")
            return
        self._report("on_token", token.strip() if token is not None else None)
