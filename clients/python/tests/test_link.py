"""A link in virtual time: resumption, signs of life, closes, fallback and return."""

from __future__ import annotations

from typing import Any

import pytest
from world import World

from steadfast.items import ChannelRefused, Event, Finished, Gap, Position

FORBIDDEN = {"type": "error", "code": "forbidden", "message": "m", "retry": False}


def connected(seed: int = 1) -> World:
    world = World(seed)
    world.run(1)
    assert world.states == ["connecting", "connected"]
    return world


@pytest.mark.parametrize("seed", range(25))
def test_every_event_once_in_order_whatever_happens(seed: int) -> None:
    """P-21, P-23, P-26, P-74"""
    world = World(seed, {"a": "start", "b:1": "start"})
    random, count = world.random, 150
    for number in range(count):
        channel = "a" if number % 3 else "b:1"
        world.at(number * 2.0, lambda c=channel, n=number: world.publish(c, n))  # type: ignore[misc]
    for _ in range(40):
        at = random.uniform(0, count * 2.0)
        kind = random.choice(["cut", "cut", "websocket", "http", "go_away"])
        word = random.choice(["open", "open", "refused", "blocked", "busy", "silent"])
        if kind == "cut":
            world.at(at, lambda: world.cut(random.choice([1001, 1006, 1011, 1013, 4000, 4101])))
        elif kind == "go_away":
            frame = {"type": "go_away", "after_ms": 500, "spread_ms": 2000, "reason": "drain"}
            world.at(at, lambda f=frame: world.say(f))  # type: ignore[misc]
        else:
            world.at(at, lambda k=kind, w=word: setattr(world, k, w))  # type: ignore[misc]
    world.run(count * 2.0)
    world.websocket = world.http = "open"
    world.run(60)
    for channel in ("a", "b:1"):
        world.publish(channel, "end", final=True)
    world.run(120)

    events = world.told(Event)
    for channel in ("a", "b:1"):
        offsets = [event.offset for event in events if event.channel == channel]
        assert offsets == list(range(1, len(world.logs[channel]) + 1))
    assert len(events) == count + 2
    assert {item.channel for item in world.told(Finished)} == {"a", "b:1"}
    assert not world.told(Gap)
    assert world.ended is not None
    assert world.ended[1] is None
    starts = [at for at, _ in world.dials]
    for first in starts:
        assert sum(first <= at < first + 60 for at in starts) <= 14
    assert all(later - earlier >= 0.999 for earlier, later in zip(starts, starts[1:]))


@pytest.mark.parametrize("seed", range(15))
def test_what_is_lost_is_told_whenever_and_however_it_is_noticed(seed: int) -> None:
    """P-22, P-27"""
    world = World(seed)
    random = world.random

    def lose(number: int) -> None:
        world.epoch = f"e{number}"
        world.logs.clear()
        for session in world.sessions.values():
            session["a"] = 0
        if random.random() < 0.5:
            world.cut()
        else:
            to = {"epoch": world.epoch, "offset": 0}
            gap = {"from": {"epoch": f"e{number - 1}", "offset": 0}, "to": to, "cause": "x"}
            world.say({"type": "subscribed", "channel": "a", **to, "recovered": False, "gap": gap})

    for number in range(100):
        world.at(number * 2.0, lambda n=number: world.publish("a", n))  # type: ignore[misc]
        if number % 20 == 19:
            world.at(number * 2.0 + 1, lambda n=number: lose(n))  # type: ignore[misc]
        word = random.choice(["open", "open", "blocked", "refused"])
        world.at(number * 2.0 + 0.5, lambda w=word: setattr(world, "websocket", w))  # type: ignore[misc]
    world.run(200)
    world.websocket = "open"
    world.run(60)
    world.publish("a", "end", final=True)
    world.run(60)

    place, gaps = Position("e1", 0), 0
    for _, item in world.items:
        if isinstance(item, Gap):
            assert item.start == place
            place, gaps = item.end, gaps + 1
        elif isinstance(item, Event):
            assert (item.epoch, item.offset) == (place.epoch, place.offset + 1)
            place = item.position
    assert place == Position(world.epoch, len(world.logs["a"]))
    assert 1 <= gaps <= 5
    assert world.ended is not None
    assert world.ended[1] is None


def test_a_cut_session_resumes_behind_the_last_event() -> None:
    world = connected()
    world.publish("a", 1)
    world.cut()
    world.publish("a", 2)
    world.run(10)
    assert world.data == [1, 2]
    assert world.hellos[1]["channels"][0]["since"] == {"epoch": "e1", "offset": 1}
    assert (world.hellos[0]["generation"], world.hellos[1]["generation"]) == (1, 2)
    assert world.hellos[0]["link"] == world.hellos[1]["link"]


def test_lost_history_is_told_as_a_gap_before_the_next_event() -> None:
    """P-22"""
    world = connected()
    world.publish("a", 1)
    world.epoch, world.logs = "e2", {}
    world.cut()
    world.publish("a", 2)
    world.run(10)
    (gap,) = world.told(Gap)
    assert (gap.start, gap.end) == (Position("e1", 1), Position("e2", 0))
    assert gap.cause == "epoch_changed"
    kinds = [type(item) for _, item in world.items if isinstance(item, (Event, Gap))]
    assert kinds == [Event, Gap, Event]


def test_a_missing_event_is_asked_for_and_never_skipped() -> None:
    """P-23"""
    world = connected()
    world.publish("a", 1)
    world.logs["a"].append({"offset": 2, "event": "e", "data": 2, "time": "t"})
    world.say({"type": "event", "channel": "a", "offset": 3, "event": "e", "time": "t"})
    world.run(1)
    assert world.data == [1, 2]


def test_superseded_offsets_are_no_gap() -> None:
    """P-25"""
    world = connected()
    world.say({"type": "superseded", "channel": "a", "from": 1, "to": 4})
    world.say({"type": "event", "channel": "a", "offset": 5, "event": "e", "data": 5, "time": "t"})
    world.run(1)
    assert world.data == [5]
    assert not world.told(Gap)


def test_a_silent_server_is_left_after_interval_and_timeout() -> None:
    """P-44"""
    world = connected()
    world.websocket = "silent"
    world.run(24)
    assert world.closed == []
    world.run(2)
    assert world.closed == [1]
    assert world.states[-1] == "reconnecting"


def test_a_machine_that_slept_asks_again_before_it_leaves() -> None:
    """P-44"""
    world = connected()
    world.run(15)
    world.now += 3600
    world.link.on_time(world.now)
    world.step()
    world.run(1)
    assert world.closed == []


def test_an_app_that_does_not_read_hears_no_silence() -> None:
    world = connected()
    world.link.on_reading(world.now, is_paused=True)
    world.websocket = "silent"
    world.run(300)
    assert world.closed == []
    world.link.on_reading(world.now, is_paused=False)
    world.run(11)
    assert world.closed == [1]


@pytest.mark.parametrize("code", [1000, 1008, 1009, 4400, 4401, 4402, 4403])
def test_codes_that_mean_never_end_the_link(code: int) -> None:
    """P-50"""
    world = connected()
    world.cut(code)
    world.run(100)
    assert world.ended is not None
    assert world.ended[1] is not None
    assert world.ended[1].code == code
    assert len(world.dials) == 1
    assert world.states[-1] == "disconnected"


@pytest.mark.parametrize(("code", "least"), [(1011, 5), (1013, 5), (4100, 5), (4999, 5), (4000, 1)])
def test_codes_that_mean_later_are_obeyed(code: int, least: float) -> None:
    """P-50"""
    world = connected()
    cut_at = world.now
    world.cut(code)
    world.run(20)
    assert len(world.dials) == 2
    assert least <= world.dials[1][0] - cut_at <= least + 2


def test_go_away_is_obeyed_once_within_its_window_and_without_a_break() -> None:
    """P-55, P-56"""
    world = connected()
    asked = world.now
    frame = {"type": "go_away", "reason": "drain", "after_ms": 2000, "spread_ms": 3000}
    world.say({**frame, "to": "other:1"})
    world.run(60)
    assert len(world.dials) == 2
    assert 2 <= world.dials[1][0] - asked <= 5
    assert world.dials[1][1] == "other:1"
    assert world.states == ["connecting", "connected"]


def test_a_place_that_cannot_be_reached_leaves_the_session_alone() -> None:
    """P-55"""
    world = connected()
    world.websocket = "refused"
    world.say({"type": "go_away", "reason": "drain", "after_ms": 0, "spread_ms": 0})
    world.run(5)
    world.publish("a", 1)
    assert world.data == [1]
    assert len(world.dials) == 2


def test_polling_begins_where_websocket_does_not_get_through_and_ends_with_it() -> None:
    """P-73, P-74"""
    world = World()
    world.websocket = "refused"
    world.publish("a", 1)
    world.run(9)
    assert world.states == ["connecting", "fallback"]
    assert world.data == [1]
    world.run(100)
    world.publish("a", 2)
    world.run(1)
    assert world.data == [1, 2]
    world.websocket = "open"
    world.run(45)
    world.publish("a", 3)
    world.run(1)
    assert world.states[-1] == "connected"
    assert world.data == [1, 2, 3]
    polled = len(world.polls)
    world.run(300)
    assert len(world.polls) == polled


def test_no_network_and_a_busy_server_are_no_reason_to_poll() -> None:
    """P-73"""
    world = World()
    world.websocket = "refused"
    world.http = "refused"
    world.run(300)
    assert world.polls == []
    world = World()
    world.websocket = "busy"
    world.run(19)
    assert len(world.dials) == 1


def test_polling_that_gets_no_answer_is_no_fallback() -> None:
    world = World()
    world.websocket = "blocked"
    world.run(20)
    assert world.states[-1] == "fallback"
    world.http = "silent"
    world.run(120)
    assert world.states[-1] == "reconnecting"
    world.http = world.websocket = "open"
    world.run(40)
    assert world.states[-1] == "connected"


@pytest.mark.parametrize("status", [404, 405, 429, 503])
def test_a_server_that_does_not_answer_polls_is_waited_for(status: int) -> None:
    """P-79"""
    world = World()
    world.websocket = "blocked"
    world.poll_status = status
    world.run(120)
    assert world.ended is None
    assert len(world.polls) < 30
    world.websocket = "open"
    world.publish("a", 1)
    world.run(50)
    assert world.data == [1]
    assert world.states[-1] == "connected"


def test_a_refused_channel_is_told_and_the_others_go_on() -> None:
    """P-18"""
    world = World(1, {"a": "start", "b": "start"})
    world.run(1)
    world.say({**FORBIDDEN, "channel": "b"})
    world.publish("a", 1, final=True)
    world.run(1)
    assert world.told(ChannelRefused) == [ChannelRefused("b", "forbidden", "m")]
    assert world.ended == (world.ended[0], None) if world.ended else False


def test_the_last_refused_channel_rejects_the_link() -> None:
    world = connected()
    world.say({**FORBIDDEN, "channel": "a"})
    assert world.ended is not None
    assert world.ended[1] is not None
    assert world.ended[1].code == "forbidden"


def test_a_refused_token_is_asked_for_again_and_a_second_refusal_is_final() -> None:
    """P-50"""
    world = World(tokens=["bad", "good"])
    world.run(10)
    assert world.states[-1] == "connected"
    assert [hello["token"] for hello in world.hellos] == ["bad", "good"]
    world = World(tokens=["bad"])
    world.run(60)
    assert world.ended is not None
    assert world.ended[1] is not None
    assert world.ended[1].code == 4202
    assert len(world.hellos) == 2


def test_an_expired_token_is_replaced_and_the_link_goes_on() -> None:
    world = World(tokens=["first", "second"])
    world.run(40)
    world.cut(4200)
    world.publish("a", 1)
    world.run(5)
    assert world.data == [1]
    assert world.hellos[-1]["token"] == "second"


def welcomed_for(seconds: float, *tokens: Any) -> World:
    world = World(tokens=tokens)
    world.token_s = seconds
    world.run(1)
    assert world.states == ["connecting", "connected"]
    return world


def test_a_session_is_given_a_newer_token_before_its_own_ends() -> None:
    """P-39"""
    world = welcomed_for(100, "first", "second", "third")
    began = world.now
    world.run(250)
    (second, third) = world.refreshes
    assert (second[1], third[1]) == ("second", "third")
    assert 78 <= second[0] - began <= 91
    assert 158 <= third[0] - began <= 182
    assert len(world.dials) == 1
    assert world.link.token == "third"
    world.cut()
    world.run(10)
    assert world.hellos[-1]["token"] == "third"


def test_a_newer_token_that_is_none_is_asked_for_once_more() -> None:
    """P-39"""
    for given in ("bad", "first", ValueError()):
        world = welcomed_for(100, "first", given, "good", "later")
        world.run(99)
        assert [token for _, token in world.refreshes][-1] == "good"
        assert world.link.token == "good"
        assert len(world.dials) == 1
        world = welcomed_for(100, "first", given)
        world.run(300)
        assert len(world.refreshes) <= 2
        assert world.link.token == "first"
        assert world.states == ["connecting", "connected"]


def test_an_app_that_is_signed_out_meanwhile_ends_the_link() -> None:
    """P-19"""
    world = welcomed_for(20, "first", None)
    world.run(20)
    assert world.ended is not None
    assert world.ended[1] is not None
    assert world.ended[1].code == 4201


def test_not_now_is_no_end_and_no_token_is_one() -> None:
    """P-19"""
    world = World(tokens=[ValueError(), ValueError(), ValueError(), "good"])
    world.run(20)
    assert world.states[-1] == "connected"
    world = World(tokens=[None])
    world.run(20)
    assert world.ended is not None
    assert world.ended[1] is not None
    assert world.ended[1].code == 4201


def test_frames_that_are_none_are_ignored() -> None:
    """P-2"""
    world = connected()
    event = '{"type":"event","channel":"a","offset":1.0,"event":"e","time":"t"}'
    texts = ["", "[]", "{}", '{"type":[]}', '{"type":"new"}', '{"type":"event"}', event]
    for text in [*texts, "[" * 100_000]:
        world.link.on_text(world.now, 1, text)
    world.run(1)
    world.publish("a", 1)
    assert world.data == [1]
    assert world.closed == []
