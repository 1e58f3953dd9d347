"""A call that reports while it runs, for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any

from ._component import refuse_fork, was_forked
from ._handle import Handle
from ._instance import Job
from ._progress import OnProgress, Progress
from ._report import Batch, Report
from ._tenants import Tenants
from ._work import GRACE, Item, Work

_TICK = 0.25
"""Seconds between two checks for what the event loop may have missed."""


class AsyncCall(Handle):
    """A call of an action. Iterate over it, and get each `Batch` as soon as its ids have their
    outcome:

    >>> async for batch in risk.start("dismiss-risky-users", ids):
    ...     print(batch.outcome, *batch.ids)

    The call goes on while your program handles a batch. Leaving the loop early is `stop(0)`, and so
    is leaving an `async with` block, or losing the last reference to the call: nothing more is
    sent, and ids in flight end as `unknown`.

    Iterating raises what the credential or `on_progress` raises, and `asyncio.CancelledError` while
    it waits. They end the call, and have its report as the attribute `report`: see `report_of`."""

    def __init__(self, tenants: Tenants, work: Work, items: Items, on_progress: OnProgress | None) -> None:
        super().__init__(tenants, work, on_progress)
        self._items = items

    async def __aiter__(self) -> AsyncIterator[Batch]:
        try:
            while (batch := await self._next()) is not None:
                yield batch
            self._raise()
        except BaseException as error:
            await self._end(error)
            raise

    async def __aenter__(self) -> AsyncCall:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._work.stop(0)
        await self._items.wait_until_over(self._work)
        if error is not None:
            self._attach(error)

    async def _complete(self) -> Report:
        """Waits until the call is over."""
        try:
            while await self._next() is not None:
                pass
            self._raise()
            return self.report()
        except BaseException as error:
            await self._end(error)
            raise

    async def _next(self) -> Batch | None:
        while True:
            item: Item = await self._items.take(self._work)
            if not isinstance(item, Progress):
                return item
            if self._on_progress is not None:
                self._on_progress(item)

    async def _end(self, error: BaseException) -> None:
        """Ends the call because of an exception, and attaches the report to it."""
        if error is self._work.raised or was_forked():
            return
        # A generator is closed when its loop is left early.
        self._work.stop(0 if isinstance(error, GeneratorExit) else GRACE)
        try:
            await self._items.wait_until_over(self._work)
        except BaseException as second:  # Cancelling a second time does not wait.
            self._work.stop(0)
            self._work.end_now()
            self._attach(second)
            raise
        self._attach(error)


class Items:
    """Brings what a call or a list reports into the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._items: deque[Any] = deque()
        self._changed = asyncio.Event()
        self.stop: Callable[[float], None] = lambda _: None
        """Ends the call whose items these are."""

    def push(self, item: Any) -> None:
        """Adds an item. It is called in the thread of the driver."""
        try:
            self.loop.call_soon_threadsafe(self._add, item)
        except RuntimeError:  # The loop was closed, and nobody waits any more.
            self.stop(0)

    async def take(self, work: Job) -> Any:
        """Returns the next item. None, the last one, is returned again and again."""
        while not self._items:
            await self._wait(work)
        return self._items[0] if self._items[0] is None else self._items.popleft()

    async def wait_until_over(self, work: Work) -> None:
        """Waits until the call is over."""
        work.end_if_late()
        while not work.over.is_set():
            await self._wait(work)

    def _add(self, item: Any) -> None:
        self._items.append(item)
        self._changed.set()

    async def _wait(self, work: Job) -> None:
        self._changed.clear()
        tick = self.loop.call_later(_TICK, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            tick.cancel()
        refuse_fork()
        work.end_if_late()
