"""Progress of Celery tasks. A task whose base is `ProgressTask` has `self.progress`, and its
channel ends with the task: `complete` when it has returned, `error` when it has failed for good; a
retry goes on in the same channel.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import celery

from .progress import Progress
from .publisher import Publisher


class ProgressTask(celery.Task):  # type: ignore[misc]
    """The base of tasks that are followed. Set `publisher` in a subclass of your own.

    A worker that is killed publishes no end: with `acks_late` another one goes on in the channel.
    """

    abstract = True
    publisher: Optional[Publisher] = None
    updates_per_second: float = 4

    def progress_channel(self, task_id: str) -> str:
        """The channel of a task."""
        return f"job:{task_id}"

    @property
    def progress(self) -> Progress:
        """The progress of the task that runs now."""
        request = self.request
        progress: Optional[Progress] = getattr(request, "steadfast_progress", None)
        if progress is None:
            if self.publisher is None:
                raise RuntimeError(f"set `publisher` in {type(self).__name__}")
            channel = self.progress_channel(request.id)
            progress = Progress(self.publisher, channel, per_second=self.updates_per_second)
            request.steadfast_progress = progress
        return progress

    def on_success(
        self, retval: Any, task_id: str, args: Tuple[Any, ...], kwargs: Dict[str, Any]
    ) -> None:
        """Publish `complete`, unless the task has. What it returned is not published."""
        self.progress.close()
        super().on_success(retval, task_id, args, kwargs)

    def on_failure(
        self,
        exc: BaseException,
        task_id: str,
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
        einfo: Any,
    ) -> None:
        """Publish `error`, with the exception's name alone."""
        self.progress.close(exc)
        super().on_failure(exc, task_id, args, kwargs, einfo)

    def on_retry(
        self,
        exc: BaseException,
        task_id: str,
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
        einfo: Any,
    ) -> None:
        """Publish the last update."""
        self.progress.stop()
        super().on_retry(exc, task_id, args, kwargs, einfo)
