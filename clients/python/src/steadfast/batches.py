"""Many events in few requests, without a socket or a clock.

In: events, and the results that the server gave each of them. Out: requests, and one result for
each event, in order. An event that failed for a while is sent again, unless a later one of its
channel is there already: order is never traded for completeness, and what was left out is told.
"""

from __future__ import annotations

from typing import Dict, Generator, Iterable, List, Optional, Sequence, Union

from .errors import BatchError, PublishError
from .problem import Problem
from .publishing import Exchange, Moment, Publish, Receipt, Step, encode, read_results
from .retry import RetryPolicy

EVENTS_MAX = 1000
"""The most events of one request; the server's default limit."""
BYTES_MAX = 1024 * 1024
"""The largest request in bytes; a single event may be larger, up to the server's limit."""

Result = Union[Receipt, PublishError]


def publish_batch(
    publishes: Iterable[Publish], policy: RetryPolicy, start: Moment
) -> Generator[Step, Moment, List[Receipt]]:
    """Publish all events, in order. Each request has the policy's deadline. Raises `BatchError`."""
    batch = _Batch(publishes)
    now = start
    for indices in batch.requests():
        exchange = Exchange(policy, now)
        yield from _send(batch, indices, exchange)
        now = Moment(exchange.now, start.time_of_day)
    return batch.receipts()


def _send(
    batch: _Batch, indices: Sequence[int], exchange: Exchange
) -> Generator[Step, Moment, None]:
    pending = list(indices)
    try:
        while pending:
            response = yield from exchange.send("/v1/events", batch.body(pending), None)
            results = read_results(response, len(pending))
            if results is None:
                exchange.fail_for_good("bad_answer", "no result for each event", response)
            delayed = batch.take(pending, results, exchange.requests)
            pending = list(delayed)
            if pending:
                worst = max(delayed.values(), key=lambda problem: problem.retry_after_s or 0.0)
                yield from exchange.pause(worst)
    except PublishError as error:
        batch.fail(pending, error)


class _Batch:
    def __init__(self, publishes: Iterable[Publish]) -> None:
        self._channels: List[str] = []
        self._bodies: List[bytes] = []
        for publish in publishes:
            self._channels.append(publish.channel)
            self._bodies.append(encode(publish, with_channel=True)[0])
        self._results: List[Optional[Result]] = [None] * len(self._bodies)

    def requests(self) -> Generator[List[int], None, None]:
        """Group the events, in order, by what one request may hold."""
        group: List[int] = []
        size = 0
        for index, body in enumerate(self._bodies):
            if group and (len(group) == EVENTS_MAX or size + len(body) > BYTES_MAX):
                yield group
                group, size = [], 0
            group.append(index)
            size += len(body) + 1
        if group:
            yield group

    def body(self, indices: Sequence[int]) -> bytes:
        return b'{"events":[' + b",".join(self._bodies[index] for index in indices) + b"]}"

    def take(
        self, indices: Sequence[int], results: Sequence[Union[Receipt, Problem]], requests: int
    ) -> Dict[int, Problem]:
        """Note the results. Returns the events to send again, each with its reason."""
        delayed: Dict[int, Problem] = {}
        passed = set()
        for index, result in reversed(list(zip(indices, results))):
            channel = self._channels[index]
            if isinstance(result, Receipt):
                self._results[index] = result
                passed.add(channel)
            elif result.is_retryable and channel not in passed:
                delayed[index] = result
            else:
                self._results[index] = result.error(requests)
        return dict(reversed(delayed.items()))

    def fail(self, indices: Sequence[int], error: PublishError) -> None:
        for index in indices:
            self._results[index] = error

    def receipts(self) -> List[Receipt]:
        receipts = [result for result in self._results if isinstance(result, Receipt)]
        if len(receipts) < len(self._results):
            raise BatchError([result for result in self._results if result is not None])
        return receipts
