"""What a call logs. Ids, tokens and texts of responses are left out; texts could imitate lines of
the log."""

from __future__ import annotations

import logging
import time
from collections import Counter

from ._progress import Progress
from ._report import Error, Outcome

log = logging.getLogger("entra_risk")

_LONG = 5.0
"""Seconds from which a wait after a failure is logged at `INFO`."""


class CallLog:
    """The lines of one call."""

    def __init__(self, action: str) -> None:
        self._action = action
        self._began = time.monotonic()
        self._failure: tuple[str, int | None, str | None] | None = None
        self._waits_until = 0.0

    def began(self, ids: int, tenant: str | None) -> None:
        """Logs that a call has begun: its arguments have been checked."""
        log.info("%s: %d ids, tenant %r", self._action, ids, tenant)

    def waiting(self, progress: Progress) -> None:
        """Logs a wait when it begins, with the failure that it follows."""
        seconds = progress.next_send
        until = time.monotonic() + (seconds or 0)
        begins = seconds is not None and until > self._waits_until + 0.5
        if begins:
            self._waits_until = until
        if progress.error is None:
            self._failure = None
            if begins and seconds is not None and seconds >= _LONG:
                log.debug("%s: waiting %.1f s for the rate limit", self._action, seconds)
            return
        response = progress.error.response
        status = None if response is None else response.status
        failure = (progress.error.kind, status, None if response is None else response.client_request_id)
        if begins or failure != self._failure:
            self._failure = failure
            level = logging.INFO if seconds is not None and seconds >= _LONG else logging.DEBUG
            wait = "" if seconds is None else f" waiting {seconds:.1f} s:"
            reason = progress.error.kind if status is None else f"{progress.error.kind} ({status})"
            log.log(level, "%s:%s %s", self._action, wait, reason)

    def trapped(self, error: BaseException) -> None:
        """Logs that the plugin trapped, which is a mistake in it."""
        log.error("%s: the plugin trapped", self._action, exc_info=error)

    def over(self, ids: Counter[Outcome], cause: Error | None) -> None:
        """Logs that every id has its outcome."""
        log.info(
            "%s: %d ids accepted, %d refused, %d to retry, cause %s, %.1f s",
            self._action,
            ids["accepted"],
            ids["refused"],
            ids["not-applied"] + ids["unknown"],
            "none" if cause is None else cause.kind,
            time.monotonic() - self._began,
        )
