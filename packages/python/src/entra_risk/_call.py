"""A call that reports while it runs, for threads."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from types import TracebackType

from ._component import refuse_fork, was_forked
from ._errors import InvalidArgument
from ._handle import Handle
from ._progress import OnProgress, Progress
from ._report import Batch, Report
from ._tenants import Tenants
from ._work import GRACE, Item, Work

_TICK = 0.25
"""Seconds between two checks for what a wait would miss. On Windows, a wait without a time limit
does not notice Ctrl-C."""


class Call(Handle):
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
        super().__init__(tenants, work, on_progress)
        self._items = items

    def __iter__(self) -> Iterator[Batch]:
        try:
            while (batch := self._next()) is not None:
                yield batch
            self._raise()
        except BaseException as error:
            self._end(error)
            raise

    def __enter__(self) -> Call:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._work.stop(0)
        self._wait()
        if error is not None:
            self._attach(error)

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

    def _end(self, error: BaseException) -> None:
        """Ends the call because of an exception, and attaches the report to it."""
        if error is self._work.raised or was_forked():
            return
        # A generator is closed when its loop is left early.
        self._work.stop(0 if isinstance(error, GeneratorExit) else GRACE)
        try:
            self._wait()
        except BaseException as second:  # A second Ctrl-C does not wait.
            self._work.stop(0)
            self._work.end_now()
            self._attach(second)
            raise
        self._attach(error)

    def _wait(self) -> None:
        """Waits until a stopped call is over."""
        self._look()
        while not self._work.over.wait(_TICK):
            self._look()

    def _look(self) -> None:
        refuse_fork()
        self._work.end_if_late()
