"""The import `get-token` of the plugin, for one call."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from wasmtime.component import Record, Variant

from ._credential import Denied, Secret, TokenRequest
from ._log import log
from ._printable import type_of
from ._reentry import waits_for
from ._route import Route

Stopped = Callable[[], bool]
"""Returns whether the call is to end. Whoever waits for a token then gives up."""
Fetch = Callable[[TokenRequest, Stopped], Secret]
"""Returns a token for a request, or raises an exception."""


_STOPPED = "the call was stopped before the credential returned"


class Tokens:
    """Asks the credential of a call for tokens, each time in a thread of its own: a credential may
    block for minutes, while somebody enters a device code, and the call must be able to end
    meanwhile."""

    def __init__(self, fetch: Fetch, permissions: tuple[str, ...]) -> None:
        self._fetch = fetch
        self._permissions = permissions
        self._context = contextvars.copy_context()
        self.route: Route
        """The way of the tokens to Microsoft Graph. It is set before the plugin asks for one."""
        self.supplied = False
        """Whether the credential has supplied a token. Without one, nothing was sent."""
        self.raised: BaseException | None = None
        """The exception of the credential, if it has raised one. It ends the call."""

    def get(self, record: Any, stopped: Stopped) -> Record | Variant:
        """Returns a `result<credential, token-error>` for a record `token-request`. It never
        raises: wasmtime-py would end the instance, and with it what is known about the ids."""
        request = TokenRequest(
            f"{record.audience}/.default",
            record.tenant,
            self.route.upstream,
            record.refresh,
            record.claims,
            self._permissions,
        )
        refresh = ", refreshed" if request.refresh else ""
        claims = ", with a claims challenge" if request.claims else ""
        log.debug("asking the credential for a token%s%s", refresh, claims)
        # A copy, because a credential that still blocks uses the one that it was given.
        context = self._context.copy()
        try:
            with waits_for(context):
                token = None if stopped() else self._wait(self._begin(request, stopped, context), stopped)
        except Denied as denied:
            return Variant("denied", str(denied))
        except BaseException as error:
            if isinstance(error, (CancelledError, asyncio.CancelledError)) and _stops_soon(stopped):
                return Variant("unavailable", _STOPPED)
            self.raised = error
            # The text of the exception may contain a secret, and reaches the caller in the
            # exception.
            return Variant("denied", f"the credential raised {type_of(error)}")
        if token is None:
            return Variant("unavailable", _STOPPED)
        self.supplied = True
        credential = Record()
        setattr(credential, "bearer", self.route.placeholder(token))
        return credential

    def close(self) -> None:
        """Ends the call: no request can use its tokens any more."""
        if hasattr(self, "route"):
            self.route.close()

    def _begin(self, request: TokenRequest, stopped: Stopped, context: contextvars.Context) -> Future[Secret]:
        future: Future[Secret] = Future()

        def run() -> None:
            try:
                future.set_result(self._fetch(request, stopped))
            except BaseException as error:
                future.set_exception(error)

        # A daemon, because a credential that still blocks must not keep the process from ending.
        thread = threading.Thread(target=context.run, args=(run,), name="entra-risk-token", daemon=True)
        thread.start()
        return future

    def _wait(self, future: Future[Secret], stopped: Stopped) -> Secret | None:
        while not stopped():
            try:
                return future.result(timeout=0.05)
            except NotYet:
                if future.done():  # The credential itself has raised this type of exception.
                    return future.result()
        return None


def _stops_soon(stopped: Stopped) -> bool:
    """Whether the call is stopped within a second. Whatever ends an event loop may cancel a credential
    before the call that waits for it."""
    until = time.monotonic() + 1
    while not stopped() and time.monotonic() < until:
        time.sleep(0.01)
    return stopped()
