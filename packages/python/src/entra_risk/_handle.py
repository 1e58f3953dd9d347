"""The handle of a call: what the calls for threads and for asyncio have in common."""

from __future__ import annotations

from ._options import Seconds, milliseconds
from ._progress import OnProgress
from ._report import Report, carrying
from ._tenants import Tenants
from ._work import GRACE, Work


class Handle:
    """A call as its caller sees it. Losing the last reference to it stops the call."""

    def __init__(self, tenants: Tenants, work: Work, on_progress: OnProgress | None) -> None:
        self._tenants = tenants
        self._work = work
        self._on_progress = on_progress

    def report(self) -> Report:
        """What became of the ids so far, including the batches that the iterator has not yielded
        yet. When iteration is over, the report contains every id, and the cause."""
        return self._work.report()

    def stop(self, grace: Seconds | None = None) -> None:
        """Ends the call: nothing new is sent, and the iterator yields the remaining outcomes. It
        returns immediately, and may be called from any thread and from a signal handler.

        `grace` is how long requests in flight may still take: seconds or a `timedelta`, by default
        10 s. A later call can only shorten it."""
        self._work.stop(GRACE if grace is None else milliseconds("grace", grace, least=0) / 1000)

    def __del__(self) -> None:
        self._work.stop(0)

    def _raise(self) -> None:
        """Raises what the credential raised, or what is wrong with an argument."""
        if self._work.raised is not None:
            raise self._work.raised

    def _attach(self, error: BaseException) -> None:
        """Attaches the report to an exception, or raises one that has it."""
        carries = carrying(error, self.report())
        if carries is not error:
            raise carries
