"""Where a server's public port is. In: the address that an app gave, or a place that the server
named. Out: the URL of each route. Knows nothing of what is said there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import httpx

from .http_client import base_url, is_loopback


@dataclass(frozen=True)
class Endpoint:
    """A public port: `place` is host, port and the path in front of `/v1`."""

    is_tls: bool
    place: str
    host: str

    @classmethod
    def read(cls, url: str) -> Endpoint:
        """Check an address; `wss` and `ws` mean the same as `https` and `http`."""
        if url.startswith(("ws://", "wss://")):
            url = f"http{url[2:]}"
        parsed = base_url(url)
        place = parsed.netloc.decode() + parsed.path.rstrip("/")
        return cls(parsed.scheme == "https", place, parsed.host)

    def moved_to(self, place: Optional[str]) -> Endpoint:
        """Where the server named `place`; this one, if that cannot be used or is not as safe."""
        if place is None:
            return self
        scheme = "https://" if self.is_tls else "http://"
        try:
            moved = Endpoint.read(place if "://" in place else scheme + place)
        except (ValueError, httpx.InvalidURL):
            return self
        return moved if moved.is_tls == self.is_tls else self

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, which no proxy can reach for us."""
        return is_loopback(self.host)

    @property
    def socket_url(self) -> str:
        """The WebSocket route."""
        return f"{'wss' if self.is_tls else 'ws'}://{self.place}/v1/ws"

    @property
    def probe_url(self) -> str:
        """The route that answers 204 and nothing else."""
        return self._http("probe")

    @property
    def poll_url(self) -> str:
        """The polling route."""
        return self._http("poll")

    def _http(self, route: str) -> str:
        return f"{'https' if self.is_tls else 'http'}://{self.place}/v1/{route}"
