"""Progress of RQ jobs. In: the job that runs now. Out: a `Progress` in the channel `job:ID`, which
ends with the job, unless the job is to be tried again.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Optional

import rq

from .progress import Progress
from .publisher import Publisher


@contextmanager
def job_progress(
    publisher: Publisher, *, channel: Optional[str] = None, per_second: float = 4
) -> Iterator[Progress]:
    """Follow the block that it is used for: `complete` at its end, `error` where it raises."""
    job = rq.get_current_job()
    if channel is None:
        if job is None:
            raise RuntimeError("outside of a job give a `channel`")
        channel = f"job:{job.id}"
    progress = Progress(publisher, channel, per_second=per_second)
    try:
        yield progress
    except BaseException as error:
        if job is not None and job.retries_left:
            progress.stop()
        else:
            progress.close(error)
        raise
    progress.close()
