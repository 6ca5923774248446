"""Work that a stop button ends, over the real server."""

from __future__ import annotations

import asyncio
from typing import Any, Coroutine, List

import pytest

from server import KeyedServer, Server
from steadfast import AsyncPublisher, run_until_stopped


async def stopped(server: Server, control: str, work: Coroutine[Any, Any, Any]) -> bool:
    return await asyncio.wait_for(run_until_stopped(work, control, server.url), 20)


async def press(server: Server, control: str, event: str = "stop") -> None:
    async with AsyncPublisher(server.internal) as publisher:
        await publisher.publish(control, event, final=True)


def test_stop_cancels_the_work(dev_server: Server) -> None:
    seen: List[str] = []

    async def work() -> None:
        try:
            await press(dev_server, "stop:1")
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    assert asyncio.run(stopped(dev_server, "stop:1", work())) is False
    assert seen == ["cancelled"]


def test_a_stop_that_came_before_the_work_counts(dev_server: Server) -> None:
    async def run() -> bool:
        await press(dev_server, "stop:2")
        return await stopped(dev_server, "stop:2", asyncio.sleep(60))

    assert asyncio.run(run()) is False


def test_work_that_ends_or_fails_by_itself_is_not_stopped(dev_server: Server) -> None:
    async def fail() -> None:
        raise KeyError("mine")

    async def other() -> None:
        await press(dev_server, "stop:5", "nonsense")

    assert asyncio.run(stopped(dev_server, "stop:3", asyncio.sleep(0))) is True
    assert asyncio.run(stopped(dev_server, "stop:5", other())) is True
    with pytest.raises(KeyError):
        asyncio.run(stopped(dev_server, "stop:4", fail()))


def test_work_goes_on_where_nothing_can_stop_it(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        while "stop:6 cannot be followed" not in caplog.text:
            await asyncio.sleep(0.01)

    with KeyedServer(tmp_path) as server:
        assert asyncio.run(stopped(server, "stop:6", work())) is True


def test_who_cancels_the_caller_cancels_the_work(dev_server: Server) -> None:
    seen: List[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("ended")

    async def run() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(run_until_stopped(work(), "stop:7", dev_server.url), 0.3)

    asyncio.run(run())
    assert seen == ["ended"]
