"""Pauses and deadlines of a publisher, by a clock that the tests turn."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple, Union

import pytest

from steadfast import ChannelFinished, RetryPolicy, Unauthorized, Unavailable
from steadfast.batches import publish_batch
from steadfast.errors import BatchError, PublishError
from steadfast.publishing import (
    Moment,
    NoResponse,
    Pause,
    Publish,
    Receipt,
    Request,
    Response,
    publish_one,
)
from steadfast.retry import Attempts

EVENT = Publish("job:1", "progress", {"percent": 40})
PLACED = b'{"channel":"job:1","epoch":"e","offset":7}'


def problem(status: int, code: str, headers: Optional[dict[str, str]] = None) -> Response:
    body = f'{{"code":"{code}","detail":"because","status":{status}}}'.encode()
    return Response(status, headers or {}, body)


class Play:
    """Drives a call with scripted outcomes; each request takes a second."""

    def __init__(self, outcomes: List[Union[Response, NoResponse]]) -> None:
        self.now = 1000.0
        self.outcomes = outcomes
        self.requests: List[Request] = []
        self.pauses: List[float] = []

    def start(self) -> Moment:
        return Moment(self.now, 0.0)

    def run(self, call: Any) -> Any:
        try:
            step = next(call)
            while True:
                if isinstance(step, Pause):
                    self.pauses.append(step.seconds)
                    self.now += step.seconds
                    step = call.send(Moment(self.now, 0.0))
                else:
                    self.requests.append(step)
                    self.now += min(1.0, step.timeout_s)
                    outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
                    step = call.send(Moment(self.now, 0.0, outcome))
        except StopIteration as done:
            return done.value

    def publish(self, policy: Optional[RetryPolicy] = None) -> Receipt:
        receipt = self.run(publish_one(EVENT, policy or RetryPolicy(), self.start()))
        assert isinstance(receipt, Receipt)
        return receipt


def test_every_repeat_has_the_same_idempotency_key_and_body() -> None:
    play = Play([NoResponse("reset", True), problem(503, "overloaded"), Response(201, {}, PLACED)])
    assert play.publish() == Receipt("job:1", "e", 7)
    assert len(play.requests) == 3
    assert len({(one.idempotency_key, one.body) for one in play.requests}) == 1
    assert play.requests[0].idempotency_key


def test_two_calls_have_two_keys() -> None:
    keys = set()
    for _ in range(50):
        play = Play([Response(201, {}, PLACED)])
        play.publish()
        keys.add(play.requests[0].idempotency_key)
    assert len(keys) == 50


def test_a_server_that_stays_away_costs_the_deadline_and_no_more() -> None:
    play = Play([NoResponse("refused", False)])
    with pytest.raises(Unavailable) as caught:
        play.publish(RetryPolicy(deadline_s=20))
    assert 10 < play.now - 1000 <= 20
    assert caught.value.code == "no_answer"
    assert caught.value.attempts == len(play.requests)
    assert not caught.value.is_uncertain


def test_what_was_sent_and_not_answered_is_uncertain_ever_after() -> None:
    play = Play([NoResponse("reset", True), NoResponse("refused", False)])
    with pytest.raises(Unavailable) as caught:
        play.publish(RetryPolicy(deadline_s=5))
    assert caught.value.is_uncertain


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (problem(503, "draining", {"retry-after": "7"}), 7.0),
        (Response(507, {}, b'{"code":"storage_full","status":507,"retry_after_s":6}'), 6.0),
        (problem(503, "x", {"retry-after": "Thu, 01 Jan 1970 00:00:09 GMT"}), 9.0),
        (Response(502, {"retry-after": "soon"}, b"<html>Bad Gateway</html>"), 0.0),
    ],
)
def test_no_pause_is_shorter_than_the_hint(answer: Response, hint: float) -> None:
    play = Play([answer, Response(201, {}, PLACED)])
    play.publish()
    (pause,) = play.pauses
    assert hint + 0.1 <= pause <= hint + 0.5


def test_a_hint_beyond_the_deadline_ends_the_call_at_once() -> None:
    play = Play([problem(507, "storage_full", {"retry-after": "30"})])
    with pytest.raises(Unavailable) as caught:
        play.publish(RetryPolicy(deadline_s=10))
    assert play.now == 1001
    assert (caught.value.code, caught.value.status) == ("storage_full", 507)
    assert caught.value.retry_after_s == 30


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(409, "channel_finished", ChannelFinished), (401, "key_wrong", Unauthorized)],
)
def test_what_would_be_refused_again_is_not_repeated(
    status: int, code: str, kind: type[PublishError]
) -> None:
    play = Play([problem(status, code)])
    with pytest.raises(kind) as caught:
        play.publish()
    assert len(play.requests) == 1
    assert (caught.value.code, caught.value.detail) == (code, "because")


def test_an_answer_of_something_else_is_told_and_not_repeated() -> None:
    play = Play([Response(200, {}, b"<html>Please sign in</html>")])
    with pytest.raises(PublishError) as caught:
        play.publish()
    assert caught.value.code == "bad_answer"
    assert caught.value.is_uncertain


def test_pauses_are_drawn_up_to_a_cap_that_doubles() -> None:
    def pauses(random: float) -> List[Optional[float]]:
        attempts = Attempts(RetryPolicy(deadline_s=240), 0.0)
        return [attempts.pause_s(0.0, 0.0, random) for _ in range(7)]

    assert pauses(0.0) == [0.1] * 7
    assert pauses(0.5) == [0.25, 0.5, 1, 2, 4, 4, 4]


def test_the_last_attempt_is_made_a_second_before_the_deadline() -> None:
    attempts = Attempts(RetryPolicy(deadline_s=10), 0.0)
    assert attempts.pause_s(8.0, 0.0, 0.99) == pytest.approx(0.495)
    assert [attempts.pause_s(0.0, 0.0, 0.99) for _ in range(4)][-1] == pytest.approx(7.92)
    assert attempts.pause_s(3.0, 0.0, 0.99) == 6
    assert attempts.pause_s(3.0, 5.9, 0.99) == 6
    assert attempts.pause_s(3.0, 6.0, 0.99) is None
    assert attempts.pause_s(9.0, 0.0, 0.99) is None


def test_the_deadline_has_a_limit_and_a_floor() -> None:
    assert RetryPolicy(deadline_s=240).deadline_s == 240
    for deadline_s in (0, 240.1, -1, float("nan")):
        with pytest.raises(ValueError, match="deadline_s"):
            RetryPolicy(deadline_s=deadline_s)


def results(*entries: Tuple[str, Any]) -> Response:
    parts = []
    for channel, entry in entries:
        if isinstance(entry, int):
            parts.append(f'{{"channel":"{channel}","epoch":"e","offset":{entry}}}')
        else:
            status = 503 if entry == "broker_unavailable" else 409
            parts.append(f'{{"error":{{"code":"{entry}","status":{status},"detail":"because"}}}}')
    return Response(200, {}, f'{{"results":[{",".join(parts)}]}}'.encode())


def batch(play: Play, channels: List[str]) -> Any:
    publishes = [Publish(channel, "e", index) for index, channel in enumerate(channels)]
    return play.run(publish_batch(publishes, RetryPolicy(), play.start()))


def test_only_the_events_of_a_batch_that_failed_for_a_while_are_repeated() -> None:
    play = Play(
        [
            results(("a", 1), ("b", "broker_unavailable"), ("b", "broker_unavailable")),
            results(("b", 1), ("b", 2)),
        ]
    )
    receipts = batch(play, ["a", "b", "b"])
    assert [(one.channel, one.offset) for one in receipts] == [("a", 1), ("b", 1), ("b", 2)]
    assert b'"data":0' not in play.requests[1].body
    assert play.requests[1].body.index(b'"data":1') < play.requests[1].body.index(b'"data":2')


def test_no_event_is_repeated_behind_a_later_one_of_its_channel() -> None:
    play = Play([results(("a", "broker_unavailable"), ("b", 4), ("a", 1))])
    with pytest.raises(BatchError) as caught:
        batch(play, ["a", "b", "a"])
    first, second, third = caught.value.results
    assert isinstance(first, Unavailable)
    assert first.code == "broker_unavailable"
    assert (second, third) == (Receipt("b", "e", 4), Receipt("a", "e", 1))


def test_each_event_of_a_batch_has_its_own_result() -> None:
    play = Play([results(("a", "channel_finished"), ("b", 1))])
    with pytest.raises(BatchError, match="1 of 2 events failed, the first: channel_finished"):
        batch(play, ["a", "b"])


def test_a_batch_without_events_makes_no_request() -> None:
    play = Play([results()])
    assert batch(play, []) == []
    assert play.requests == []


def test_a_request_has_a_thousand_events_and_a_mebibyte_at_most() -> None:
    whole = results(*[("a", 1)] * 1000)
    play = Play([whole, results(("a", 1))])
    assert len(batch(play, ["a"] * 1001)) == 1001
    assert len(play.requests) == 2

    play = Play([results(("a", 1), ("a", 1)), results(("a", 1))])
    publishes = [Publish("a", "e", "x" * 400_000)] * 3
    play.run(publish_batch(publishes, RetryPolicy(), play.start()))
    assert len(play.requests) == 2
