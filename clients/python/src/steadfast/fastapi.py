"""FastAPI and Steadfast: a publisher for the life of the app, and a route that gives tokens.

In: an app, what a user may follow. Out: `lifespan`, the dependency `PublisherOf`, `token_router`.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, AsyncIterator, Callable, Mapping, Optional, Sequence

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Response
from fastapi.requests import HTTPConnection

from .async_publisher import AsyncPublisher
from .tokens import make_token

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True)
class Grants:
    """Who a token is for, and what its holder may do; see `make_token`."""

    sub: str
    subscribe: Sequence[str] = ()
    publish: Sequence[str] = ()
    presence: Sequence[str] = ()


def publisher_lifespan(publisher: AsyncPublisher, inner: Optional[Lifespan] = None) -> Lifespan:
    """Make the `lifespan` of an app that holds `publisher`, and closes it at its end.

    `inner` is a lifespan of your own, which begins later and ends earlier.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
        async with publisher:
            app.state.steadfast_publisher = publisher
            if inner is None:
                yield None
            else:
                async with inner(app) as state:
                    yield state

    return lifespan


def publisher_of(connection: HTTPConnection) -> AsyncPublisher:
    """Give the app's publisher: `publisher: AsyncPublisher = Depends(publisher_of)`."""
    publisher = getattr(connection.app.state, "steadfast_publisher", None)
    if not isinstance(publisher, AsyncPublisher):
        raise RuntimeError("give the app `lifespan=publisher_lifespan(AsyncPublisher(…))`")
    return publisher


def token_router(
    key: str,
    grants: Callable[..., Any],
    *,
    path: str = "/realtime-token",
    ttl_s: int = 900,
    **options: Any,
) -> APIRouter:
    """Make a router with `POST path`, which answers `{"token", "expires_in_s"}`.

    `grants` is a dependency that gives the `Grants` of whoever asks, or None: then the answer is
    401, and a client of ours comes to rest. `options` go to `make_token`.
    """
    router = APIRouter()
    # A key that no server takes is found at the start, not by the first user.
    make_token(key, ttl_s=ttl_s, **options)

    @router.post(path)
    def token(response: Response, granted: Any = Depends(grants)) -> Mapping[str, Any]:  # noqa: B008
        if granted is None:
            raise HTTPException(401, "sign in first")
        made = make_token(
            key,
            sub=granted.sub,
            subscribe=granted.subscribe,
            publish=granted.publish,
            presence=granted.presence,
            ttl_s=ttl_s,
            **options,
        )
        response.headers["Cache-Control"] = "no-store"
        return {"token": made, "expires_in_s": ttl_s}

    return router
