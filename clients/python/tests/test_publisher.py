"""Both publishers against the real server, and against one that fails as told."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import threading
import time
import warnings
from typing import Any, Dict, Iterator, List

import httpx
import pytest

from flaky import FlakyServer
from server import KeyedServer, Server
from steadfast import (
    AsyncPublisher,
    BatchError,
    ChannelFinished,
    Publish,
    Publisher,
    Receipt,
    RetryPolicy,
    Unauthorized,
    Unavailable,
)

QUICK = RetryPolicy(deadline_s=5, attempt_s=1, pause_first_s=0.1)


class Waiting:
    """An `AsyncPublisher` that is called as a `Publisher` is, each time in a loop of its own."""

    def __init__(self, url: str, **options: Any) -> None:
        self._url = url
        self._options = options

    def _make(self) -> AsyncPublisher:
        return AsyncPublisher(self._url, **self._options)

    def close(self) -> None:
        pass

    def publish(self, *args: Any, **options: Any) -> Receipt:
        async def run() -> Receipt:
            async with self._make() as publisher:
                return await publisher.publish(*args, **options)

        return asyncio.run(run())

    def publish_many(self, publishes: List[Publish]) -> List[Receipt]:
        async def run() -> List[Receipt]:
            async with self._make() as publisher:
                return await publisher.publish_many(publishes)

        return asyncio.run(run())


@pytest.fixture
def opened() -> Iterator[Any]:
    """Makes publishers, and closes them behind the test."""
    made: List[Any] = []

    def make(kind: Any, *args: Any, **options: Any) -> Any:
        made.append(kind(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


KINDS = pytest.mark.parametrize("kind", [Publisher, Waiting])


def kept(server: Server, channel: str) -> List[Any]:
    url = f"{server.url}/v1/channels/{channel}/events?wait=0&limit=1000"
    events = httpx.get(url, trust_env=False).json()["events"]
    return [event["data"] for event in events]


@KINDS
def test_an_event_has_its_place_and_its_data_as_given(
    opened: Any, dev_server: Server, kind: Any
) -> None:
    channel = f"plain:{kind.__name__}"
    publisher = opened(kind, dev_server.internal)
    data: Dict[str, Any] = {"text": "进度 ☃ \"'\\\n", "big": 2**53 + 1, "none": None, "pi": 3.5}
    first = publisher.publish(channel, "progress", data)
    second = publisher.publish(channel, "complete", final=True)
    assert (first.channel, first.offset, second.offset) == (channel, 1, 2)
    assert first.epoch == second.epoch
    assert kept(dev_server, channel) == [data, None]
    with pytest.raises(ChannelFinished) as caught:
        publisher.publish(channel, "late")
    assert caught.value.status == 409


@KINDS
def test_a_key_that_was_used_gets_the_first_answer(
    opened: Any, dev_server: Server, kind: Any
) -> None:
    channel = f"again:{kind.__name__}"
    publisher = opened(kind, dev_server.internal)
    first = publisher.publish(channel, "e", 1, idempotency_key="order 7")
    again = publisher.publish(channel, "e", 1, idempotency_key="order 7")
    assert (again.offset, again.is_repeated, first.is_repeated) == (first.offset, True, False)
    assert kept(dev_server, channel) == [1]


@KINDS
def test_a_batch_goes_to_many_channels_in_order(opened: Any, dev_server: Server, kind: Any) -> None:
    name = kind.__name__
    publishes = [Publish(f"batch:{name}:{n % 3}", "e", n, replace="r") for n in range(1200)]
    receipts = opened(kind, dev_server.internal).publish_many(publishes)
    assert len(receipts) == 1200
    assert kept(dev_server, f"batch:{name}:1") == list(range(1, 1200, 3))


def test_a_batch_tells_which_events_failed(opened: Any, dev_server: Server) -> None:
    publisher = opened(Publisher, dev_server.internal)
    publisher.publish("over:1", "e", final=True)
    with pytest.raises(BatchError) as caught:
        publisher.publish_many([Publish("over:1", "e"), Publish("over:2", "e")])
    failed, placed = caught.value.results
    assert isinstance(failed, ChannelFinished)
    assert placed == Receipt("over:2", placed.epoch, 1) if isinstance(placed, Receipt) else False


def test_what_is_no_json_or_no_name_never_leaves(opened: Any, dev_server: Server) -> None:
    publisher = opened(Publisher, "http://127.0.0.1:1")
    for data in (float("nan"), "\ud800", {1, 2}, object()):
        with pytest.raises((TypeError, ValueError)):
            publisher.publish("a", "e", data)
    for channel in ("", "a::b", "a b", "..", "a:.:b", "x" * 256, "a/b", "ä"):
        with pytest.raises(ValueError, match="names no channel"):
            publisher.publish(channel, "e")
    for key in ("", "x" * 256, "ä", "a\nb"):
        with pytest.raises(ValueError, match="idempotency key"):
            publisher.publish("a", "e", idempotency_key=key)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    with KeyedServer(tmp_path_factory.mktemp("keys")) as server:
        yield server


def test_the_key_comes_from_the_argument_or_the_environment(
    opened: Any, keyed: KeyedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(Publisher, keyed.internal, key=f"{keyed.backend_key}\n").publish("a", "e")
    with pytest.raises(Unauthorized) as caught:
        opened(Publisher, keyed.internal, key="wrong").publish("a", "e")
    assert (caught.value.status, caught.value.code) == (401, "key_wrong")
    with pytest.raises(Unauthorized, match="key_missing"):
        opened(Publisher, keyed.internal).publish("a", "e")
    monkeypatch.setenv("STEADFAST_KEY", keyed.backend_key)
    opened(Publisher, keyed.internal).publish("a", "e")


def test_no_secret_gets_into_logs_errors_and_representations(
    opened: Any, keyed: KeyedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    publisher = opened(Publisher, keyed.internal, key=keyed.backend_key)
    publisher.publish("a", "e")
    wrong = opened(Publisher, keyed.internal, key="not-the-right-key")
    with pytest.raises(Unauthorized) as caught:
        wrong.publish("a", "e")
    shown = caplog.text + repr(publisher) + repr(caught.value) + str(caught.value)
    assert "published e to a" in shown
    assert keyed.backend_key not in shown
    assert "not-the-right-key" not in shown
    for url in ("http://user:secret@host", "ftp://user:secret@host", "127.0.0.1:8081"):
        with pytest.raises(ValueError, match="address") as refused:
            opened(Publisher, url)
        assert "secret" not in str(refused.value)


@KINDS
def test_a_cut_connection_leaves_one_event(opened: Any, dev_server: Server, kind: Any) -> None:
    channel = f"cut:{kind.__name__}"
    with FlakyServer(dev_server.internal, ["cut_answer", "refuse", "cut_request"]) as flaky:
        receipt = opened(kind, flaky.url, retry=QUICK).publish(channel, "e", "once")
        assert flaky.served == 4
    assert (receipt.offset, receipt.is_repeated) == (1, True)
    assert kept(dev_server, channel) == ["once"]


@KINDS
def test_an_answer_that_trickles_ends_with_the_attempt(
    opened: Any, dev_server: Server, kind: Any
) -> None:
    began = time.monotonic()
    with FlakyServer(dev_server.internal, ["trickle"] * 9) as flaky:
        policy = RetryPolicy(deadline_s=1, attempt_s=0.4)
        with pytest.raises(Unavailable) as caught:
            opened(kind, flaky.url, retry=policy).publish("trickle:1", "e")
    assert caught.value.is_uncertain
    assert time.monotonic() - began < 4


@KINDS
def test_an_answer_without_end_is_not_kept(opened: Any, dev_server: Server, kind: Any) -> None:
    with FlakyServer(dev_server.internal, ["flood"]) as flaky:
        opened(kind, flaky.url, retry=QUICK).publish("flood:1", "e")
        assert flaky.served == 2


def test_a_server_that_comes_back_within_the_deadline_has_the_event(
    opened: Any, disk_server: Server
) -> None:
    publisher = opened(Publisher, disk_server.internal, retry=QUICK)
    publisher.publish("kill:1", "e", 1)
    disk_server.kill()
    back = threading.Timer(0.3, disk_server.start)
    back.start()
    assert publisher.publish("kill:1", "e", 2).offset == 2
    back.join()
    assert kept(disk_server, "kill:1") == [1, 2]


def test_a_forked_process_has_connections_of_its_own(opened: Any, dev_server: Server) -> None:
    publisher = opened(Publisher, dev_server.internal)
    publisher.publish("fork:1", "e", "parent")
    child = os.fork()
    if child == 0:
        for number in range(20):
            publisher.publish("fork:1", "e", number)
        os._exit(0)
    for number in range(20):
        publisher.publish("fork:2", "e", number)
    assert os.waitpid(child, 0)[1] == 0
    assert kept(dev_server, "fork:1") == ["parent", *range(20)]
    assert kept(dev_server, "fork:2") == list(range(20))


def test_one_publisher_serves_one_loop_after_the_other(dev_server: Server) -> None:
    async def publish(publisher: AsyncPublisher) -> int:
        return (await publisher.publish("loops:1", "e")).offset

    def work() -> None:
        publisher = AsyncPublisher(dev_server.internal)
        assert [asyncio.run(publish(publisher)) for _ in range(3)] == [1, 2, 3]
        asyncio.run(publisher.close())

    with warnings.catch_warnings():
        # Nobody can close the sockets of a loop that has ended.
        warnings.simplefilter("ignore", ResourceWarning)
        work()
        gc.collect()


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    opened: Any, dev_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert opened(Publisher, dev_server.internal).publish("proxy:1", "e").offset == 1


def test_the_body_has_what_was_asked_for(opened: Any, dev_server: Server) -> None:
    seen: List[Dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append({**json.loads(request.content), "key": request.headers["idempotency-key"]})
        return httpx.Response(201, json={"channel": "a", "epoch": "e", "offset": 1})

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://other")
    publisher = opened(Publisher, "http://other", http=http)
    publisher.publish("a", "progress", 1, replace="bar", idempotency_key="k")
    publisher.publish("a", "complete", final=True, idempotency_key="l")
    assert seen == [
        {"event": "progress", "data": 1, "replace": "bar", "key": "k"},
        {"event": "complete", "data": None, "final": True, "key": "l"},
    ]
    http.close()
