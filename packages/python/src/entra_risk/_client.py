"""The four actions."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ._call import Call
from ._credential import Credential, TokenRequest, fetch, token_of
from ._errors import PartialFailure, attach, partial_failure
from ._options import Options, OptionsRecord, Settings, only
from ._plugin import Instance
from ._report import Batch, Error, Progress

if TYPE_CHECKING:
    from typing_extensions import Unpack

OnProgress = Callable[[Progress], None]


class Tenants:
    """What `EntraRisk` and `AsyncEntraRisk` share: the credential, the settings, and an instance for each tenant."""

    def __init__(self, credential: Credential, settings: Settings) -> None:
        if not (isinstance(credential, str) or callable(credential) or hasattr(credential, "get_token")):
            raise TypeError(
                "credential: expected a credential of azure-identity, a callable or a str;"
                f" got {type(credential).__name__}"
            )
        OptionsRecord(settings)  # Report a mistake now, not in the first call.
        self.credential = credential
        self._settings = settings
        self._instances: dict[str | None, Instance] = {}
        self._lock = threading.Lock()

    def options(self, given: Options) -> dict[str, Any]:
        """The options of a call: those given to it, and the settings for the others."""
        only(Options, given)
        return {**self._settings, **{name: value for name, value in given.items() if value is not None}}

    def instance(self, tenant: str | None) -> Instance:
        """The one instance of the tenant."""
        with self._lock:
            return self._instances.setdefault(tenant, Instance())

    def __len__(self) -> int:
        return len(self._instances)


class EntraRisk:
    """Performs the four actions, with one rate-limit state for each tenant.

    `credential` is a credential of azure-identity, a callable that takes a `TokenRequest` and returns a token, or a token.
    `settings` are options for every call, and where the token goes; `Options` and `Settings` document them.

    Keep the object: what it learns about the rate limit is lost with it. Threads may share it. Calls for the same tenant run
    one after another, calls for different tenants at the same time. Each method blocks until every id has an outcome.

    Each method returns the batches if every id was accepted. It raises `PartialFailure`, with the outcome of every id, if
    not; `InvalidArgument`, a `ValueError`, before anything is sent; and what the credential or `on_progress` raises.
    `partial_failure(error)` returns the outcomes from the latter, and from `KeyboardInterrupt`. An exception of the
    credential ends the call. It is not repeated: azure-identity does that itself.

    `on_progress` is called with a `Progress` before each attempt, in another thread than the caller's.
    """

    def __init__(self, credential: Credential, **settings: Unpack[Settings]) -> None:
        self._tenants = Tenants(credential, settings)

    def dismiss_sign_ins(
        self,
        request_ids: Iterable[str | UUID],
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> list[Batch]:
        """Dismisses the risk of sign-ins: they no longer contribute to the risk of their users.

        Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk. Repeating the call is safe."""
        return self._perform("dismiss-sign-ins", request_ids, on_progress, options)

    def confirm_sign_ins_safe(
        self,
        request_ids: Iterable[str | UUID],
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> list[Batch]:
        """Confirms sign-ins as safe: their risk is removed, and detection learns from it.

        Microsoft Graph refuses the ids of sign-ins that are not in the tenant or not at risk. Repeating the call is safe. It
        also overrides a `confirm_sign_ins_compromised` made in between."""
        return self._perform("confirm-sign-ins-safe", request_ids, on_progress, options)

    def confirm_sign_ins_compromised(
        self,
        request_ids: Iterable[str | UUID],
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> list[Batch]:
        """Confirms sign-ins as compromised: the risk of their users becomes high. Policies based on risk may block these
        users or require them to change their password.

        Microsoft Graph refuses the ids of sign-ins that are not in the tenant. Repeating the call is safe, but a user whose
        risk was remediated in between is set to high risk again."""
        return self._perform("confirm-sign-ins-compromised", request_ids, on_progress, options)

    def dismiss_risky_users(
        self,
        user_ids: Iterable[str | UUID],
        *,
        on_progress: OnProgress | None = None,
        **options: Unpack[Options],
    ) -> list[Batch]:
        """Dismisses the risk of users: their risk level becomes none. `user_ids` are object ids.

        Microsoft Graph refuses the ids of users who were deleted or are not at risk. Repeating the call is safe."""
        return self._perform("dismiss-risky-users", user_ids, on_progress, options)

    def _perform(
        self, action: str, ids: Iterable[str | UUID], on_progress: OnProgress | None, given: Options
    ) -> list[Batch]:
        options = self._tenants.options(given)
        call = Call(action, ids, options, self._fetch, on_progress)
        future = call.start(self._tenants.instance(options.get("tenant")))
        try:
            _wait(future)
        except BaseException as interruption:
            call.stop()
            _wait(future)  # A second interruption does not wait for the outcome.
            add_outcome(interruption, future)
            raise
        return future.result()

    def _fetch(self, request: TokenRequest) -> str:
        fetched = fetch(self._tenants.credential, request)
        if inspect.iscoroutine(fetched):
            fetched.close()
            raise TypeError("the credential is asynchronous: use AsyncEntraRisk, or a blocking credential")
        return token_of(fetched)


def add_outcome(interruption: BaseException, future: Future[list[Batch]]) -> None:
    """Attaches the outcome of the call to the exception that interrupted it."""
    error = future.exception()
    failure = PartialFailure(Error("cancelled"), future.result()) if error is None else partial_failure(error)
    if failure is not None:
        attach(interruption, failure)


def _wait(future: Future[list[Batch]]) -> None:
    # On Windows, a wait without a time limit does not notice Ctrl-C.
    while not future.done():
        wait([future], timeout=0.5)
