"""A call of an action, in a thread of its own.

A signal such as Ctrl-C raises its exception in the main thread, at the next Python code that runs there. During a call that
would be wasmtime-py's, between WebAssembly and `get-token`: ctypes discards the exception, the plugin traps, and the outcomes
are lost. Therefore the plugin never runs in the thread of the caller."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any
from uuid import UUID

from ._credential import CannotRenew, TokenRequest
from ._errors import EntraRiskError, InvalidArgument, PartialFailure, attach
from ._options import OptionsRecord, encodable
from ._plugin import Instance
from ._report import Batch, Error, Progress, batches_from, error_from

Fetch = Callable[[TokenRequest], str]

_log = logging.getLogger("entra_risk")


class Call:
    """One call of an action."""

    def __init__(
        self,
        action: str,
        ids: Iterable[str | UUID],
        options: dict[str, Any],
        fetch: Fetch,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        if isinstance(ids, (str, bytes)):
            raise InvalidArgument(f"ids: expected an iterable of ids; got one {type(ids).__name__}")
        self._action = action
        self._ids = [encodable(str(id)) for id in ids]
        self._options = OptionsRecord(options)
        self._fetch = fetch
        self._on_progress = on_progress
        self._least = -(-len(self._ids) // (options.get("ids_per_request") or 60))
        self._attempts = 0
        self._stopped = threading.Event()
        self._raised: BaseException | None = None
        # Why there is no token. The plugin learns only that there is none.
        self._no_token: Error | None = None

    def start(self, instance: Instance) -> Future[list[Batch]]:
        """Starts the call. The future contains the batches, or what the action raises."""
        future: Future[list[Batch]] = Future()
        future.set_running_or_notify_cancel()  # It cannot be cancelled, only stopped.

        def run() -> None:
            try:
                future.set_result(self._perform(instance))
            except BaseException as error:
                future.set_exception(error)

        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(run,), name="entra-risk").start()
        return future

    def stop(self) -> None:
        """Ends the call at its next step. Requests in flight get up to 10 s more."""
        self._stopped.set()

    def _perform(self, instance: Instance) -> list[Batch]:
        _log.info("%s: %d ids, tenant %r", self._action, len(self._ids), getattr(self._options, "tenant"))
        began = time.monotonic()
        result = instance.call(self._action, self._ids, self._options, self._get_token, self._stopped)
        seconds = time.monotonic() - began
        if result is None:
            raise EntraRiskError("stopped while waiting for another call for the same tenant; nothing was sent")
        if isinstance(result, list):
            batches = batches_from(result)
            _log.info("%s: every id accepted, %d attempts, %.1f s", self._action, self._attempts, seconds)
            return batches
        cause = error_from(result.cause, self._no_token)
        if cause.kind == "invalid-argument":
            raise InvalidArgument(_in_python(cause.text))
        failure = PartialFailure(cause, batches_from(result.batches, self._no_token))
        # Not the texts of the responses: they could imitate lines of the log.
        _log.info(
            "%s: %d ids accepted, %d refused, %d to retry, cause %s, %d attempts, %.1f s",
            self._action,
            len(failure.accepted),
            len(failure.refused),
            len(failure.to_retry),
            cause.kind,
            self._attempts,
            seconds,
        )
        if self._raised is not None:
            attach(self._raised, failure)
            raise self._raised
        raise failure

    def _get_token(self, record: Any) -> str:
        try:
            return self._token(record)
        except CannotRenew:
            reason = "Microsoft Graph rejected the token, and a str cannot be renewed: pass a new token, or a credential"
            self._no_token = Error("no-token", reason)
        except BaseException as error:
            # Its text may contain a secret, and reaches the caller in the exception itself.
            self._no_token = Error("no-token", f"{type(error).__name__} was raised")
            self._raised = error
        return ""

    def _token(self, record: Any) -> str:
        if self._stopped.is_set():
            self._no_token = Error("cancelled")
        if self._no_token is not None:
            return ""
        if self._on_progress is not None:
            self._on_progress(Progress(self._attempts, self._least))
        request = TokenRequest(
            f"{record.audience}/.default", record.tenant, record.endpoint, record.refresh, record.claims
        )
        _log.debug(
            "%s: attempt %d, token%s%s",
            self._action,
            self._attempts + 1,
            ", refreshed" if request.refresh else "",
            ", with a claims challenge" if request.claims else "",
        )
        token = self._fetch(request)
        self._attempts += 1
        return token


def _in_python(text: str) -> str:
    """Spells the argument in a message of the plugin as in Python: `options.max-in-flight: …` as `max_in_flight: …`."""
    argument, separator, rest = text.partition(": ")
    return argument.removeprefix("options.").replace("-", "_") + separator + rest
