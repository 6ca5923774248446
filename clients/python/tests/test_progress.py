"""Progress of jobs: plain, of Celery tasks and of RQ jobs, in the channels of the real server."""

from __future__ import annotations

import math
import threading
import time
from typing import Any, Dict, Iterator, List, Tuple

import celery
import fakeredis
import httpx
import pytest
import rq
from celery.contrib.testing.worker import start_worker

from server import Server
from steadfast import Publisher, RetryPolicy
from steadfast.celery import ProgressTask
from steadfast.progress import Progress
from steadfast.rq import job_progress
from steadfast.throttle import Throttle


@pytest.fixture
def publisher(dev_server: Server) -> Iterator[Publisher]:
    with Publisher(dev_server.internal) as publisher:
        yield publisher


def kept(server: Server, channel: str) -> List[Tuple[str, Any]]:
    url = f"{server.url}/v1/channels/{channel}/events?wait=0&limit=1000"
    answer = httpx.get(url, trust_env=False).json()
    assert answer["final"] is (answer["events"][-1]["event"] in ("complete", "error"))
    return [(event["event"], event["data"]) for event in answer["events"]]


def test_no_more_than_so_many_a_second_and_always_the_newest() -> None:
    throttle: Throttle[int] = Throttle(4)
    assert throttle.due() == math.inf
    taken = []
    for tick in range(100):
        throttle.offer(tick)
        now = 10 + tick / 100
        taken.append((now, throttle.take(now)))
    assert [value for _, value in taken if value is not None] == [0, 25, 50, 75]
    assert throttle.due() == 11.0
    assert throttle.take(11.0) == 99
    assert throttle.due() == math.inf
    throttle.put_back(1)
    throttle.put_back(2)
    assert throttle.take_last() == 1
    for wrong in (0, 100.1, -1):
        with pytest.raises(ValueError, match="per_second"):
            Throttle(wrong)


def test_a_quick_job_publishes_its_first_and_last_update_and_its_end(
    dev_server: Server, publisher: Publisher
) -> None:
    with Progress(publisher, "job:quick", per_second=2) as progress:
        for percent in range(101):
            progress.update(percent=percent)
            if percent == 0:
                until(lambda: bool(channels(dev_server, "job:quick")))
        progress.finish({"rows": 7})
    assert kept(dev_server, "job:quick") == [
        ("progress", {"percent": 0}),
        ("progress", {"percent": 100}),
        ("complete", {"rows": 7}),
    ]


def channels(server: Server, channel: str) -> List[Any]:
    url = f"{server.url}/v1/channels/{channel}/events?wait=0"
    return list(httpx.get(url, trust_env=False).json()["events"])


def until(is_it: Any) -> None:
    end = time.monotonic() + 10
    while not is_it():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_update_goes_out_while_the_job_is_silent(
    dev_server: Server, publisher: Publisher
) -> None:
    progress = Progress(publisher, "job:silent", per_second=20)
    progress.update(percent=1)
    progress.update(percent=2)
    until(
        lambda: [one["data"] for one in channels(dev_server, "job:silent")][-1:] == [{"percent": 2}]
    )
    progress.finish()


def test_a_job_that_fails_says_so_and_nothing_secret(
    dev_server: Server, publisher: Publisher
) -> None:
    def job() -> None:
        with Progress(publisher, "job:fails") as progress:
            progress.update(percent=1)
            raise KeyError("a customer's name")

    with pytest.raises(KeyError):
        job()
    assert kept(dev_server, "job:fails")[-1] == ("error", {"error": "KeyError"})


def test_a_job_does_not_wait_for_a_server_that_is_away(disk_server: Server) -> None:
    with Publisher(disk_server.internal, retry=RetryPolicy(deadline_s=10)) as publisher:
        progress = Progress(publisher, "job:away", per_second=100)
        disk_server.kill()
        began = time.monotonic()
        for percent in range(50):
            progress.update(percent=percent)
        assert time.monotonic() - began < 3
        back = threading.Timer(0.2, disk_server.start)
        back.start()
        progress.finish()
        back.join()
    events = kept(disk_server, "job:away")
    assert events[-2:] == [("progress", {"percent": 49}), ("complete", None)]


def test_what_is_no_json_fails_in_the_job(publisher: Publisher) -> None:
    progress = Progress(publisher, "job:wrong")
    for wrong in (object(), "\ud800", float("nan")):
        with pytest.raises((TypeError, ValueError)):
            progress.update(percent=wrong)


def test_a_job_that_cannot_tell_its_end_does_not_fail(
    publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    publisher.publish("job:over", "end", final=True)
    with Progress(publisher, "job:over") as progress:
        progress.update(percent=1)
        until(lambda: "the progress of job:over is refused: channel_finished" in caplog.text)
        progress.update(percent=2)
    assert "the end of job:over was not published: channel_finished" in caplog.text


def test_celery_tasks_are_followed_through_retries_to_their_ends(
    dev_server: Server, publisher: Publisher
) -> None:
    app = celery.Celery(broker="memory://", backend="cache+memory://")
    app.conf.broker_transport_options = {"polling_interval": 0.02}

    class Job(ProgressTask):
        abstract = True

    Job.publisher = publisher
    tries: Dict[str, int] = {}

    @app.task(bind=True, base=Job, autoretry_for=(OSError,), default_retry_delay=0, max_retries=1)  # type: ignore[untyped-decorator]
    def report(self: Job, kind: str) -> str:
        tries[kind] = tries.get(kind, 0) + 1
        self.progress.update(attempt=tries[kind])
        if kind == "flaky" and tries[kind] == 1:
            raise OSError("try again")
        if kind == "broken":
            raise OSError("for good")
        return "secret"

    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=5):
        results = {kind: report.delay(kind) for kind in ("fine", "flaky", "broken")}
        for kind, result in results.items():
            result.get(timeout=10, interval=0.02, propagate=kind != "broken")
    told = {kind: kept(dev_server, f"job:{result.id}") for kind, result in results.items()}
    one, two = ("progress", {"attempt": 1}), ("progress", {"attempt": 2})
    assert told["fine"] == [one, ("complete", None)]
    assert told["flaky"] == [one, two, ("complete", None)]
    assert told["broken"] == [one, two, ("error", {"error": "OSError"})]


attempts: List[int] = []


def work(url: str, kind: str) -> None:
    with Publisher(url) as publisher, job_progress(publisher) as progress:
        attempts.append(1)
        progress.update(attempt=len(attempts))
        if kind == "broken" or (kind == "flaky" and len(attempts) == 1):
            raise ValueError(kind)


@pytest.mark.parametrize(
    ("kind", "last"), [("fine", "complete"), ("flaky", "complete"), ("broken", "error")]
)
def test_rq_jobs_are_followed_through_retries_to_their_ends(
    dev_server: Server, kind: str, last: str
) -> None:
    attempts.clear()
    redis = fakeredis.FakeStrictRedis()
    queue = rq.Queue(connection=redis)
    job = queue.enqueue(work, dev_server.internal, kind, retry=rq.Retry(max=1))
    rq.SimpleWorker([queue], connection=redis).work(burst=True)
    events = kept(dev_server, f"job:{job.id}")
    assert [name for name, _ in events] == ["progress"] * len(attempts) + [last]
    assert len(attempts) == (1 if kind == "fine" else 2)
