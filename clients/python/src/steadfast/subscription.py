"""One channel of a link: where its app stands, and what of a server's frames it may be told.

In: frames and pages about this channel. Out: items in offset order, each offset once; and the
verdict that something is missing. Must not know sockets. After the TypeScript file of this name.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Union

from .items import Event, Gap, Item, Moved, Position, Since

ANSWER_TIMEOUT_S = 30.0
"""How long the answer to a request is waited for (P-21)."""

Tell = Callable[[Union[Item, Moved]], None]


class Subscription:
    """A channel that the app follows, at first from `start`.

    Where `is_followed` is false, the session was asked for the channel (`asked_id`, None for
    `hello`) and has to answer until `retry_at`; or is to be asked again then.
    """

    def __init__(self, channel: str, start: Since, tell: Tell) -> None:
        self.channel = channel
        self.is_followed = False
        self.asked_id: Optional[int] = None
        self.retry_at: Optional[float] = None
        self.position = start if isinstance(start, Position) else None
        self._start = start
        self._asked: Optional[Since] = None
        self._epoch = ""
        self._is_resubscribed = False
        self._tell = tell

    @property
    def since(self) -> Since:
        """What to ask for next."""
        return self.position or self._start

    def request(self, now: float, asked_id: Optional[int]) -> Dict[str, Any]:
        """Ask for the channel, in a frame with this id or in `hello`."""
        self.is_followed = False
        self.asked_id, self._asked = asked_id, self.since
        self.retry_at = now + ANSWER_TIMEOUT_S
        request: Dict[str, Any] = {"channel": self.channel, "since": to_wire(self.since)}
        return request if asked_id is None else {**request, "id": asked_id}

    def retry_later(self, at: float) -> None:
        """Note that the server cannot serve the channel for now."""
        self._asked, self.retry_at = None, at

    @property
    def is_asked(self) -> bool:
        """Whether the session owes an answer."""
        return not self.is_followed and self._asked is not None

    def try_resubscribe(self) -> bool:
        """Return False where this was done on this session before."""
        was, self._is_resubscribed = self._is_resubscribed, True
        return not was

    def on_session_lost(self) -> None:
        """Forget what the session knew."""
        self.is_followed = self._is_resubscribed = False
        self._asked = self.retry_at = None

    def on_subscribed(self, frame: Mapping[str, Any]) -> bool:
        """Take where delivery begins. Returns False where something between is missing."""
        gap = frame.get("gap")
        if self.is_followed:
            asked = position_of(gap["from"]) if gap else self.since
        elif self._asked is not None and frame.get("id") == self.asked_id:
            asked = self._asked
        else:
            return True  # Asked for again since: the answer to that will follow.
        reached = position_of(frame)
        if not self._reach(reached, asked, is_gap_named=bool(gap)):
            return False
        self.is_followed, self.retry_at, self._epoch = True, None, reached.epoch
        return True

    def on_event(self, frame: Mapping[str, Any]) -> bool:
        """Take an event of the session. Returns False where one before it is missing."""
        if not self.is_followed or self.position is None:
            return True
        self._epoch = frame.get("epoch") or self._epoch
        return self._epoch == self.position.epoch and self._step(frame, self.position)

    def on_superseded(self, first: int, last: int) -> bool:
        """Take offsets that will not come. Returns False where one before them is missing."""
        place = self.position
        if not self.is_followed or place is None:
            return True
        if self._epoch != place.epoch or first > place.offset + 1:
            return False
        self._move(Position(place.epoch, max(place.offset, last)))
        return True

    def on_page(self, page: Mapping[str, Any], asked: Since) -> None:
        """Take the answer to a poll that asked for `asked`."""
        place = self.position
        if place and not (isinstance(asked, Position) and asked.epoch == place.epoch):
            return  # The position has gone elsewhere since.
        epoch, events = page["epoch"], page["events"]
        first = events[0]["offset"] - 1 if events else page["offset"]
        # A page is whole, so what it leaves out of what was asked for is gone.
        self._reach(Position(epoch, first), self.since, is_gap_named=bool(page.get("gap")))
        for event in events:
            self._reach(Position(epoch, event["offset"] - 1), self.since, is_gap_named=False)
            if self.position is not None:
                self._step({**event, "epoch": epoch}, self.position)
        self._reach(Position(epoch, page["offset"]), self.since, is_gap_named=False)

    def _reach(self, reached: Position, asked: Since, *, is_gap_named: bool) -> bool:
        """Move to where delivery goes on, and tell what lies between if it is certain not to come:
        because exactly the position was asked for, or because the server named a gap. Returns False
        where it can still be asked for. Within an epoch the position never goes back.
        """
        place = self.position
        if place is not None:
            is_same = place.epoch == reached.epoch
            if is_same and place.offset >= reached.offset:
                return True
            is_asked_epoch = isinstance(asked, Position) and asked.epoch == place.epoch
            if not (asked == place or (is_gap_named and (is_same or is_asked_epoch))):
                return False
        self._move(reached)
        if place is not None or is_gap_named:
            before = place or Position(reached.epoch, 0)
            cause = "retention" if before.epoch == reached.epoch else "epoch_changed"
            self._tell(Gap(self.channel, before, reached, cause))
        return True

    def _step(self, event: Mapping[str, Any], place: Position) -> bool:
        offset = event["offset"]
        if offset <= place.offset:
            return True
        if offset > place.offset + 1:
            return False
        self.position = Position(place.epoch, offset)
        name, data, time = event["event"], event.get("data"), event["time"]
        self._tell(Event(self.channel, place.epoch, offset, name, data, time))
        return True

    def _move(self, position: Position) -> None:
        self.position = position
        self._tell(Moved(self.channel, position))


def position_of(fields: Mapping[str, Any]) -> Position:
    """Read a position of the wire."""
    return Position(fields["epoch"], fields["offset"])


def to_wire(since: Since) -> Any:
    """Write what to begin with."""
    if isinstance(since, Position):
        return {"epoch": since.epoch, "offset": since.offset}
    return since


def by_channel(subscriptions: List[Subscription], channel: Any) -> Optional[Subscription]:
    """Find the subscription of a channel."""
    return next((one for one in subscriptions if one.channel == channel), None)
