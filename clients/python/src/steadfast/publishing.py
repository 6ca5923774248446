"""Publishing without a socket or a clock: what is sent, what an answer means, when to try again.

A call is a generator. It yields a `Request` or a `Pause`; whoever drives it does that, and sends
back the `Moment` at which it was done. What it returns, or raises, is the call's outcome. So
`Publisher` and `AsyncPublisher` share every decision, and tests turn the clock themselves.
"""

from __future__ import annotations

import json
import random
import secrets
from dataclasses import dataclass
from typing import Any, Generator, List, Mapping, NoReturn, Optional, Tuple, Union

from .errors import PublishError, Unavailable
from .names import check_channel
from .problem import Problem, problem_of, read_problem
from .retry import Attempts, RetryPolicy

KEY_CHARS_MAX = 255


@dataclass(frozen=True)
class Publish:
    """An event to be published.

    `final` ends the channel. A reader that is behind may be given only the newest event with the
    same `replace` key. `idempotency_key` names this event over repeats; left out, one is made up.
    """

    channel: str
    event: str
    data: Any = None
    final: bool = False
    replace: Optional[str] = None
    idempotency_key: Optional[str] = None


@dataclass(frozen=True)
class Receipt:
    """Where an event stands. `is_repeated`: an earlier request with the same key put it there."""

    channel: str
    epoch: str
    offset: int
    is_repeated: bool = False


@dataclass(frozen=True)
class Request:
    """A POST to be made, in `timeout_s` at most."""

    path: str
    body: bytes
    idempotency_key: Optional[str]
    timeout_s: float


@dataclass(frozen=True)
class Pause:
    """Time to let pass. `why` is for the log."""

    seconds: float
    why: PublishError


@dataclass(frozen=True)
class Response:
    """An answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class NoResponse:
    """There was no answer. `was_sent`: some of the request may have reached a server."""

    why: str
    was_sent: bool


@dataclass(frozen=True)
class Moment:
    """A step was done, at `now` of a clock that never goes back and `time_of_day` of the other."""

    now: float
    time_of_day: float
    outcome: Union[Response, NoResponse, None] = None


Step = Union[Request, Pause]
PublishCall = Generator[Step, Moment, Receipt]


def encode(publish: Publish, *, with_channel: bool) -> Tuple[bytes, str]:
    """Write an event as JSON; its bytes, and its idempotency key."""
    check_channel(publish.channel)
    key = publish.idempotency_key
    if key is None:
        key = secrets.token_urlsafe(16)
    elif not (0 < len(key) <= KEY_CHARS_MAX and key.isascii() and key.isprintable()):
        raise ValueError(f"an idempotency key has 1 to {KEY_CHARS_MAX} printable ASCII characters")
    fields: dict[str, Any] = {"event": publish.event, "data": publish.data}
    if publish.final:
        fields["final"] = True
    if publish.replace is not None:
        fields["replace"] = publish.replace
    if with_channel:
        fields = {"channel": publish.channel, **fields, "idempotency_key": key}
    # JSON has no NaN: refused here, by name, rather than by the server as broken JSON.
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode(), key


def publish_one(publish: Publish, policy: RetryPolicy, start: Moment) -> PublishCall:
    """Publish one event; every repeat of the request has the same Idempotency-Key."""
    body, key = encode(publish, with_channel=False)
    path = f"/v1/channels/{publish.channel}/events"
    exchange = Exchange(policy, start)
    while True:
        response = yield from exchange.send(path, body, key)
        receipt = read_receipt(_json(response.body))
        if receipt is not None:
            return receipt
        exchange.fail_for_good("bad_answer", f"HTTP {response.status} without a position", response)


class Exchange:
    """Sends one request until it is answered for good, or its deadline has passed."""

    def __init__(self, policy: RetryPolicy, start: Moment) -> None:
        self._attempts = Attempts(policy, start.now)
        self.now = start.now
        self._is_uncertain = False

    @property
    def requests(self) -> int:
        """How many requests have been made."""
        return self._attempts.failed + 1

    def send(self, path: str, body: bytes, key: Optional[str]) -> Generator[Step, Moment, Response]:
        """Return the successful answer. Raises `Refused` or `Unavailable`."""
        while True:
            timeout = self._attempts.attempt_s(self.now)
            moment = yield Request(path, body, key, timeout)
            self.now = moment.now
            outcome = moment.outcome
            if isinstance(outcome, Response):
                if 200 <= outcome.status < 300:
                    return outcome
                headers, body_of = outcome.headers, outcome.body
                problem = read_problem(outcome.status, headers, body_of, moment.time_of_day)
                if not problem.is_retryable:
                    raise problem.error(self.requests)
                yield from self.pause(problem)
            elif isinstance(outcome, NoResponse):
                self._is_uncertain = self._is_uncertain or outcome.was_sent
                yield from self.pause(Problem(0, "no_answer", outcome.why))

    def pause(self, problem: Problem) -> Generator[Step, Moment, None]:
        """Wait before the next attempt. Raises `Unavailable` where there is no time for it."""
        error = self._unavailable(problem)
        hint = problem.retry_after_s or 0.0
        # Nobody can guess anything from how long a publisher pauses.
        pause = self._attempts.pause_s(self.now, hint, random.random())  # noqa: S311
        if pause is None:
            raise error
        moment = yield Pause(pause, error)
        self.now = moment.now

    def fail_for_good(self, code: str, detail: str, response: Response) -> NoReturn:
        """Raise for an answer that says success and is none of a Steadfast server."""
        raise PublishError(
            code,
            f"{detail}; is this the internal port of a Steadfast server?",
            status=response.status,
            attempts=self.requests,
            is_uncertain=True,
        )

    def _unavailable(self, problem: Problem) -> Unavailable:
        return Unavailable(
            problem.code,
            problem.detail,
            status=problem.status or None,
            retry_after_s=problem.retry_after_s,
            attempts=self.requests,
            is_uncertain=self._is_uncertain or problem.code == "broker_unavailable",
        )


def read_receipt(answer: Any) -> Optional[Receipt]:
    """Read where the server put an event; None where the answer does not say."""
    if not isinstance(answer, dict):
        return None
    channel, epoch, offset = answer.get("channel"), answer.get("epoch"), answer.get("offset")
    if isinstance(channel, str) and isinstance(epoch, str) and isinstance(offset, int):
        return Receipt(channel, epoch, offset, answer.get("repeated") is True)
    return None


def read_results(response: Response, expected: int) -> Optional[List[Union[Receipt, Problem]]]:
    """Read one result for each event of a batch; None where the answer is none of this server."""
    answer = _json(response.body)
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != expected:
        return None
    read = [_result(result) for result in results]
    return None if None in read else [one for one in read if one is not None]


def _result(result: Any) -> Union[Receipt, Problem, None]:
    error = result.get("error") if isinstance(result, dict) else None
    return problem_of(error, 0) if isinstance(error, dict) else read_receipt(result)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
