"""`Progress`: what a long job is doing, published beside it. A job never waits for its progress to
be published, and publishes it only so often a second; the last one and the end always go out.
"""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Any, Dict, Optional, Type

from .errors import PublishError, Refused
from .publisher import Publisher
from .publishing import Publish, Receipt, encode
from .retry import RetryPolicy
from .throttle import Throttle

UPDATE = RetryPolicy(deadline_s=5)
"""An update is worth less than a newer one: it is not tried for long."""

_log = logging.getLogger("steadfast.progress")


class Progress:
    """The progress of one job, in its own channel.

    `update` as often as you like; `finish` or `fail` once. As a context manager it fails with the
    name of the exception that leaves the block, and finishes where there was none; that this could
    not be published is logged, and does not make the job fail.
    """

    def __init__(self, publisher: Publisher, channel: str, *, per_second: float = 4) -> None:
        self.channel = channel
        self.is_finished = False
        self._publisher = publisher
        self._throttle: Throttle[Any] = Throttle(per_second)
        self._changed = threading.Condition()
        self._is_ending = False
        self._thread: Optional[threading.Thread] = None

    def update(self, **data: Any) -> None:
        """Publish `progress` with this data, now or soon; an older one that waits is left out."""
        # What cannot be published fails here, in the job.
        encode(Publish(self.channel, "progress", data), with_channel=False)
        with self._changed:
            if self._is_ending:
                return
            self._throttle.offer(data)
            if self._thread is None:
                name = f"progress of {self.channel}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
            self._changed.notify()

    def finish(self, data: Any = None) -> Receipt:
        """Publish the last update, then `complete`, which ends the channel."""
        return self._end("complete", data)

    def fail(self, data: Any = None) -> Receipt:
        """Publish the last update, then `error`, which ends the channel."""
        return self._end("error", data)

    def stop(self) -> None:
        """Publish the last update, and leave the channel open, as before a retry of the job."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def close(self, error: Optional[BaseException] = None) -> None:
        """Publish the end, unless it is: `error`, with the exception's name, or `complete`."""
        if self.is_finished:
            return
        try:
            if error is None:
                self.finish()
            else:
                # Its text may hold what followers must not see.
                self.fail({"error": type(error).__name__})
        except PublishError as failure:
            _log.error("the end of %s was not published: %s", self.channel, failure)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close(error)

    def _end(self, event: str, data: Any) -> Receipt:
        self.stop()
        receipt = self._publisher.publish(self.channel, event, data, final=True)
        self.is_finished = True
        return receipt

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._is_ending and time.monotonic() < self._throttle.due():
                    wait = self._throttle.due() - time.monotonic()
                    # A Condition takes no wait without end as a number.
                    self._changed.wait(None if wait > threading.TIMEOUT_MAX else max(wait, 0))
                is_ending = self._is_ending
                data = (
                    self._throttle.take_last()
                    if is_ending
                    else self._throttle.take(time.monotonic())
                )
            if data is not None:
                self._publish(data)
            if is_ending:
                return

    def _publish(self, data: Dict[str, Any]) -> None:
        try:
            self._publisher.publish(
                self.channel, "progress", data, replace="progress", retry=UPDATE
            )
        except Refused as error:
            _log.error("the progress of %s is refused: %s", self.channel, error)
            with self._changed:
                self._is_ending = True
        except PublishError as error:
            _log.warning("an update of %s waits: %s", self.channel, error)
            with self._changed:
                self._throttle.put_back(data)
