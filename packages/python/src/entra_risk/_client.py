"""The client for threads."""

from __future__ import annotations

import inspect
import queue
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from ._actions import Action, Actions, OnProgress
from ._call import Call
from ._credential import Credential, Secret, Source, TokenRequest, token_of
from ._options import Options, Settings
from ._report import Report
from ._tenants import Tenants
from ._token import Stopped
from ._work import Item

if TYPE_CHECKING:
    from typing_extensions import Unpack


class EntraRisk(Actions[Report]):
    """Performs the actions, with one rate-limit state for each tenant.

    `credential` is a credential of azure-identity, a callable that takes a `TokenRequest` and
    returns a token, or a token. `settings` are options for every call, and where the token goes;
    `Options` and `Settings` document them.

    Each method blocks until every id has its outcome, and returns a `Report`, whatever happened. It
    raises `InvalidArgument`, a `ValueError`, before anything is sent. What the credential or
    `on_progress` raises ends the call and is raised, and so is `KeyboardInterrupt`:
    `report_of(error)` returns the report from them. An exception of the credential is not repeated:
    azure-identity does that itself.

    `on_progress` is called with a `Progress` after each batch, and about once a second while
    nothing ends, in the thread of the caller.

    Keep the object: what it learns about the rate limit is lost with it. Threads may share it."""

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
    ) -> Call:
        """Starts an action, and returns a `Call`: iterate over it, and get each `Batch` as soon as
        its ids have their outcome. `on_progress` is called while you iterate.

        Raises `InvalidArgument` if an argument is not as documented."""
        call = self._call(action, ids, on_progress, options)
        call._begin()
        return call

    def _perform(
        self, action: Action, ids: Iterable[str | UUID], on_progress: OnProgress | None, options: Options
    ) -> Report:
        call = self._call(action, ids, on_progress, options)
        call._begin()
        return call._complete()

    def _call(
        self, action: Action, ids: Iterable[str | UUID], on_progress: OnProgress | None, options: Options
    ) -> Call:
        items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        work = self._tenants.work(action, ids, options, self._fetch, items.put)
        return Call(self._tenants, work, items, on_progress)

    def _fetch(self, request: TokenRequest, _: Stopped) -> Secret:
        fetched = self._tenants.credential.fetch(request)
        if inspect.iscoroutine(fetched.value):
            fetched.value.close()
            raise TypeError("the credential is asynchronous: use AsyncEntraRisk, or a blocking credential")
        return token_of(fetched)
