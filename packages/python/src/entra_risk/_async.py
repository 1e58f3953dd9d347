"""The four actions for asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ._call import Call
from ._client import OnProgress, Tenants, add_outcome
from ._credential import Credential, TokenRequest, fetch, token_of
from ._options import Options, Settings
from ._report import Batch

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AsyncEntraRisk:
    """`EntraRisk` for asyncio: the same arguments, results and exceptions. A call runs in a thread of its own and never
    blocks the event loop.

    The credential may also be one of `azure.identity.aio` or a coroutine function: these run in the event loop. Other
    credentials, and `on_progress`, are called in the thread of the call.

    Cancelling a task ends the call at its next step; requests in flight get up to 10 s more. Then `asyncio.CancelledError`
    is raised, and `partial_failure` returns the outcomes from it. Cancelling a second time does not wait.
    """

    def __init__(self, credential: Credential, **settings: Unpack[Settings]) -> None:
        self._tenants = Tenants(credential, settings)

    async def dismiss_sign_ins(
        self,
        request_ids: Iterable[str | UUID],
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> list[Batch]:
        """See `EntraRisk.dismiss_sign_ins`."""
        return await self._perform("dismiss-sign-ins", request_ids, on_progress, options)

    async def confirm_sign_ins_safe(
        self,
        request_ids: Iterable[str | UUID],
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> list[Batch]:
        """See `EntraRisk.confirm_sign_ins_safe`."""
        return await self._perform("confirm-sign-ins-safe", request_ids, on_progress, options)

    async def confirm_sign_ins_compromised(
        self,
        request_ids: Iterable[str | UUID],
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> list[Batch]:
        """See `EntraRisk.confirm_sign_ins_compromised`."""
        return await self._perform("confirm-sign-ins-compromised", request_ids, on_progress, options)

    async def dismiss_risky_users(
        self,
        user_ids: Iterable[str | UUID],
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> list[Batch]:
        """See `EntraRisk.dismiss_risky_users`."""
        return await self._perform("dismiss-risky-users", user_ids, on_progress, options)

    async def _perform(
        self, action: str, ids: Iterable[str | UUID], on_progress: OnProgress | None, given: Options
    ) -> list[Batch]:
        options = self._tenants.options(given)
        loop = asyncio.get_running_loop()
        call = Call(action, ids, options, lambda request: self._fetch(request, loop), on_progress)
        future = call.start(self._tenants.instance(options.get("tenant")))
        done = asyncio.Event()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(done.set))
        try:
            await done.wait()
        except asyncio.CancelledError as interruption:
            call.stop()
            await done.wait()
            add_outcome(interruption, future)
            raise
        return future.result()

    def _fetch(self, request: TokenRequest, loop: asyncio.AbstractEventLoop) -> str:
        fetched = fetch(self._tenants.credential, request)
        if inspect.isawaitable(fetched):
            fetched = _in_loop(fetched, loop)
        return token_of(fetched)


def _in_loop(awaitable: Awaitable[Any], loop: asyncio.AbstractEventLoop) -> Any:
    async def run() -> Any:
        return await awaitable

    future = asyncio.run_coroutine_threadsafe(run(), loop)
    while True:
        try:
            return future.result(timeout=1)
        except concurrent.futures.TimeoutError:
            # A loop that was closed would never finish it.
            if future.done() or loop.is_closed():
                raise
