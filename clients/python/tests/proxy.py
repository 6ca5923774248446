"""A TCP proxy on this machine that cuts, refuses and blocks WebSocket. In: where the server is."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Optional, Set, Type
from urllib.parse import urlsplit


class Proxy:
    """`is_blocking`: answers upgrades with 403, as some networks do. `upgrades` counts them."""

    def __init__(self, target: str) -> None:
        at = urlsplit(target)
        self._target = (str(at.hostname), int(at.port or 0))
        self._writers: Set[asyncio.StreamWriter] = set()
        self._server: Optional[asyncio.AbstractServer] = None
        self.is_blocking = False
        self.upgrades = 0
        self.url = ""

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Reset all connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"upgrade: websocket" in head.lower():
                self.upgrades += 1
                if self.is_blocking:
                    writer.write(b"HTTP/1.1 403 No\r\nconnection: close\r\n\r\n")
                    await writer.drain()
                    return
            upstream_reader, upstream = await asyncio.open_connection(*self._target)
            self._writers.add(upstream)
            upstream.write(head)
            await asyncio.gather(_pump(reader, upstream), _pump(upstream_reader, writer))
            self._writers.discard(upstream)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()
