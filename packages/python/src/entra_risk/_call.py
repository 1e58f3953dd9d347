"""A call that reports while it runs, for threads."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from types import TracebackType

from ._actions import OnProgress
from ._errors import InvalidArgument
from ._options import Seconds, milliseconds
from ._plugin import refuse_fork, was_forked
from ._progress import Progress
from ._report import Batch, Report, carrying
from ._tenants import Tenants
from ._work import GRACE, Item, Work

_TICK = 0.25
"""Seconds between two looks at what must not be missed. On Windows, a wait without a time limit
does not notice Ctrl-C."""


class Call:
    """A call of an action. Iterate over it, and get each `Batch` as soon as its ids have their
    outcome:

    >>> for batch in risk.start("dismiss-risky-users", ids):
    ...     print(batch.outcome, *batch.ids)

    The call goes on while your program handles a batch. Leaving the loop early is `stop(0)`, and so
    is leaving a `with` block, or losing the last reference to the call: nothing more is sent, and
    ids in flight end as `unknown`.

    Iterating raises what the credential or `on_progress` raises, and `KeyboardInterrupt` while it
    waits. They end the call, and have its report as the attribute `report`: see `report_of`."""

    def __init__(
        self, tenants: Tenants, work: Work, items: queue.SimpleQueue[Item], on_progress: OnProgress | None
    ) -> None:
        self._tenants = tenants
        self._work = work
        self._items = items
        self._on_progress = on_progress

    def __iter__(self) -> Iterator[Batch]:
        try:
            while (batch := self._next()) is not None:
                yield batch
            self._raise()
        except BaseException as error:
            self._end(error)
            raise

    def report(self) -> Report:
        """What became of the ids so far, with the batches that the iterator has not yielded yet.
        When iteration is over, every id is in it, and the cause."""
        return self._work.report()

    def stop(self, grace: Seconds | None = None) -> None:
        """Ends the call: nothing new is sent, and the iterator yields the remaining outcomes. It
        returns immediately, and may be called from any thread and from a signal handler.

        `grace` is how long requests in flight may still take: seconds or a `timedelta`, by default
        10 s. A later call can only shorten it."""
        self._work.stop(GRACE if grace is None else milliseconds("grace", grace, least=0) / 1000)

    def __enter__(self) -> Call:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._work.stop(0)
        self._wait()
        if error is not None:
            self._attach(error)

    def __del__(self) -> None:
        self._work.stop(0)

    def _begin(self) -> None:
        """Begins the call, and raises what is wrong with its arguments."""
        try:
            self._tenants.begin(self._work)
            while not self._work.started.wait(_TICK):
                refuse_fork()
            if isinstance(self._work.raised, InvalidArgument):
                self._raise()
        except BaseException as error:
            self._end(error)
            raise

    def _complete(self) -> Report:
        """Waits until the call is over."""
        try:
            while self._next() is not None:
                pass
            self._raise()
            return self.report()
        except BaseException as error:
            self._end(error)
            raise

    def _next(self) -> Batch | None:
        while True:
            item = self._take()
            if not isinstance(item, Progress):
                return item
            if self._on_progress is not None:
                self._on_progress(item)

    def _take(self) -> Item:
        while True:
            try:
                item = self._items.get(timeout=_TICK)
            except queue.Empty:
                self._look()
                continue
            if item is None:
                self._items.put(None)  # For whoever iterates again.
            return item

    def _raise(self) -> None:
        if self._work.raised is not None:
            raise self._work.raised

    def _end(self, error: BaseException) -> None:
        """Ends the call because of an exception, and attaches the report to it."""
        if error is self._work.raised or was_forked():
            return
        # A generator is closed because its loop was left.
        self._work.stop(0 if isinstance(error, GeneratorExit) else GRACE)
        try:
            self._wait()
        except BaseException as second:  # A second Ctrl-C does not wait.
            self._work.stop(0)
            self._work.end_now()
            self._attach(second)
            raise
        self._attach(error)

    def _attach(self, error: BaseException) -> None:
        """Attaches the report to an exception, or raises one that has it."""
        carries = carrying(error, self.report())
        if carries is not error:
            raise carries

    def _wait(self) -> None:
        """Waits until a stopped call is over."""
        self._look()
        while not self._work.over.wait(_TICK):
            self._look()

    def _look(self) -> None:
        refuse_fork()
        self._work.end_if_late()
