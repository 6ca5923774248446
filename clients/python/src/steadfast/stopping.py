"""A stop button: work that ends when its control channel says so.

In: a coroutine, a channel. Out: whether it ran to its end. Whoever may stop it publishes the event
`stop` there, from whichever process; that it comes before the work listens does not matter.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, Coroutine, Optional

from .errors import LinkRejected
from .follower import Follower, Token
from .items import Event

STOP = "stop"

_log = logging.getLogger("steadfast.stopping")


async def run_until_stopped(
    work: Coroutine[Any, Any, Any],
    control: str,
    url: str = "http://127.0.0.1:8080",
    *,
    token: Optional[Token] = None,
) -> bool:
    """Run `work`; returns False where `stop` in the channel `control` cancelled it.

    What the work raises is raised. `token` has to permit following `control`. Where that channel
    cannot be followed the work goes on, and the log says so.
    """
    task = asyncio.ensure_future(work)
    listener = asyncio.ensure_future(_wait_for_stop(control, url, token))
    try:
        await asyncio.wait({task, listener}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and not listener.result():
            await asyncio.wait({task})
        if task.done():
            task.result()
            return True
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
            return True  # It was done at that moment.
        return False
    finally:
        for one in (task, listener):
            one.cancel()
        await asyncio.gather(task, listener, return_exceptions=True)


async def _wait_for_stop(control: str, url: str, token: Optional[Token]) -> bool:
    """Return True at `stop`; False where none can come."""
    try:
        async with Follower(control, url, token=token) as follower:
            async for item in follower:
                if isinstance(item, Event) and item.event == STOP:
                    return True
    except LinkRejected as error:
        _log.error("%s cannot be followed, so nothing stops the work: %s", control, error)
    return False
