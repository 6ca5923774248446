"""Followers over real sockets: the real server, cut connections, blocked WebSocket, `kill -9`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Awaitable, Callable, Iterator, List, Optional

import pytest
from proxy import Proxy

from server import KeyedServer, Server
from steadfast import (
    AsyncPublisher,
    ChannelRefused,
    Event,
    Finished,
    Follower,
    Gap,
    LinkRejected,
    Publish,
    StateChange,
    load_positions,
    make_token,
    save_positions,
)
from steadfast.follower import ITEMS_MAX


def run(work: Awaitable[None]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work, 30)

    asyncio.run(limited())


async def publish(server: Server, channel: str, *data: Any, final: bool = False) -> None:
    async with AsyncPublisher(server.internal) as publisher:
        await publisher.publish_many([Publish(channel, "e", one) for one in data])
        if final:
            await publisher.publish(channel, "end", final=True)


async def until(follower: Follower, is_it: Callable[[Any], bool]) -> List[Any]:
    """Take items up to the first that is it."""
    taken: List[Any] = []
    async for item in follower:
        taken.append(item)
        if is_it(item):
            return taken
    raise AssertionError(f"it did not come: {taken}")


def at_offset(offset: int) -> Callable[[Any], bool]:
    return lambda item: isinstance(item, Event) and item.offset == offset


def in_state(state: str) -> Callable[[Any], bool]:
    return lambda item: isinstance(item, StateChange) and item.new == state


async def rest(follower: Follower) -> List[Any]:
    return [item async for item in follower]


def offsets(items: List[Any], channel: Optional[str] = None) -> List[int]:
    events = [item for item in items if isinstance(item, Event)]
    return [event.offset for event in events if channel in (None, event.channel)]


def test_channels_are_followed_to_their_ends(dev_server: Server) -> None:
    async def work() -> None:
        async with Follower(["ends:1", "ends:2"], dev_server.url) as follower:
            await publish(dev_server, "ends:1", {"text": "进度"}, 2**60, final=True)
            await publish(dev_server, "ends:2", None, final=True)
            items = await rest(follower)
        events = [item for item in items if isinstance(item, Event)]
        assert [one.data for one in events if one.channel == "ends:1"] == [
            {"text": "进度"},
            2**60,
            None,
        ]
        assert offsets(items, "ends:2") == [1, 2]
        assert {item.channel for item in items if isinstance(item, Finished)} == {
            "ends:1",
            "ends:2",
        }
        assert items[-1].new == "disconnected"
        assert items[-1].reason == "finished"

    run(work())


def test_no_event_is_lost_or_doubled_over_cut_connections(dev_server: Server) -> None:
    async def work() -> None:
        async with Proxy(dev_server.url) as proxy, Follower("cut:1", proxy.url) as follower:
            items = []
            for last in (50, 100):
                await publish(dev_server, "cut:1", *range(50))
                items += await until(follower, at_offset(last))
                proxy.cut()
            await publish(dev_server, "cut:1", final=True)
            items += await rest(follower)
        assert offsets(items) == list(range(1, 102))
        assert not [item for item in items if isinstance(item, Gap)]
        assert proxy.upgrades == 3

    run(work())


def test_events_come_by_polling_where_websocket_is_blocked(dev_server: Server) -> None:
    async def work() -> None:
        async with Proxy(dev_server.url) as proxy:
            proxy.is_blocking = True
            async with Follower(["blocked:1", "blocked:2"], proxy.url) as follower:
                await publish(dev_server, "blocked:1", *range(150))
                items = await until(follower, at_offset(150))
                await publish(dev_server, "blocked:1", final=True)
                await publish(dev_server, "blocked:2", final=True)
                items += await rest(follower)
        assert offsets(items, "blocked:1") == list(range(1, 152))
        assert offsets(items, "blocked:2") == [1]
        states = [item.new for item in items if isinstance(item, StateChange)]
        assert states == ["connecting", "fallback", "disconnected"]

    run(work())


def test_a_server_that_was_killed_has_lost_nothing_and_is_followed_again(
    disk_server: Server,
) -> None:
    async def work() -> None:
        async with Follower("kill:1", disk_server.url) as follower:
            await publish(disk_server, "kill:1", 1, 2)
            items = await until(follower, at_offset(2))
            await asyncio.to_thread(disk_server.kill)
            await asyncio.to_thread(disk_server.start)
            await publish(disk_server, "kill:1", 3, final=True)
            items += await rest(follower)
        assert offsets(items) == [1, 2, 3, 4]
        assert not [item for item in items if isinstance(item, Gap)]

    run(work())


def test_history_that_was_lost_is_told_as_a_gap() -> None:
    async def work() -> None:
        with Server() as server:
            async with Follower("lost:1", server.url) as follower:
                await publish(server, "lost:1", 1, 2)
                items = await until(follower, at_offset(2))
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
                await publish(server, "lost:1", 3, final=True)
                items += await rest(follower)
        assert offsets(items) == [1, 2, 1, 2]
        (gap,) = [item for item in items if isinstance(item, Gap)]
        assert (gap.start.offset, gap.end.offset, gap.cause) == (2, 0, "epoch_changed")

    run(work())


def test_a_program_that_starts_again_goes_on_behind_what_it_took(dev_server: Server) -> None:
    async def work() -> None:
        await publish(dev_server, "saved:1", *range(10))
        async with Follower("saved:1", dev_server.url) as follower:
            await until(follower, at_offset(4))
            saved = save_positions(follower.positions)
        await publish(dev_server, "saved:1", final=True)
        positions = load_positions(saved)
        async with Follower("saved:1", dev_server.url, positions=positions) as follower:
            assert offsets(await rest(follower)) == [5, 6, 7, 8, 9, 10, 11]

    run(work())


def test_from_now_on_means_nothing_older(dev_server: Server) -> None:
    async def work() -> None:
        await publish(dev_server, "now:1", 1, 2)
        async with Follower("now:1", dev_server.url, since="now") as follower:
            await until(follower, in_state("connected"))
            await asyncio.sleep(0.1)  # `connected` comes before the answer for the channel.
            await publish(dev_server, "now:1", 3, final=True)
            assert offsets(await rest(follower)) == [3, 4]

    run(work())


def test_a_slow_app_bounds_what_waits_and_loses_nothing(dev_server: Server) -> None:
    async def work() -> None:
        await publish(dev_server, "slow:1", *["x" * 1000] * 3000, final=True)
        async with Follower("slow:1", dev_server.url) as follower:
            await until(follower, lambda it: isinstance(it, Event))
            await asyncio.sleep(0.5)
            assert len(follower._items) <= ITEMS_MAX + 4
            assert offsets(await rest(follower)) == list(range(2, 3002))

    run(work())


def test_the_largest_event_passes(dev_server: Server) -> None:
    async def work() -> None:
        text = "x" * (1024 * 1024 - 100)
        await publish(dev_server, "large:1", text, final=True)
        async with Follower("large:1", dev_server.url) as follower:
            items = await rest(follower)
        assert [item.data for item in items if isinstance(item, Event)] == [text, None]

    run(work())


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    with KeyedServer(tmp_path_factory.mktemp("keys")) as server:
        yield server


def test_a_token_is_replaced_before_it_ends_and_the_session_goes_on(keyed: KeyedServer) -> None:
    async def work() -> None:
        made: List[str] = []

        async def token() -> str:
            made.append(make_token(keyed.token_key, sub="ada", subscribe=["t:*"], ttl_s=2))
            return made[-1]

        async with (
            AsyncPublisher(keyed.internal, key=keyed.backend_key) as publisher,
            Follower("t:1", keyed.url, token=token) as follower,
        ):
            items = await until(follower, in_state("connected"))
            while len(made) < 4:
                await asyncio.sleep(0.05)
            await publisher.publish("t:1", "e", final=True)
            items += await rest(follower)
        assert offsets(items) == [1]
        states = [item.new for item in items if isinstance(item, StateChange)]
        assert states == ["connecting", "connected", "disconnected"]

    run(work())


def test_what_a_token_does_not_permit_is_refused(keyed: KeyedServer) -> None:
    async def work() -> None:
        token = make_token(keyed.token_key, sub="ada", subscribe=["mine:*"])
        async with Follower(["mine:1", "theirs:1"], keyed.url, token=token) as follower:
            items = await until(follower, lambda it: isinstance(it, ChannelRefused))
        assert (items[-1].channel, items[-1].code) == ("theirs:1", "forbidden")
        for refused, code in [(None, 4201), ("nonsense", 4202)]:
            async with Follower("mine:1", keyed.url, token=refused) as follower:
                with pytest.raises(LinkRejected) as caught:
                    await rest(follower)
            assert caught.value.code == code

    run(work())


def test_the_wrong_port_is_told_at_once(dev_server: Server) -> None:
    async def work() -> None:
        with pytest.raises(LinkRejected, match="not_found"):
            await rest(Follower("a:1", dev_server.internal))

    run(work())


def test_no_token_gets_into_logs(keyed: KeyedServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def work() -> None:
        token = make_token(keyed.token_key, sub="ada", subscribe=["mine:*"])
        async with Proxy(keyed.url) as proxy:
            proxy.is_blocking = True
            async with Follower("mine:2", proxy.url, token=token) as follower:
                await until(follower, in_state("fallback"))
            async with Follower("mine:2", keyed.url, token=token) as follower:
                await until(follower, in_state("connected"))
        assert "connected (was connecting)" in caplog.text
        assert token not in caplog.text

    run(work())


def test_what_can_never_be_followed_is_refused_at_once() -> None:
    for channels in ([], ["a b"], [f"a:{n}" for n in range(129)]):
        with pytest.raises(ValueError, match="channel"):
            Follower(channels)
    with pytest.raises(ValueError, match="since"):
        Follower("a", since="yesterday")
    with pytest.raises(ValueError, match="position"):
        load_positions('{"a": "7"}')


def test_leaving_in_the_middle_of_many_events_takes_no_time(dev_server: Server) -> None:
    async def work() -> None:
        await publish(dev_server, "leave:1", *["x" * 1000] * 3000)
        async with Follower("leave:1", dev_server.url) as follower:
            await until(follower, at_offset(100))
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 1.9

    run(work())


def test_a_follower_that_is_closed_ends(dev_server: Server) -> None:
    async def work() -> None:
        follower = Follower("close:1", dev_server.url)
        await until(follower, in_state("connected"))
        await follower.close()
        assert [item.reason for item in await rest(follower)] == ["closed"]
        await follower.close()

    run(work())
