"""The client for asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ._actions import Action, Actions, OnProgress
from ._credential import Credential, Secret, Source, TokenRequest, token_of
from ._options import Options, Seconds, Settings, milliseconds
from ._plugin import refuse_fork, was_forked
from ._progress import Progress
from ._report import Batch, Report, carrying
from ._tenants import Tenants
from ._token import Fetch, Stopped
from ._work import GRACE, Item, Work

if TYPE_CHECKING:
    from typing_extensions import Unpack

_TICK = 0.25
"""Seconds between two looks at what must not be missed."""


class AsyncEntraRisk(Actions[Coroutine[Any, Any, Report]]):
    """`EntraRisk` for asyncio: the same arguments, reports and exceptions. The component runs in a
    thread of its own and never blocks the event loop.

    The credential may also be one of `azure.identity.aio` or a coroutine function: these run in the
    event loop, others in a thread. `on_progress` is called in the event loop.

    Cancelling a task ends its call: nothing new is sent, and requests in flight get up to 10 s
    more. Then `asyncio.CancelledError` is raised, and `report_of` returns the report from it.
    Cancelling a second time does not wait."""

    def __init__(self, credential: Credential, **settings: Unpack[Settings]) -> None:
        source = Source(credential)
        del credential  # A local variable of the tracebacks of mistakes.
        self._tenants = Tenants(source, settings)

    def start(
        self,
        action: Action,
        ids: Iterable[str | UUID],
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> AsyncCall:
        """Starts an action, and returns an `AsyncCall`: iterate over it with `async for`, and get
        each `Batch` as soon as its ids have their outcome. `on_progress` is called while you
        iterate.

        Raises `InvalidArgument` for an unknown action or an argument of the wrong type, and
        iterating raises it for any other that is not as documented."""
        call = self._call(action, ids, on_progress, options)
        call._begin()
        return call

    async def _perform(
        self, action: Action, ids: Iterable[str | UUID], on_progress: OnProgress | None, options: Options
    ) -> Report:
        call = self._call(action, ids, on_progress, options)
        call._begin()
        return await call._complete()

    def _call(
        self, action: Action, ids: Iterable[str | UUID], on_progress: OnProgress | None, options: Options
    ) -> AsyncCall:
        items = _Items(asyncio.get_running_loop())
        work = self._tenants.work(action, ids, options, self._fetch_in(items.loop), items.push)
        items.stop = work.stop
        return AsyncCall(self._tenants, work, items, on_progress)

    def _fetch_in(self, loop: asyncio.AbstractEventLoop) -> Fetch:
        def in_thread(request: TokenRequest, stopped: Stopped) -> Secret:
            fetched = self._tenants.credential.fetch(request)
            return token_of(_in_loop(fetched, loop, stopped) if inspect.isawaitable(fetched.value) else fetched)

        return in_thread


class AsyncCall:
    """A call of an action. Iterate over it, and get each `Batch` as soon as its ids have their
    outcome:

    >>> async for batch in risk.start("dismiss-risky-users", ids):
    ...     print(batch.outcome, *batch.ids)

    The call goes on while your program handles a batch. Leaving the loop early is `stop(0)`, and so
    is leaving an `async with` block, or losing the last reference to the call: nothing more is
    sent, and ids in flight end as `unknown`.

    Iterating raises what the credential or `on_progress` raises, and `asyncio.CancelledError` while
    it waits. They end the call, and have its report as the attribute `report`: see `report_of`."""

    def __init__(self, tenants: Tenants, work: Work, items: _Items, on_progress: OnProgress | None) -> None:
        self._tenants = tenants
        self._work = work
        self._items = items
        self._on_progress = on_progress

    async def __aiter__(self) -> AsyncIterator[Batch]:
        try:
            while (batch := await self._next()) is not None:
                yield batch
            self._raise()
        except BaseException as error:
            await self._end(error)
            raise

    def report(self) -> Report:
        """What became of the ids so far, with the batches that the iterator has not yielded yet.
        When iteration is over, every id is in it, and the cause."""
        return self._work.report()

    def stop(self, grace: Seconds | None = None) -> None:
        """Ends the call: nothing new is sent, and the iterator yields the remaining outcomes. It
        returns immediately, and may be called from any thread.

        `grace` is how long requests in flight may still take: seconds or a `timedelta`, by default
        10 s. A later call can only shorten it."""
        self._work.stop(GRACE if grace is None else milliseconds("grace", grace, least=0) / 1000)

    async def __aenter__(self) -> AsyncCall:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._work.stop(0)
        await self._items.wait_until_over(self._work)
        if error is not None:
            self._attach(error)

    def __del__(self) -> None:
        self._work.stop(0)

    def _begin(self) -> None:
        """Begins the call."""
        self._tenants.begin(self._work)

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
            item = await self._items.take(self._work)
            if not isinstance(item, Progress):
                return item
            if self._on_progress is not None:
                self._on_progress(item)

    def _raise(self) -> None:
        if self._work.raised is not None:
            raise self._work.raised

    async def _end(self, error: BaseException) -> None:
        """Ends the call because of an exception, and attaches the report to it."""
        if error is self._work.raised or was_forked():
            return
        # A generator is closed because its loop was left.
        self._work.stop(0 if isinstance(error, GeneratorExit) else GRACE)
        try:
            await self._items.wait_until_over(self._work)
        except BaseException as second:  # Cancelling a second time does not wait.
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


class _Items:
    """Brings what a call reports into the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._items: deque[Item] = deque()
        self._changed = asyncio.Event()
        self.stop: Callable[[float], None] = lambda _: None
        """Ends the call that reports here."""

    def push(self, item: Item) -> None:
        """Called in the thread of the driver."""
        try:
            self.loop.call_soon_threadsafe(self._add, item)
        except RuntimeError:  # The loop was closed: nobody waits any more.
            self.stop(0)

    async def take(self, work: Work) -> Item:
        """The next item. None, as the last one, stays."""
        while not self._items:
            await self._wait(work)
        return self._items[0] if self._items[0] is None else self._items.popleft()

    async def wait_until_over(self, work: Work) -> None:
        """Waits until the call is over."""
        work.end_if_late()
        while not work.over.is_set():
            await self._wait(work)

    def _add(self, item: Item) -> None:
        self._items.append(item)
        self._changed.set()

    async def _wait(self, work: Work) -> None:
        self._changed.clear()
        tick = self.loop.call_later(_TICK, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            tick.cancel()
        refuse_fork()
        work.end_if_late()


def _in_loop(awaitable: Secret, loop: asyncio.AbstractEventLoop, stopped: Stopped) -> Secret:
    """Awaits in the event loop, for a thread."""

    async def run() -> Secret:
        # Not the token itself: asyncio prints what tasks return in its debug mode.
        return Secret(await awaitable.value)

    running = run()
    try:
        future = asyncio.run_coroutine_threadsafe(running, loop)
    except RuntimeError:  # The loop was closed.
        running.close()
        if inspect.iscoroutine(awaitable.value):
            awaitable.value.close()
        raise
    while not future.done():
        if loop.is_closed():  # It would never finish.
            raise RuntimeError("the event loop was closed while the credential was awaited")
        if stopped():
            future.cancel()
        concurrent.futures.wait([future], timeout=_TICK)
    return future.result()
