"""The client for threads."""

from __future__ import annotations

import inspect
import queue
import time
from collections.abc import Iterable, Iterator
from uuid import UUID

from ._action import Action
from ._actions import Actions
from ._call import Call
from ._check import TokenCheck, check_token
from ._credential import Secret, TokenRequest, token_of
from ._entry import Collection, Entry, ListError
from ._listing import entries
from ._options import ListOptions, Options
from ._progress import OnProgress
from ._reading import Page
from ._report import Report
from ._token import Stopped
from ._verification import Rule, Verification, Verifier
from ._work import Item


class EntraRisk(Actions[Report, Call, Iterator[Entry], TokenCheck, Verification]):
    """Performs the actions, with one rate-limit state for each tenant.

    `credential` is a credential of azure-identity, a callable that takes a `TokenRequest` and
    returns a token, or a token. `settings` are options for every call, and where the token goes;
    `Options` and `Settings` document them.

    Each method blocks until every id has its outcome, and returns a `Report`, whatever happened. It
    raises `InvalidArgument`, a `ValueError`, before anything is sent. What the credential or
    `on_progress` raises ends the call and is raised, and so is `KeyboardInterrupt`:
    `report_of(error)` returns the report from them. After an exception, the credential is not asked
    again: azure-identity retries by itself.

    `on_progress` is called with a `Progress` after each batch, and about once a second while
    nothing ends, in the thread of the caller.

    Keep the object: what it learns about the rate limit is lost with it. Threads may share it."""

    def _check(self, action: Action, request: TokenRequest) -> TokenCheck:
        return check_token(self._fetch(request, lambda: False), action)

    def _verify(self, rule: Rule, verifier: Verifier, options: ListOptions) -> Verification:
        while (seconds := verifier.wait()) is not None:
            time.sleep(seconds)
            verifier.begin()
            try:
                for entry in self._list(rule.collection, rule.filter, verifier.options(options)):
                    verifier.saw(entry.id, entry.processing)
            except ListError as error:
                verifier.failed(error)
                break
            verifier.end()
        return verifier.result()

    def _list(self, collection: Collection, filter: str | None, options: ListOptions) -> Iterator[Entry]:
        pages: queue.SimpleQueue[Page] = queue.SimpleQueue()
        return entries(self._tenants, self._tenants.reading(collection, filter, options, self._fetch, pages.put), pages)

    def _perform(
        self, action: Action, ids: Iterable[str | UUID], on_progress: OnProgress | None, options: Options
    ) -> Report:
        return self._start(action, ids, on_progress, options)._complete()

    def _start(
        self, action: Action, ids: Iterable[str | UUID], on_progress: OnProgress | None, options: Options
    ) -> Call:
        items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        work = self._tenants.work(action, ids, options, self._fetch, items.put)
        call = Call(self._tenants, work, items, on_progress)
        call._begin()
        return call

    def _fetch(self, request: TokenRequest, _: Stopped) -> Secret:
        fetched = self._tenants.credential.fetch(request)
        if inspect.iscoroutine(fetched.value):
            fetched.value.close()
            raise TypeError("the credential is asynchronous: use AsyncEntraRisk, or a blocking credential")
        return token_of(fetched)
