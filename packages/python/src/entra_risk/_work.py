"""One call. The driver of its instance works on it, and its caller waits for what it reports."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Union

from wasmtime.component import ResourceAny

from ._errors import InvalidArgument
from ._events import batches_from, error_from, explained
from ._forwarder import forwarder_to
from ._log import CallLog
from ._options import OptionsRecord, address_of, in_python
from ._plugin import Plugin
from ._progress import Meter, Progress
from ._report import Batch, Error, Report, carrying, in_order
from ._token import Tokens

Item = Union[Batch, Progress, None]
"""What the caller is told: for each event the batches, and then the progress. None: the call is
over, and nothing follows."""

GRACE = 10.0
"""Seconds that requests in flight get when a call is stopped, unless the caller gives another
number."""
_SLACK = 1.0
"""Seconds after the grace by which the plugin has ended a call, unless it waits for the credential
of another call of the same instance."""
_PROGRESS_EVERY = 1.0
"""Seconds after which the caller is told how far the call has come, although nothing has ended."""

_CANCELLED = Error("cancelled", "the call was stopped")
_NOT_ATTEMPTED = Error("not-attempted", "never sent, because the call ended before")
_NO_OUTCOME = Error("no-response", "perhaps sent: the call ended before the plugin reported the outcome")


class Work:
    """A call, for its caller and for the driver of its instance. `push` takes each `Item`; it is
    called in the thread of the driver, and must return immediately."""

    component = Plugin

    def __init__(
        self, action: str, ids: list[str], options: OptionsRecord, tokens: Tokens, push: Callable[[Item], None]
    ) -> None:
        self.tenant: str | None = getattr(options, "tenant")
        self._action = action
        self._ids = ids
        self._options = options
        self._tokens = tokens
        self._push = push
        # Ids are GUIDs: they are equal if they are equal in lower case.
        self._positions: dict[str, int] = {}
        for id in ids:
            self._positions.setdefault(id.lower(), len(self._positions))
        self.started = threading.Event()
        """Set when the arguments have been checked, or when the call is over."""
        self.over = threading.Event()
        """Set when every id has its outcome, or an argument is invalid."""
        self.raised: BaseException | None = None
        """What ended the call, if that is to be raised: an invalid argument, or an exception of the
        credential."""
        self._lock = threading.RLock()  # A signal handler may ask for the report too.
        self._ended: list[Batch] = []
        self._cause: Error | None = None
        self._grace: float | None = None
        self._late_at = float("inf")
        self._begun = False
        self._meter = Meter(len(self._positions))
        self._log = CallLog(action)
        # What only the driver uses:
        self._call: ResourceAny | None = None
        self._grace_told: float | None = None
        self._ask = True
        self._asked_at = 0.0
        self._waits_for: Error | None = None

    # What follows is for the caller, in any thread.

    def stop(self, grace: float) -> None:
        """Ends the call: nothing new is sent. A later call can only shorten the grace. It takes no
        lock, so that a signal handler may call it."""
        late_at = time.monotonic() + grace + _SLACK
        if late_at < self._late_at:
            self._grace, self._late_at = grace, late_at

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._grace is not None

    def end_if_late(self) -> None:
        """Ends a stopped call that has not begun, or that the plugin has not ended in time."""
        with self._lock:
            if self.stopped and (not self._begun or time.monotonic() > self._late_at):
                self._finish(_CANCELLED)

    def end_now(self) -> None:
        """Ends the call without waiting for the plugin."""
        with self._lock:
            self._finish(_CANCELLED)

    def report(self) -> Report:
        """The outcomes so far."""
        with self._lock:
            left = self._meter.progress().left
            return Report(in_order(self._ended, self._positions), self._cause, left)

    def forked(self) -> None:
        """Replaces the lock in a forked process: a thread of the parent may have held it."""
        self._lock = threading.RLock()

    # What follows is for the driver, in its thread.

    def step(self, plugin: Plugin, wait_ms: int) -> bool:
        """Works on the call, for `wait_ms` unless something ends before. Returns whether nothing
        remains to be done."""
        if self._call is None and not self._begin(plugin):
            return True
        assert self._call is not None
        grace = self._grace
        if grace is not None and grace != self._grace_told:
            plugin.stop(self._call, round(grace * 1000))
            self._grace_told = grace
        # Only `waiting` tells how far the call has come, so it is asked for after each event.
        event = plugin.next(self._call, 0 if self._ask else wait_ms)
        if event.tag == "over":
            plugin.drop(self._call)
            with self._lock:
                self._finish(explained(error_from(event.payload, self._unsent), self._action), self._tokens.raised)
            return True
        if event.tag == "ended":
            self._add(batches_from(event.payload, self._unsent))
        else:
            self._waiting(event.payload)
        self._ask = event.tag == "ended"
        return False

    @property
    def _unsent(self) -> Mapping[str, Error]:
        """The errors of the requests that the forwarder could not send."""
        return self._tokens.route.errors

    @property
    def has_begun(self) -> bool:
        """Whether the call is in the plugin."""
        return self._call is not None

    def get_token(self, request: Any) -> Any:
        """The import `get-token`, while `step` runs."""
        return self._tokens.get(request, lambda: self.stopped)

    def trapped(self, error: BaseException) -> None:
        """Ends the call: `error` has ended its instance."""
        if not self.has_begun:  # Nothing was sent. There may be no memory for an instance.
            self._end(error)
            return
        self._log.trapped(error)
        with self._lock:
            message = f"the plugin ended with {type(error).__name__}: this is a mistake in it, please report it"
            self._finish(Error("other", message))

    def _begin(self, plugin: Plugin) -> bool:
        with self._lock:
            self.end_if_late()
            if self.over.is_set():
                return False
            self._begun = True
        started = self._start(plugin)
        if isinstance(started, str):
            self._end(InvalidArgument(in_python(started)))
            return False
        self._call = started
        self._log.began(len(self._positions), self.tenant)
        self.started.set()
        return True

    def _start(self, plugin: Plugin) -> ResourceAny | str:
        # The plugin sends to the forwarder, so it checks the caller's endpoint in a call without ids.
        checked = plugin.start(self._action, [], self._options)
        if isinstance(checked, str):
            return checked
        plugin.drop(checked)
        try:
            forwarder = forwarder_to(address_of(self._options))
        except ValueError as error:
            return str(error)
        self._tokens.route = forwarder.open_route(self._action)
        options = copy.copy(self._options)
        setattr(options, "endpoint", forwarder.address)
        return plugin.start(self._action, self._ids, options)

    def _waiting(self, record: Any) -> None:
        self._meter.waiting(record, self._unsent)
        progress = self._meter.progress()
        self._log.waiting(progress)
        now = time.monotonic()
        if self._ask or progress.error != self._waits_for or now >= self._asked_at + _PROGRESS_EVERY:
            self._asked_at = now
            self._waits_for = progress.error
            self._tell(progress)

    # What follows is for both.

    def _add(self, batches: list[Batch]) -> None:
        with self._lock:
            if self.over.is_set():
                return
            self._ended += batches
            self._meter.ended(batches)
            for batch in batches:
                self._push(batch)

    def _tell(self, progress: Progress) -> None:
        with self._lock:
            if not self.over.is_set():
                self._push(progress)

    def _finish(self, cause: Error | None, raised: BaseException | None = None) -> None:
        """Ends the call. Ids of which the plugin has not reported an outcome get one that is
        certainly true."""
        if self.over.is_set():
            return
        known = {id.lower() for batch in self._ended for id in batch.ids}
        spelling = {id.lower(): id for id in reversed(self._ids)}
        rest = tuple(spelling[id] for id in self._positions if id not in known)
        if rest and self._tokens.supplied:
            self._add([Batch(rest, 1, "unknown", error=_NO_OUTCOME)])
        elif rest:
            self._add([Batch(rest, 0, "not-applied", error=_NOT_ATTEMPTED)])
        self._cause = cause
        self._meter.over()
        if self.has_begun:
            self._log.over(self._meter.ids, cause)
        self._tell(self._meter.progress())
        self._end(None if raised is None else carrying(raised, self.report()))

    def _end(self, raised: BaseException | None) -> None:
        with self._lock:
            if self.over.is_set():
                return
            self.raised = raised
            self._tokens.close()
            self.over.set()
            self.started.set()
            self._push(None)
