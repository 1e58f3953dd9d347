"""How far a call has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ._events import error_from, seconds_from
from ._report import Batch, Error, Outcome


@dataclass(frozen=True)
class Progress:
    """How far a call has come, and what it waits for: the argument of `on_progress`."""

    done: int
    """How many ids have their outcome."""
    left: int
    """How many ids have no outcome yet: 0 when the call is over. `done + left` is the number of
    distinct ids given."""
    accepted: int
    """How many ids among `done` Microsoft Graph accepted."""
    refused: int
    """How many ids among `done` Microsoft Graph refuses."""
    not_applied: int
    """How many ids among `done` were not applied."""
    unknown: int
    """How many ids among `done` may have been applied."""
    requests: int
    """How many requests were sent so far, including those that repeat or split a request."""
    in_flight: int
    """How many of the requests that were sent have no outcome yet."""
    next_send: float | None
    """Seconds until a request may be sent again. None: nothing is to be sent, or the time is not
    known, because `max_in_flight` requests are in flight."""
    error: Error | None
    """The failure that the call waits out: 429, 5xx, no connection or no token. None: there was
    none since the last acceptance."""


OnProgress = Callable[[Progress], None]
"""What is called while a call runs: after each batch, and about once a second while nothing
ends."""


class Meter:
    """Adds up the events of a call to its progress."""

    def __init__(self, total: int) -> None:
        self._total = total
        self.ids: Counter[Outcome] = Counter()
        """How many ids have each outcome."""
        self._requests = 0
        self._in_flight = 0
        self._next_send: float | None = None
        self._error: Error | None = None
        # The requests that have ended since the plugin last told how many were sent.
        self._ended: set[str] = set()

    def ended(self, batches: Iterable[Batch]) -> None:
        """Counts an event `ended`."""
        for batch in batches:
            self.ids[batch.outcome] += len(batch.ids)
            response = batch.receipt if batch.error is None else batch.error.response
            if response is not None:
                self._ended.add(response.client_request_id)

    def waiting(self, progress: Any, unsent: Mapping[str, Error]) -> None:
        """Takes over the record `progress` of an event `waiting`. `unsent`: see `error_from`."""
        self._requests = progress.requests
        self._in_flight = getattr(progress, "in-flight")
        self._next_send = seconds_from(getattr(progress, "next-send-ms"))
        self._error = error_from(progress.error, unsent)
        self._ended.clear()

    def over(self) -> None:
        """Counts the event `over`, which says nothing about requests."""
        # Those that ended without having been in flight when the plugin last told were sent since.
        self._requests += max(0, len(self._ended) - self._in_flight)
        self._ended.clear()
        self._in_flight, self._next_send, self._error = 0, None, None

    def progress(self) -> Progress:
        """Returns how far the call has come."""
        done = sum(self.ids.values())
        return Progress(
            done=done,
            left=self._total - done,
            accepted=self.ids["accepted"],
            refused=self.ids["refused"],
            not_applied=self.ids["not-applied"],
            unknown=self.ids["unknown"],
            requests=self._requests,
            in_flight=self._in_flight,
            next_send=self._next_send,
            error=self._error,
        )
