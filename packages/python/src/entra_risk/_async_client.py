"""The client for asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any
from uuid import UUID

from ._action import Action
from ._actions import Actions
from ._async_call import AsyncCall, Items
from ._check import TokenCheck, check_token
from ._credential import Secret, TokenRequest, token_of
from ._entry import Collection, Entry, ListError
from ._listing import async_entries
from ._options import ListOptions, Options
from ._progress import OnProgress
from ._report import Report
from ._token import Fetch, Stopped
from ._verification import Rule, Verification, Verifier

_TICK = 0.25
"""Seconds between two checks whether a token is still awaited."""


class AsyncEntraRisk(
    Actions[
        Coroutine[Any, Any, Report],
        AsyncCall,
        AsyncIterator[Entry],
        Coroutine[Any, Any, TokenCheck],
        Coroutine[Any, Any, Verification],
    ]
):
    """`EntraRisk` for asyncio, with the same arguments, reports and exceptions. The plugin runs in
    a thread of its own and never blocks the event loop.

    The credential may also be one of `azure.identity.aio` or a coroutine function: these run in the
    event loop, others in a thread. `on_progress` is called in the event loop.

    Cancelling a task ends its call: nothing new is sent, and requests in flight get up to 10 s
    more. Then `asyncio.CancelledError` is raised, and `report_of` returns the report from it.
    Cancelling a second time does not wait."""

    async def _check(self, action: Action, request: TokenRequest) -> TokenCheck:
        fetch = self._fetch_in(asyncio.get_running_loop())
        return check_token(await asyncio.to_thread(fetch, request, bool), action)

    async def _verify(self, rule: Rule, verifier: Verifier, options: ListOptions) -> Verification:
        while (seconds := verifier.wait()) is not None:
            await asyncio.sleep(seconds)
            verifier.begin()
            try:
                async for entry in self._list(rule.collection, rule.filter, verifier.options(options)):
                    verifier.saw(entry.id, entry.processing)
            except ListError as error:
                verifier.failed(error)
                break
            verifier.end()
        return verifier.result()

    def _list(self, collection: Collection, filter: str | None, options: ListOptions) -> AsyncIterator[Entry]:
        pages = Items(asyncio.get_running_loop())
        fetch = self._fetch_in(pages.loop)
        reading = self._tenants.reading(collection, filter, options, fetch, pages.push)
        pages.stop = reading.stop
        return async_entries(self._tenants, reading, pages)

    async def _perform(
        self, action: Action, ids: Iterable[str | UUID], on_progress: OnProgress | None, options: Options
    ) -> Report:
        return await self._start(action, ids, on_progress, options)._complete()

    def _start(
        self, action: Action, ids: Iterable[str | UUID], on_progress: OnProgress | None, options: Options
    ) -> AsyncCall:
        items = Items(asyncio.get_running_loop())
        work = self._tenants.work(action, ids, options, self._fetch_in(items.loop), items.push)
        items.stop = work.stop
        call = AsyncCall(self._tenants, work, items, on_progress)
        self._tenants.begin(work)
        return call

    def _fetch_in(self, loop: asyncio.AbstractEventLoop) -> Fetch:
        def in_thread(request: TokenRequest, stopped: Stopped) -> Secret:
            fetched = self._tenants.credential.fetch(request)
            return token_of(_in_loop(fetched, loop, stopped) if inspect.isawaitable(fetched.value) else fetched)

        return in_thread


def _in_loop(awaitable: Secret, loop: asyncio.AbstractEventLoop, stopped: Stopped) -> Secret:
    """Awaits in the event loop what a thread waits for."""

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
